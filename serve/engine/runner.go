package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/tensor"
)

// A runner computes with one loaded model: it cuts requests into jobs for the
// scheduler and puts their answers together.
type runner struct {
	scheduler
	saved     *recipe.Saved // it owns the weights
	instances []*instance   // each shares them, on a backend of its own
	batcher   *batcher
	inputs    []input
	lengths   ladder      // that examples are filled up to; nil where all have one
	gives     [][]ir.Type // of each length: what the network gives for one example
	sound     bool        // zeros do not make it give numbers that are not finite
	gave      int64       // bytes of what the network gives for one example, at the largest length
	memory    int64       // see bytes
	used      sync.Pool   // of *job, for one example
}

// spin is how long a thread of an instance looks for work. It is longer than the
// gaps in a batch, and takes little from the goroutines that answer requests.
const spin = 50 * time.Microsecond

// newRunner loads a model and plans its batches. Nothing runs before warm.
func newRunner(ctx context.Context, e *Engine, spec Spec) (r *runner, err error) {
	settings := e.batching
	if spec.Batching != nil {
		settings = *spec.Batching
	}
	if err := settings.Validate(); err != nil {
		return nil, fmt.Errorf("batching of model %s: %w", spec.Name, err)
	}
	one := e.machine
	one.Threads = 1
	saved, err := spec.Open(one)
	if err != nil {
		return nil, err
	}
	made := &runner{saved: saved, inputs: inputsOf(saved.Set), lengths: saved.Set.Lengths()}
	defer func() {
		if r == nil { // an error, or a panic
			err = errors.Join(err, made.close())
		}
	}()
	if err := made.build(ctx, e, spec, settings); err != nil {
		return nil, err
	}
	return made, nil
}

// build plans what a loaded model computes with.
func (r *runner) build(ctx context.Context, e *Engine, spec Spec, settings Batching) error {
	saved := r.saved
	e.limit(r.inputs)
	plan, err := saved.Step().Plan(r.types(1, r.longest())...)
	if err != nil {
		return err
	}
	g, err := saved.Step().Graph(r.types(1, r.longest())...)
	if err != nil {
		return err
	}
	for _, v := range g.Outputs() {
		r.gave += int64(v.Type().SizeBytes())
	}
	example := r.exampleBytes() + r.gave
	f := settings.form(plan.Flops, r.exampleBytes(), e.machine.Threads)
	limit := max(1, int(min(int64(settings.Queue), settings.QueueBytes/example)))
	r.batcher = &batcher{
		queue: newQueue(f.sizes, limit, settings.MaxDelay),
		model: spec.Name, version: spec.Version, observer: e.observer, log: e.log, processors: e.processors,
		light: f.light,
	}
	r.scheduler = r.batcher
	for range f.instances {
		s, err := saved.Share(cpu.WithThreads(f.threads), cpu.WithSpin(spin))
		if err != nil {
			return err
		}
		r.instances = append(r.instances, &instance{saved: s, threads: f.threads, least: f.least, work: make(chan struct{}, 1)})
	}
	r.memory = plan.VariableBytes + plan.PackedBytes + int64(limit)*example
	for _, i := range r.instances {
		n, err := r.plan(i)
		if err != nil {
			return err
		}
		r.memory += n
	}
	return nil
}

// steps lists the lengths to plan: one that means nothing where examples do not
// vary.
func (r *runner) steps() ladder {
	if r.lengths == nil {
		return ladder{0}
	}
	return r.lengths
}

func (r *runner) longest() int { return r.steps()[len(r.steps())-1] }

// types lists the types of the inputs for n examples of a length.
func (r *runner) types(n, length int) []ir.Type {
	types := make([]ir.Type, len(r.inputs))
	for i := range r.inputs {
		types[i] = r.inputs[i].batchOf(n, length)
	}
	return types
}

// exampleBytes is the memory of the inputs of one example, at the largest
// length.
func (r *runner) exampleBytes() int64 {
	n := 0
	for _, t := range r.types(1, r.longest()) {
		n += t.SizeBytes()
	}
	return int64(max(1, n))
}

// plan compiles an instance for all lengths and sizes of batches, makes room for
// their inputs, and returns the bytes that it needs.
func (r *runner) plan(i *instance) (int64, error) {
	sizes := r.batcher.sizes
	step := i.saved.Step()
	step.Keep(len(r.steps()) * len(sizes))
	var room []*tensor.Tensor
	var total, arena int64
	for _, t := range r.types(sizes[len(sizes)-1], r.longest()) {
		room = append(room, tensor.New(t.DType, t.Shape))
		total += int64(t.SizeBytes())
	}
	for _, length := range r.steps() {
		var rungs [][]*tensor.Tensor
		for _, size := range sizes {
			types := r.types(size, length)
			p, err := step.Plan(types...)
			if err != nil {
				return 0, err
			}
			total, arena = total+p.KeptBytes+int64(size)*r.gave, max(arena, p.ArenaBytes)
			var in []*tensor.Tensor
			for k, t := range types {
				view, err := tensor.FromBytes(t.DType, t.Shape, room[k].Bytes()[:t.SizeBytes()])
				if err != nil {
					return 0, err
				}
				in = append(in, view)
			}
			rungs = append(rungs, in)
		}
		i.in = append(i.in, rungs)
	}
	return total + arena, nil
}

