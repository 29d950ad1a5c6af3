package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/tensor"
)

// A runner computes with one loaded model.
type runner struct {
	mu    sync.Mutex
	saved *recipe.Saved
}

// newRunner loads a model.
func newRunner(ctx context.Context, e *Engine, spec Spec) (*runner, error) {
	s, err := spec.Open(e.machine)
	if err != nil {
		return nil, err
	}
	return &runner{saved: s}, nil
}

func (r *runner) inputs() []feature.Fitted  { return r.saved.Set.Inputs }
func (r *runner) targets() []feature.Fitted { return r.saved.Set.Targets }

// decode makes of example k what a person reads.
func (r *runner) decode(out []*tensor.Tensor, k int) (map[string]any, error) {
	return r.saved.Decode(out, k)
}

// run computes n examples and returns a tensor [n ...] for each target, the
// caller's to keep.
func (r *runner) run(ctx context.Context, in []*tensor.Tensor, n int, times *Times) (out []*tensor.Tensor, err error) {
	start := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	times.Queue = time.Since(start)
	start = time.Now()
	shared, err := r.saved.Run(ctx, in...)
	if err != nil {
		return nil, err
	}
	times.Compute, times.Batch = time.Since(start), n
	for _, t := range shared {
		out = append(out, t.Clone())
	}
	return out, nil
}

func (r *runner) close() error { return r.saved.Close() }
