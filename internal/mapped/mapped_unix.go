//go:build unix

package mapped

import "golang.org/x/sys/unix"

func mapMemory(size int) ([]byte, error) {
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err == nil {
		largePages(mem)
	}
	return mem, err
}

func unmap(mem []byte) { _ = unix.Munmap(mem) } // it fails for a wrong address only
