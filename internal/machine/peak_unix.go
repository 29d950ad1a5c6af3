//go:build unix && !linux

package machine

import (
	"runtime"
	"syscall"
)

// PeakBytes is the most memory that the process held at a time since its
// start: its resident set.
func PeakBytes() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	switch runtime.GOOS {
	case "darwin", "ios":
		return int64(u.Maxrss)
	}
	return int64(u.Maxrss) << 10
}

// ResetPeak does nothing: these systems keep the peak since the start.
func ResetPeak() {}
