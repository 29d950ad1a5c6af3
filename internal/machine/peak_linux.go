package machine

import (
	"bytes"
	"os"
	"strconv"
)

// PeakBytes is the most memory that the process held at a time: its resident
// set, since the last reset.
func PeakBytes() int64 { return size("/proc/self/status", "VmHWM:") }

// ResetPeak makes the peak begin at what the process holds now. A kernel that
// refuses leaves the peak since the start.
func ResetPeak() { os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// AvailableBytes is the memory that programs can take now without swapping, 0
// where nobody says.
func AvailableBytes() int64 { return size("/proc/meminfo", "MemAvailable:") }

// size reads a size from one of the system's files: "VmHWM:   12345 kB".
func size(path, key string) int64 {
	text, err := os.ReadFile(path)
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
