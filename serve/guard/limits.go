package guard

import (
	"errors"
	"fmt"
	"time"
)

// Limits bound what requests may take.
type Limits struct {
	// BodyBytes is the most of a body as it comes, and of a message of gRPC.
	BodyBytes int64 `json:"body_bytes" yaml:"body_bytes"`
	// UnpackedBytes is the most of a body, or message, that comes compressed.
	UnpackedBytes int64 `json:"unpacked_bytes" yaml:"unpacked_bytes"`
	// MemoryBytes is the most of all bodies that are being read or worked on;
	// what goes beyond it waits a moment, and is sent away with 429.
	MemoryBytes int64 `json:"memory_bytes" yaml:"memory_bytes"`
	// BytesPerSecond is the slowest that a body may come, after Grace. A
	// slower one ends with 408.
	BytesPerSecond int64 `json:"bytes_per_second" yaml:"bytes_per_second"`
	// Grace is the time that a body may take whatever its size.
	Grace time.Duration `json:"grace" yaml:"grace"`
}

// DefaultLimits is 64 MiB a body, 1 GiB of bodies in memory, and 8 KiB/s after
// ten seconds.
func DefaultLimits() Limits {
	return Limits{
		BodyBytes: 64 << 20, UnpackedBytes: 64 << 20, MemoryBytes: 1 << 30,
		BytesPerSecond: 8 << 10, Grace: 10 * time.Second,
	}
}

// Validate tells all that is wrong.
func (l Limits) Validate() error {
	var errs []error
	that := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	const most = 1 << 40
	that(l.BodyBytes >= 1 && l.BodyBytes <= most, "body_bytes must be in 1..%d, got %d", int64(most), l.BodyBytes)
	that(l.UnpackedBytes >= 1 && l.UnpackedBytes <= most, "unpacked_bytes must be in 1..%d, got %d", int64(most), l.UnpackedBytes)
	// A buffer that grows is copied once while both are held.
	that(l.MemoryBytes/3 >= max(l.BodyBytes, l.UnpackedBytes), "memory_bytes must be at least three times body_bytes and unpacked_bytes, got %d", l.MemoryBytes)
	that(l.BytesPerSecond >= 1, "bytes_per_second must be at least 1, got %d", l.BytesPerSecond)
	that(l.Grace > 0, "grace must be above 0, got %v", l.Grace)
	return errors.Join(errs...)
}
