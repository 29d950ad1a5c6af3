package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/backend/cpu/pool"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A scheduler computes the jobs of a version. The answers to a job come over
// its channel until one that is the last. What computes batches gives one
// answer; what makes a text token by token may give many.
type scheduler interface {
	// enter makes room for the n examples of a request, before they are encoded,
	// or tells that there is none. What enters submits or leaves.
	enter(n int) error
	leave(n int)
	// submit hands over the jobs of a request that has entered.
	submit(jobs ...*job)
	// withdraw takes back a job that nobody waits for any more. What is being
	// computed of it is left to its end; if the job's inputs are memory of others,
	// withdraw waits for that.
	withdraw(j *job)
	// waiting is the number of examples that wait.
	waiting() int
	// close ends what computes, when all jobs are answered.
	close()
}

// A batcher computes jobs in batches, in several instances at a time.
type batcher struct {
	*queue
	model, version string
	observer       Observer
	log            *slog.Logger
	processors     *processors
	light          bool // a batch takes about as long as waking a goroutine
	running        sync.WaitGroup
}

// A batch is examples that are computed at once.
type batch struct {
	parts  []part
	n      int // examples
	length int // the rung of lengths
	waits  []time.Duration
}

// A part is the examples lo..hi of a job.
type part struct {
	job    *job
	lo, hi int
	wait   time.Duration
}

// An instance computes batches on a backend of its own. It is idle, or in the
// hands of one goroutine.
type instance struct {
	saved   *recipe.Saved
	threads int           // that can compute a batch
	least   int           // that it waits for
	work    chan struct{} // tells its own goroutine to compute
	batch   batch
	// Inputs of each rung of lengths and sizes, to be filled; all lie in the same
	// memory.
	in [][][]*tensor.Tensor
}

