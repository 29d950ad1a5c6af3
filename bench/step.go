package bench

import (
	"context"
	"math"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/tensor"
)

// seed makes weights and batches.
const seed = 0

// A Step is a workload ready to run. It lives as long as its backend.
type Step struct {
	store *exec.Store
	fn    *exec.Func
	in    []*tensor.Tensor
	loss  bool  // the output is a loss
	bytes int64 // that a run reads and writes, where they are what bounds it; 0 elsewhere

	// Of a training step.
	model module.Forwarder
	opt   optim.Optimizer
}

// Run runs the step once and returns its loss, NaN where nothing is trained.
func (s *Step) Run(ctx context.Context) (loss float64, err error) {
	out, err := s.fn.Run(ctx, s.in...)
	if err != nil || !s.loss {
		return math.NaN(), err
	}
	return out[0].Float(0), nil
}

// An optimizerConfig is what each optimizer's config does.
type optimizerConfig interface {
	Build(params []module.Named) (optim.Optimizer, error)
}

// training is a step that fits a model to one batch by cross-entropy.
func training(b *cpu.Backend, model module.Forwarder, cfg optimizerConfig, lr float32, x, labels *tensor.Tensor) (*Step, error) {
	store, err := exec.NewStore(b, model, exec.Seed(seed))
	if err != nil {
		return nil, err
	}
	opt, err := cfg.Build(store.Params())
	if err != nil {
		return nil, err
	}
	fn := exec.NewFunc(store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		l := loss.CrossEntropy(model.Forward(c.Train(), in[0]), in[1])
		opt.Update(c, grad.Of(l, c.Params(opt)...), in[2])
		return []*ir.Value{l}
	})
	return &Step{store: store, fn: fn, in: []*tensor.Tensor{x, labels, tensor.Scalar(lr)}, loss: true, model: model, opt: opt}, nil
}

// inference is a step that gives what a model makes of one input, in
// evaluation mode.
func inference(b *cpu.Backend, model module.Forwarder, x *tensor.Tensor) (*Step, error) {
	store, err := exec.NewStore(b, model, exec.Seed(seed))
	if err != nil {
		return nil, err
	}
	fn := exec.NewFunc(store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{model.Forward(c.Eval(), in[0])}
	})
	return &Step{store: store, fn: fn, in: []*tensor.Tensor{x}}, nil
}
