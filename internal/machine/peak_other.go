//go:build !unix

package machine

import "runtime"

// PeakBytes is the memory that the Go runtime has taken from the system. What
// is mapped outside the Go heap is not in it.
func PeakBytes() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}

// ResetPeak does nothing here.
func ResetPeak() {}
