//go:build !linux

package machine

// AvailableBytes is the memory that programs can take now without swapping, 0
// where nobody says.
func AvailableBytes() int64 { return 0 }
