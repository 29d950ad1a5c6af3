package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

// The prefixes of the averages of the weights, shadows in the store; those of
// schedule-free optimizers are under optim.JudgedPrefix.
const (
	emaPrefix = "ema."
	swaPrefix = "swa."
)

// decay is that of the step after so many.
func (e *EMA) decay(step int) float64 {
	if !e.Warmup {
		return e.Decay
	}
	return math.Min(e.Decay, float64(1+step)/float64(10+step))
}

// shadow names the average that the model is judged by and saved as; "" are
// the weights themselves.
func (r *run) shadow() string {
	switch {
	case r.final:
		return ""
	case r.Strategy.SWA != nil && r.state.Averaged > 0:
		return swaPrefix
	case r.Strategy.EMA != nil && r.state.Step > 0:
		return emaPrefix
	case r.scheduleFree() && r.state.Step > 0:
		return optim.JudgedPrefix
	}
	return ""
}

// scheduleFree tells whether an optimizer trains weights other than those that
// the model is judged by.
func (t *Trainer) scheduleFree() bool {
	return slices.ContainsFunc(t.Optimizers, func(p optim.Part) bool {
		_, ok := p.Config.(optim.Judged)
		return ok
	})
}

// judgeStatistics lets the weights that the model is judged by have the running
// statistics of those in training.
func (t *Trainer) judgeStatistics(c *module.Ctx) {
	for _, s := range t.Store.States() {
		if s.DType.IsFloat() {
			c.Shadow(optim.JudgedPrefix).SetState(s, c.State(s))
		}
	}
}

// averageWeights takes the present weights into the stochastic average, at the
// end of an epoch that is late enough, and renews the statistics that go with
// the average.
func (r *run) averageWeights(ctx context.Context) error {
	swa := r.Strategy.SWA
	if swa == nil || r.state.Epoch < swa.firstEpoch(*r.Strategy.Epochs) {
		return nil
	}
	average := exec.NewFunc(r.Store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		optim.Average(c, swaPrefix, r.Store.Params(), r.Store.States(), in[0])
		return nil
	})
	n := float64(r.state.Averaged) // of n/(n+1) average + 1/(n+1) weights
	if _, err := average.Run(ctx, tensor.Scalar(n/(n+1))); err != nil {
		return err
	}
	r.state.Averaged++
	r.eval, r.copied = nil, false
	return nil
}

// finishAverage renews the running statistics of batch norms for averaged
// weights: all training data goes through the model in training mode, and each
// batch counts as much as any other.
//
// Source: torch.optim.swa_utils.update_bn.
func (r *run) finishAverage(ctx context.Context) error {
	prefix := r.shadow()
	if prefix != swaPrefix && prefix != optim.JudgedPrefix {
		return nil
	}
	var norms []*nn.BatchNorm
	seen := map[*nn.BatchNorm]*float64{}
	pass := r.newFunc(func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		c = c.Train().Shadow(prefix)
		c.Watch(func(v module.Visit) {
			bn := batchNorm(v.Module)
			if bn == nil || bn.RunningMean == nil {
				return
			}
			if v.Left {
				bn.Config.Momentum = seen[bn]
				return
			}
			if _, ok := seen[bn]; !ok {
				norms = append(norms, bn)
			}
			seen[bn], bn.Config.Momentum = bn.Config.Momentum, nil // each batch has the same weight
		})
		return r.Forward(c, in)
	})
	first := true
	for b, err := range r.Train.From(ctx, r.state.Epoch, 0) {
		if err != nil {
			return fmt.Errorf("train: statistics for averaged weights: %w", err)
		}
		in := b.Inputs[:r.Inputs]
		if first {
			types := make([]ir.Type, len(in))
			for i, t := range in {
				types[i] = ir.Type{DType: t.DType(), Shape: t.Shape()}
			}
			if _, err := pass.Graph(types...); err != nil { // finds the norms
				return err
			}
			if err := reset(r.Store, prefix, norms); err != nil || len(norms) == 0 {
				return err
			}
			first = false
		}
		if _, err := pass.Run(ctx, in...); err != nil {
			return err
		}
	}
	r.eval, r.copied = nil, false
	return nil
}

// batchNorm is the batch norm that a module is, or nil.
func batchNorm(m any) *nn.BatchNorm {
	if m, ok := m.(interface{ Base() *nn.BatchNorm }); ok {
		return m.Base()
	}
	return nil
}

// reset makes the shadows of norms forget all batches.
func reset(s *exec.Store, prefix string, norms []*nn.BatchNorm) error {
	for _, bn := range norms {
		for _, state := range []*module.State{bn.RunningMean, bn.RunningVar, bn.NumBatchesTracked} {
			t := tensor.New(state.DType, state.Shape)
			if state.Init != nil {
				state.Init(rng.NewStream(0, state.Key, 0), t)
			}
			key := state.Key
			if state.DType.IsFloat() {
				key = prefix + key
			}
			if err := s.Set(key, t); err != nil {
				return err
			}
		}
	}
	return nil
}
