package engine

import (
	"errors"
	"fmt"
	"time"
)

// A Batching says how requests to a model are put together and how many of them
// may wait. It is data, a part of a server's settings.
type Batching struct {
	MaxBatch   *int          `json:"max_batch" yaml:"max_batch"`     // examples that are computed at a time at most; null goes by the model's arithmetic
	MaxDelay   time.Duration `json:"max_delay" yaml:"max_delay"`     // how long an example waits at most for others that are on their way
	Queue      int           `json:"queue" yaml:"queue"`             // examples that may wait; further requests are told to come again
	QueueBytes int64         `json:"queue_bytes" yaml:"queue_bytes"` // memory of the examples that wait
	Instances  *int          `json:"instances" yaml:"instances"`     // batches that are computed at a time; null goes by the model's arithmetic
	Threads    *int          `json:"threads" yaml:"threads"`         // that compute one batch; null goes by the model's arithmetic
}

// DefaultBatching waits for a millisecond at most, and lets 1024 examples or
// 256 MiB wait.
func DefaultBatching() Batching {
	return Batching{MaxDelay: time.Millisecond, Queue: 1024, QueueBytes: 256 << 20}
}

const (
	mostBatch     = 1024
	mostInstances = 64
	mostThreads   = 1024
)

const (
	// shared is the arithmetic of one example from which other threads are worth
	// waking for it, if they have nothing else to do (BenchmarkBatch: lenet, of 8.6
	// MFLOP, takes 177 us on one thread and 79 us on two).
	shared = 5e6
	// heavy is that from which all threads compute one batch after another. Below,
	// several batches are computed at a time, a thread each, whenever others wait:
	// threads of one batch wait for each other, and for processors that answer
	// requests.
	heavy = 200e6
	// near is the memory of the examples of a batch of a light model: what is put
	// together is read from the second cache. Larger examples are computed where
	// they are (BenchmarkPredict: spam, of 256 KB each, was slower by a quarter in
	// batches of 4).
	near = 256 << 10
)

// A form is how batches of a model are computed.
type form struct {
	instances, threads, least int
	light                     bool
	sizes                     ladder // of batches
}

// form follows from arithmetic and memory of one example, and from nothing that
// is measured while a server runs.
func (b Batching) form(flops, bytes int64, processors int) form {
	f := form{instances: min(processors, 4), threads: 1, least: 1, light: true}
	most := int(max(1, min(32, near/bytes)))
	switch {
	case flops >= heavy:
		f = form{instances: 1, threads: processors, least: processors}
		most = 16
	case flops >= shared:
		f.threads = processors
	}
	if b.Instances != nil {
		f.instances = *b.Instances
	}
	if b.Threads != nil {
		f.threads = min(*b.Threads, processors)
		f.least = f.threads
	}
	if b.MaxBatch != nil {
		most = *b.MaxBatch
	}
	f.sizes = upTo(most)
	return f
}

// Validate tells all that is wrong.
func (b Batching) Validate() error {
	var errs []error
	within := func(key string, v *int, most int) {
		if v != nil && (*v < 1 || *v > most) {
			errs = append(errs, fmt.Errorf("%s: %d is not in 1..%d", key, *v, most))
		}
	}
	within("max_batch", b.MaxBatch, mostBatch)
	within("instances", b.Instances, mostInstances)
	within("threads", b.Threads, mostThreads)
	if b.MaxDelay < 0 || b.MaxDelay > time.Minute {
		errs = append(errs, fmt.Errorf("max_delay: %v is not in 0..1m", b.MaxDelay))
	}
	if b.Queue < 1 {
		errs = append(errs, fmt.Errorf("queue: %d is less than 1", b.Queue))
	}
	if b.QueueBytes < 1 {
		errs = append(errs, fmt.Errorf("queue_bytes: %d is less than 1", b.QueueBytes))
	}
	return errors.Join(errs...)
}