// warm runs every batch that was planned, so that nothing is left to do on the
// first request, and begins to compute.
func (r *runner) warm(ctx context.Context) error {
	r.sound = true
	for _, i := range r.instances {
		gives, err := r.batcher.warm(ctx, i)
		if err != nil {
			return err
		}
		r.gives = nil
		for _, list := range gives {
			var types []ir.Type
			for _, t := range list {
				r.sound = r.sound && isFinite(t)
				types = append(types, ir.Type{DType: t.DType(), Shape: t.Shape().Tail()})
			}
			r.gives = append(r.gives, types)
		}
	}
	for _, i := range r.instances {
		r.batcher.start(i)
	}
	return nil
}

// bytes is the memory that the runner holds outside what a request brings: its
// weights, what its instances keep and work in, and the examples that may wait.
func (r *runner) bytes() int64 { return r.memory }

// targets are what the network gives.
func (r *runner) targets() []feature.Fitted { return r.saved.Set.Targets }

// newJob makes a job for the examples of a request.
func (r *runner) newJob(ctx context.Context, rung, n int) *job {
	j := &job{length: rung, n: n, in: make([]*tensor.Tensor, len(r.inputs)), answers: make(chan answer, 1)}
	r.prepare(ctx, j)
	return j
}

// oneJob makes a job for one example of the only length, with inputs that hold
// anything.
func (r *runner) oneJob(ctx context.Context) *job {
	j, _ := r.used.Get().(*job)
	if j != nil {
		r.prepare(ctx, j)
		return j
	}
	j = r.newJob(ctx, 0, 1)
	j.own = true
	for i, t := range r.types(1, 0) {
		j.in[i] = tensor.New(t.DType, t.Shape)
	}
	return j
}

// prepare makes room for the answer to a job that nothing has happened to.
func (r *runner) prepare(ctx context.Context, j *job) {
	j.ctx, j.next, j.taken, j.compute, j.batch = ctx, 0, 0, 0, 0
	j.out = make([]*tensor.Tensor, len(r.gives[j.length]))
	for i, t := range r.gives[j.length] {
		j.out[i] = tensor.New(t.DType, stacked(j.n, t.Shape))
	}
}

// run computes the examples of a request that has entered, and returns a tensor
// [n ...] for each target, the caller's to keep.
func (r *runner) run(ctx context.Context, e *encoded, n int, times *Times) ([]*tensor.Tensor, error) {
	r.submit(e.jobs...)
	for _, j := range e.jobs {
		if err := r.await(ctx, j, times); err != nil {
			for _, other := range e.jobs {
				r.withdraw(other)
			}
			return nil, err
		}
	}
	out := e.jobs[0].out
	if e.places != nil {
		out = r.join(e, n)
	}
	if j := e.jobs[0]; j.own {
		j.ctx, j.out = nil, nil
		r.used.Put(j)
	}
	return out, r.check(out)
}

// await takes the answers to a job.
func (r *runner) await(ctx context.Context, j *job, times *Times) error {
	for {
		select {
		case a := <-j.answers:
			times.Queue, times.Compute, times.Batch = max(times.Queue, a.queue), times.Compute+a.compute, max(times.Batch, a.batch)
			if a.last {
				return a.err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// join puts what the jobs of a request gave in the order of its examples. What
// the network gives for each position is filled up with zeros.
func (r *runner) join(e *encoded, n int) []*tensor.Tensor {
	var out []*tensor.Tensor
	for t, last := range e.jobs[len(e.jobs)-1].out { // of the greatest length
		all := tensor.New(last.DType(), last.Shape().With(0, n))
		for i, j := range e.jobs {
			for at, k := range e.places[i] {
				dst, src := all.Row(k), j.out[t].Row(at)
				copy(dst.Bytes(), src.Bytes())
			}
		}
		out = append(out, all)
	}
	return out
}

// check refuses answers with numbers that are not finite. A model that gives
// such numbers for zeros too is at fault itself, otherwise the example is.
func (r *runner) check(out []*tensor.Tensor) error {
	for _, t := range out {
		if isFinite(t) {
			continue
		}
		if !r.sound {
			return Errorf(Internal, "the model gives numbers that are not finite")
		}
		for k := range t.Shape().Dim(0) {
			if row := t.Row(k); !isFinite(&row) {
				err := errors.New("the model gives numbers that are not finite: the example lies outside of what it can compute with")
				return &Error{Code: Invalid, Message: fmt.Sprintf("example %d: %v", k, err), Cause: &ExampleError{k, err}}
			}
		}
	}
	return nil
}

// decode makes of example k what a person reads.
func (r *runner) decode(e *encoded, out []*tensor.Tensor, k int) (map[string]any, error) {
	if e.own == nil {
		return r.saved.Decode(out, k)
	}
	return r.saved.DecodeOwn(out, k, e.own[k])
}

// do runs f alone with an instance's model.
func (r *runner) do(ctx context.Context, f func(s *recipe.Saved) error) error {
	return r.batcher.do(ctx, f)
}

// close waits for what is being computed and frees the model.
func (r *runner) close() error {
	if r.scheduler != nil {
		r.scheduler.close()
	}
	var errs []error
	for _, i := range r.instances {
		errs = append(errs, i.saved.Close())
	}
	return errors.Join(append(errs, r.saved.Close())...)
}
