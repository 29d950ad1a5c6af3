package optim

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// Ten steps are those of the reference, and a state that each forward pass counts
// up has counted one a step.
func TestSAM(t *testing.T) {
	g := moduletest.Open(t, "testdata/sam.safetensors")
	var cases map[string]struct {
		SAM    SAM
		Config json.RawMessage
	}
	g.Cases(&cases)
	if len(cases) < 7 {
		t.Errorf("%d cases", len(cases))
	}
	for name, a := range cases {
		t.Run(name, func(t *testing.T) {
			g := g.In(t, name)
			var o struct {
				Config Config `yaml:",inline"`
			}
			if err := config.Decode(a.Config, "case.json", &o, config.Kinds{reflect.TypeFor[Config](): Kinds()}); err != nil {
				t.Fatal(err)
			}
			x, y := g.Tensor("x"), g.Tensor("y")
			at := func(step, i int) *tensor.Tensor {
				all := g.Tensor(fmt.Sprint("param/", i))
				row, err := all.Rows(step, step+1).Reshape(all.Shape().Dims()[1:]...)
				if err != nil {
					t.Fatal(err)
				}
				return row.Clone()
			}
			m := &struct {
				List
				Passes *module.State
			}{Passes: &module.State{DType: dtype.Int64}}
			for i := range 2 {
				m.List = append(m.List, &module.Param{DType: x.DType(), Shape: at(0, i).Shape()})
			}
			params := named(t, m)
			opt, err := o.Config.Build(params)
			if err != nil {
				t.Fatal(err)
			}
			s := moduletest.NewStore(t, m, 0)
			for i, p := range params {
				s.Values[p.Key] = at(0, i)
			}
			for step := 1; step <= 10; step++ {
				s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
					grads := a.SAM.Gradients(c, opt, []*module.State{m.Passes}, func() []*ir.Value {
						c.SetState(m.Passes, ops.Add(c.State(m.Passes), ops.FullInt(c.Graph(), dtype.Int64, m.Passes.Shape, 1)))
						out := ops.Tanh(ops.Linear(in[0], c.Param(m.List[0]), c.Param(m.List[1])))
						return grad.Of(ops.Mean(ops.Square(ops.Sub(out, in[1]))), c.Params(opt)...)
					})
					opt.Update(c, grads, ops.Scalar(in[0], o.Config.Shared().LR))
					return nil
				}, x, y)
				for i, p := range params {
					moduletest.Near(t, fmt.Sprintf("parameter %d after step %d", i, step), s.Values[p.Key], at(step, i))
				}
			}
			if n := s.Values[m.Passes.Key].Int(0); n != 10 {
				t.Errorf("%d forward passes count, want 10", n)
			}
		})
	}
	if err := (SAM{Rho: -1}).Validate(); err == nil || !strings.Contains(err.Error(), "rho must") {
		t.Errorf("error %v", err)
	}
}
