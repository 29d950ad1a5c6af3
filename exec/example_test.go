package exec_test

import (
	"context"
	"fmt"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

// Gradient descent on (w - 3)^2, with nothing but a parameter.
func Example() {
	model := &struct{ W *module.Param }{module.NewParam(nil)}
	store, err := exec.NewStore(cpu.New(), model)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	step := exec.NewFunc(store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		w, lr := c.Param(model.W), in[0]
		d := ops.Sub(w, ops.Scalar(w, 3))
		loss := ops.Mul(d, d)
		c.SetParam(model.W, ops.Sub(w, ops.Mul(lr, grad.Of(loss, w)[0])))
		return []*ir.Value{loss}
	})
	for range 3 {
		out, err := step.Run(context.Background(), tensor.Scalar(float32(0.25)))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(out[0].Float(0))
	}
	w, err := store.Get("w")
	fmt.Println(w.Float(0), err)
	// Output:
	// 9
	// 2.25
	// 0.5625
	// 2.625 <nil>
}

type scale struct{ Weight *module.Param }

func (m *scale) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return ops.Mul(x, c.Param(m.Weight))
}

type tower struct{ Layers []*scale }

func (m *tower) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	for _, l := range m.Layers {
		x = l.Forward(c, x)
	}
	return x
}

// Intermediate values by the paths of their modules: what forward hooks and
// feature extractors do elsewhere.
func ExampleFunc_capture() {
	two := func(_ *rng.Stream, t *tensor.Tensor) { t.SetFloat(0, 2) }
	model := &tower{[]*scale{{module.NewParam(two)}, {module.NewParam(two)}, {module.NewParam(two)}}}
	store, err := exec.NewStore(cpu.New(), model)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	var names []string
	features := exec.NewFunc(store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		seen := c.Capture("layers.0", "layers.2")
		model.Forward(c, in[0])
		var values []*ir.Value
		names = nil // of what is traced last
		for _, v := range seen.Values() {
			names, values = append(names, v.Name), append(values, v.Value)
		}
		return values
	})
	out, err := features.Run(context.Background(), tensor.Scalar(float32(10)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, name := range names {
		fmt.Println(name, out[i].Float(0))
	}
	// Output:
	// layers.0 20
	// layers.2 80
}
