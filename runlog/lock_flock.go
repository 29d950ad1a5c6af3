//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package runlog

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock claims a file until it is closed or the process ends, and fails with
// ErrInUse while another Run has it. A file system without locks claims nothing.
func lock(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return ErrInUse
	}
	return nil
}
