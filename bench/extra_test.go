package bench

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/pass"
)

// An extra is what a training step does besides.
type extra struct {
	clip     bool // the norm of all gradients
	gateLoss bool // no update where the loss is not finite
	gateNorm bool // no update where the norm of the gradients is not finite
	average  bool // a moving average of the weights
	half     bool // products and convolutions of bfloat16
}

var extras = map[string]extra{
	"plain":          {},
	"gate-loss":      {gateLoss: true},
	"clip":           {clip: true},
	"average":        {average: true},
	"clip,gate-norm": {clip: true, gateNorm: true},
}

// with is the training step s with an extra, on the same variables.
func (s *Step) with(e extra) *Step {
	with := *s
	with.fn = exec.NewFunc(s.store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		leave := func() {}
		if e.half {
			leave = pass.Autocast(c.Graph(), dtype.BFloat16)
		}
		l := loss.CrossEntropy(s.model.Forward(c.Train(), in[0]), in[1])
		leave()
		grads := grad.Of(l, c.Params(s.opt)...)
		finite := func(v *ir.Value) *ir.Value { return ops.Lt(ops.Abs(v), ops.Scalar(v, 1e38)) }
		if e.gateLoss {
			c.Gate(finite(l))
		}
		if e.clip {
			var norm *ir.Value
			grads, norm = optim.ClipNorm(grads, 1)
			if e.gateNorm {
				c.Gate(finite(norm))
			}
		}
		s.opt.Update(c, grads, in[2])
		if e.average {
			optim.Average(c, "ema.", s.opt.Params(), nil, ops.Scalar(in[2], 0.999))
		}
		return []*ir.Value{l}
	})
	return &with
}

// BenchmarkExtra tells what clipping, gates and averages cost the training steps, in time
// and in memory. The variants of a workload run in turns of one step each, so
// that they meet the machine in the same state; ratio is that of the medians.
func BenchmarkExtra(b *testing.B) {
	for _, w := range append(Core()[1:], ResNet50()) {
		b.Run(w.Name, func(b *testing.B) {
			back := cpu.New(cpu.WithThreads(2))
			defer back.Close()
			s, err := w.build(back)
			if err != nil {
				b.Fatal(err)
			}
			steps := map[string]*Step{}
			for name, e := range extras {
				steps[name] = s.with(e)
				if _, err := steps[name].Run(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			times := map[string][]float64{}
			for b.Loop() {
				for name := range extras {
					start := time.Now()
					if _, err := steps[name].Run(context.Background()); err != nil {
						b.Fatal(err)
					}
					times[name] = append(times[name], time.Since(start).Seconds())
				}
			}
			for _, t := range times {
				slices.Sort(t)
			}
			for name, t := range times {
				b.ReportMetric(t[len(t)/2]/times["plain"][len(t)/2], name+"-ratio")
				b.ReportMetric(float64(arena(b, steps[name]))/1e6, name+"-MB")
			}
		})
	}
}
