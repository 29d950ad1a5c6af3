package guard

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gradus-ml/gradus/config"
)

// Limits bound what requests may take.
type Limits struct {
	BodyBytes      int64         `json:"body_bytes" yaml:"body_bytes"`             // the most of a body as it comes, and of a message of gRPC
	UnpackedBytes  int64         `json:"unpacked_bytes" yaml:"unpacked_bytes"`     // the most of one that came compressed
	MemoryBytes    int64         `json:"memory_bytes" yaml:"memory_bytes"`         // the most of all bodies that are read or worked on; one beyond it waits a moment, then gets 429
	BytesPerSecond int64         `json:"bytes_per_second" yaml:"bytes_per_second"` // the slowest that a body may come, after the grace; a slower one ends with 408
	Grace          time.Duration `json:"grace" yaml:"grace"`                       // the time that a body may take whatever its size
	HeaderBytes    int           `json:"header_bytes" yaml:"header_bytes"`         // the most of a request's header; beyond it the answer is 431
	Connections    int           `json:"connections" yaml:"connections"`           // that are open at a time; one more takes the place of the one that has lain still for longest, and gets 503 if none does
	InFlight       int           `json:"in_flight" yaml:"in_flight"`               // requests that are read or worked on at a time; one more gets 503
	Rate           *Rate         `json:"rate" yaml:"rate"`                         // of a key without one of its own, and of an address that needs no key; null for none
}

// A Rate is the most that may be asked for as time goes on. What goes beyond it
// gets 429.
type Rate struct {
	PerSecond float64 `json:"per_second" yaml:"per_second"` // requests a second
	Burst     int     `json:"burst" yaml:"burst"`           // requests that may come at once after a pause
}

// DefaultLimits is 64 MiB a body, 1 GiB of bodies in memory, 8 KiB/s after ten
// seconds, 64 KiB of headers, 8192 connections, 4096 requests at a time, and no
// rate.
func DefaultLimits() Limits {
	return Limits{
		BodyBytes: 64 << 20, UnpackedBytes: 64 << 20, MemoryBytes: 1 << 30,
		BytesPerSecond: 8 << 10, Grace: 10 * time.Second,
		HeaderBytes: 64 << 10, Connections: 8192, InFlight: 4096,
	}
}

// Open are the limits of requests that anybody may make, such as probes: 4 KiB a
// body, and 8 MiB of bodies in memory, which those with a key do not share.
func (l Limits) Open() Limits {
	l.BodyBytes, l.UnpackedBytes = min(l.BodyBytes, 4<<10), min(l.UnpackedBytes, 4<<10)
	l.MemoryBytes = min(l.MemoryBytes, 8<<20)
	return l
}

// Validate tells all that is wrong.
func (l Limits) Validate() error {
	var errs []error
	within := func(key string, n, least, most int64) {
		if n < least || n > most {
			errs = append(errs, config.Under(key, fmt.Errorf("%d is not in %d..%d", n, least, most)))
		}
	}
	within("body_bytes", l.BodyBytes, 1, 1<<32-1) // a message of gRPC can't have more
	within("unpacked_bytes", l.UnpackedBytes, 1, 1<<32-1)
	// A buffer that grows is copied once while both are held.
	within("memory_bytes", l.MemoryBytes, 3*max(l.BodyBytes, l.UnpackedBytes), math.MaxInt64)
	within("bytes_per_second", l.BytesPerSecond, 1, math.MaxInt64)
	if l.Grace <= 0 {
		errs = append(errs, config.Under("grace", fmt.Errorf("%v is not above 0", l.Grace)))
	}
	within("header_bytes", int64(l.HeaderBytes), 4<<10, 16<<20)
	within("connections", int64(l.Connections), 1, 1<<20)
	within("in_flight", int64(l.InFlight), 1, 1<<20)
	if l.Rate != nil {
		errs = append(errs, config.Under("rate", l.Rate.Validate()))
	}
	return errors.Join(errs...)
}

// Validate tells all that is wrong.
func (r Rate) Validate() error {
	var errs []error
	if !(r.PerSecond > 0 && r.PerSecond <= 1e9) {
		errs = append(errs, config.Under("per_second", fmt.Errorf("%v is not above 0", r.PerSecond)))
	}
	if r.Burst < 1 {
		errs = append(errs, config.Under("burst", fmt.Errorf("%d is less than 1", r.Burst)))
	}
	return errors.Join(errs...)
}
