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
