package serve

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
)

// listen takes an address: HOST:PORT, or unix:PATH.
func listen(address string) (net.Listener, error) {
	path, ok := strings.CutPrefix(address, unixPrefix)
	if !ok {
		var c net.ListenConfig
		c.SetMultipathTCP(false) // which hush can't filter
		return c.Listen(context.Background(), "tcp", address)
	}
	// A socket that nobody listens to is left from a server that was killed.
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if c, err := net.Dial("unix", path); err == nil {
			c.Close()
			return nil, errors.New(address + ": another server listens there")
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return net.Listen("unix", path)
}

// localAddr tells addresses that only this machine can reach.
func localAddr(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return !ok || t.IP.IsLoopback()
}
