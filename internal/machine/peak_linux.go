package machine

import (
	"bytes"
	"os"
	"strconv"
)

// PeakBytes is the most memory that the process held at a time: its resident
// set, since the last reset.
func PeakBytes() int64 { return status("VmHWM:") }

// ResetPeak makes the peak begin at what the process holds now. A kernel that
// refuses leaves the peak since the start.
func ResetPeak() { os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// status reads a size from the process's status: "VmHWM:   12345 kB".
func status(key string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, text, _ = bytes.Cut(text, []byte(key))
	fields := bytes.Fields(text)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}