// start makes an instance idle, with a goroutine that computes when it is told.
func (b *batcher) start(i *instance) {
	b.running.Go(func() {
		for range i.work {
			for again := true; again; again = b.again(i) {
				b.turn(i, b.processors.take(i.least))
			}
		}
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.idle, b.all = append(b.idle, i), b.all+1
}

// submit queues the jobs of a request that has entered. If an instance and the
// processors for it are idle and the model is light, the batch is computed here:
// waking another goroutine takes longer than many a model.
func (b *batcher) submit(jobs ...*job) {
	i, company := b.put(jobs)
	if i == nil {
		return
	}
	if b.light {
		if company {
			runtime.Gosched() // who is about to enter does so first
		}
		n := b.processors.more(i.least)
		if n == i.least {
			if b.turn(i, n); !b.again(i) {
				return
			}
		} else {
			b.processors.give(n)
		}
	}
	i.work <- struct{}{}
}

// turn computes one batch on n processors, which it gives back. Whatever goes
// wrong, the jobs are answered and the instance can go on.
func (b *batcher) turn(i *instance, n int) {
	defer func() {
		if p := recover(); p != nil {
			b.answered(i.batch.parts, i.batch.n, 0, b.failure(&pool.Panic{Value: p, Stack: debug.Stack()}))
		}
		b.processors.give(n)
		clear(i.batch.parts)
		i.batch.parts, i.batch.n = i.batch.parts[:0], 0
	}()
	alone := b.take(&i.batch)
	if alone && i.batch.n > 0 { // threads that nobody else has use for
		n += b.processors.more(i.threads - n)
	}
	if i.batch.n > 0 {
		i.limit(n)
		b.compute(i, &i.batch)
	}
}

// limit sets how many threads compute the next batch.
func (i *instance) limit(n int) { i.saved.Store.Backend().(*cpu.Backend).Limit(n) }

// close ends the instances when all jobs are answered.
func (b *batcher) close() {
	b.queue.close()
	for _, i := range b.idle {
		close(i.work)
	}
	b.running.Wait()
}

// do calls f with the model of an instance while that computes nothing else.
func (b *batcher) do(ctx context.Context, f func(s *recipe.Saved) error) (err error) {
	i, err := b.borrow(ctx)
	if err != nil {
		return err
	}
	n := b.processors.take(i.threads)
	i.limit(n)
	defer func() {
		if p := recover(); p != nil {
			err = b.failure(&pool.Panic{Value: p, Stack: debug.Stack()})
		}
		b.processors.give(n)
		if b.again(i) {
			i.work <- struct{}{}
		}
	}()
	if err := ctx.Err(); err != nil {
		return err
	}
	return f(i.saved)
}

// compute answers the jobs of a batch. If it can't be computed, each job is on
// its own, so that the others have their answers.
func (b *batcher) compute(i *instance, t *batch) {
	start := time.Now()
	size := b.sizes.up(t.n)
	out, err := i.run(t, size, b.sizes[size])
	took := time.Since(start)
	if err == nil {
		at := 0
		for _, p := range t.parts {
			n := p.hi - p.lo
			for k, o := range out {
				copy(rows(p.job.out[k], p.lo, p.hi), rows(o, at, at+n))
			}
			at += n
		}
	}
	alone := err != nil && len(t.parts) > 1
	if !alone {
		if err != nil {
			err = b.failure(err)
		}
		b.answered(t.parts, t.n, took, err)
	}
	t.waits = t.waits[:0]
	for _, p := range t.parts {
		t.waits = append(t.waits, p.wait)
	}
	b.observer.Computed(Batch{b.model, b.version, t.n, b.sizes[size], t.waits, took, err != nil})
	if alone {
		for _, p := range t.parts {
			b.compute(i, &batch{parts: []part{p}, n: p.hi - p.lo, length: t.length})
		}
	}
}

// rows is the memory of rows lo..hi of a tensor.
func rows(t *tensor.Tensor, lo, hi int) []byte {
	row := len(t.Bytes()) / t.Shape().Dim(0)
	return t.Bytes()[lo*row : hi*row]
}

// run computes a batch, filled up to size with its first example. A panic in it
// is an error.
func (i *instance) run(t *batch, rung, size int) (out []*tensor.Tensor, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &pool.Panic{Value: p, Stack: debug.Stack()}
		}
	}()
	if first := t.parts[0]; t.n == size && first.job.n == size && first.lo == 0 {
		return i.saved.Run(context.Background(), first.job.in...)
	}
	in := i.in[t.length][rung]
	for k, dst := range in {
		at := 0
		for _, p := range t.parts {
			at += copy(dst.Bytes()[at:], rows(p.job.in[k], p.lo, p.hi))
		}
		for row := at / t.n; at < len(dst.Bytes()); {
			at += copy(dst.Bytes()[at:], dst.Bytes()[:row])
		}
	}
	return i.saved.Run(context.Background(), in...)
}

// failure makes of what went wrong with a job what its client may see.
func (b *batcher) failure(err error) error {
	var bound *shape.Error
	if errors.As(err, &bound) {
		return &Error{Code: Invalid, Message: bound.Reason, Cause: err}
	}
	args := []any{"model", b.model, "version", b.version, "error", err}
	var p *pool.Panic
	if errors.As(err, &p) {
		args = append(args, "stack", string(p.Stack))
	}
	b.log.Error("a batch failed", args...)
	return err
}

// warm runs an instance on zeros of every rung, and returns what it gives, by
// length, for the smallest batch.
func (b *batcher) warm(ctx context.Context, i *instance) ([][]*tensor.Tensor, error) {
	defer b.processors.give(b.processors.take(i.threads))
	var gives [][]*tensor.Tensor
	for _, sizes := range i.in {
		for k, in := range sizes {
			for _, t := range in {
				clear(t.Bytes())
			}
			out, err := i.saved.Run(ctx, in...)
			if err != nil {
				return nil, err
			}
			for _, t := range out {
				if t.Shape().Rank() == 0 || t.Shape().Dim(0) != b.sizes[k] {
					return nil, fmt.Errorf("the model gives %v for a batch of %d examples", t, b.sizes[k])
				}
			}
			if k == 0 {
				gives = append(gives, out)
			}
		}
	}
	return gives, nil
}

// isFinite reports whether no element is NaN or infinite.
func isFinite(t *tensor.Tensor) bool {
	if t.DType() != dtype.Float32 {
		return true
	}
	for _, x := range t.F32() {
		if x-x != 0 {
			return false
		}
	}
	return true
}
