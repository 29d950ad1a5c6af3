package engine

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

var gmode = os.Getenv("LOADG")

type poke struct {
	f *os.File
}

func newPoke() *poke {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		panic(err)
	}
	return &poke{os.NewFile(uintptr(fd), "poke")}
}

var pokes = func() chan *poke {
	c := make(chan *poke, 8)
	for range 8 {
		c <- newPoke()
	}
	return c
}()

func (p *poke) wait() {
	rc, err := p.f.SyscallConn()
	if err != nil {
		panic(err)
	}
	asked := false
	rc.Read(func(fd uintptr) bool {
		var b [8]byte
		if !asked {
			asked = true
			b[0] = 1
			unix.Write(int(fd), b[:])
			return false
		}
		unix.Read(int(fd), b[:])
		return true
	})
}

func (b *batcher) gather() {
	last := 0
	for {
		b.mu.Lock()
		n := b.rows + b.coming
		b.mu.Unlock()
		if n <= last || n >= b.most {
			return
		}
		last = n
		if gmode == "2" {
			p := <-pokes
			p.wait()
			pokes <- p
		}
		runtime.Gosched()
	}
}
