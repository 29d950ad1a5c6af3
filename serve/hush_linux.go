package serve

import (
	"net"

	"golang.org/x/sys/unix"
)

// hush lets no new connection begin, while those that have begun are accepted.
// Closing the listener alone would break off connections that the kernel has
// made for it and that it has not accepted yet. A filter drops what begins a
// connection; a client that is turned away so tries again a second later, when
// nobody listens any more, and learns that.
func hush(l net.Listener) {
	t, ok := l.(*net.TCPListener)
	if !ok {
		return
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	const flags, syn = 13, 0x02 // of the header of TCP, where the filter's data begin
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: syn, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1},
	}
	raw.Control(func(fd uintptr) {
		// A kernel without filters closes the hard way.
		unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	})
}
