package bench

import (
	"strings"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Update is the step of an optimizer alone, on 100.7 million parameters in 24
// matrices of 2048 by 2048, and gradients that lie in memory. What it must read
// and write bounds it: for AdamW 28 bytes a parameter, of which 16 are read (it,
// its gradient and two means) and 12 written.
//
// Its name is "update-" and that of the optimizer in package optim. Find knows
// all of them.
func Update(name string, cfg optim.Config) Workload { return update(name, cfg, 24, 2048) }

func update(name string, cfg optim.Config, matrices, side int) Workload {
	return Workload{Name: updatePrefix + name, build: func(b *cpu.Backend) (*Step, error) {
		m := &updated{}
		for range matrices {
			m.Weight = append(m.Weight, module.NewParam(nn.Constant(1), side, side))
			m.Grad = append(m.Grad, &module.State{DType: dtype.Float32, Shape: shape.Of(side, side), Init: nn.Constant(0.01)})
		}
		store, err := exec.NewStore(b, m, exec.Seed(seed))
		if err != nil {
			return nil, err
		}
		opt, err := cfg.Build(store.Params())
		if err != nil {
			return nil, err
		}
		s := &Step{store: store, in: []*tensor.Tensor{tensor.Scalar(float32(cfg.Shared().LR))}}
		for _, p := range store.Params() {
			s.bytes += 3 * int64(p.Type().SizeBytes()) // parameter and gradient
			for _, slot := range cfg.Slots(p.Type()) {
				t := slot.Type
				if t == (ir.Type{}) {
					t = p.Type()
				}
				s.bytes += 2 * int64(t.SizeBytes())
			}
		}
		s.fn = exec.NewFunc(store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			grads := make([]*ir.Value, matrices)
			for i, g := range m.Grad {
				grads[i] = c.State(g)
				c.SetState(g, grads[i]) // so that nothing is made of it once and kept
			}
			opt.Update(c, grads, in[0])
			return nil
		})
		return s, nil
	}}
}

// updated is parameters with their gradients.
type updated struct {
	Weight []*module.Param
	Grad   []*module.State
}

const updatePrefix = "update-"

// findUpdate returns the update of a name.
func findUpdate(name string) (Workload, bool) {
	for _, k := range optim.Kinds() {
		if rule, ok := strings.CutPrefix(name, updatePrefix); ok && rule == k.Name {
			return Update(rule, k.Default.(optim.Config)), true
		}
	}
	return Workload{}, false
}
