package nn_test

import (
	"context"
	"math"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

type net interface {
	Forward(c *nn.Ctx, x *ir.Value) *ir.Value
}

// Products with Hessian and Jacobian of whole nets, on the kernels that training
// uses, agree with differences of gradients and values.
func TestSecondOrder(t *testing.T) {
	encoder := nn.DefaultTransformer(8, 2)
	encoder.Hidden, encoder.Dropout, encoder.Activation = 16, 0, nn.GELUActivation
	for name, tc := range map[string]struct {
		net net
		in  shape.Shape
	}{
		"perceptron":  {nn.NewSequential(nn.NewLinear(6, 16), &nn.GELU{}, nn.NewLayerNorm(16), nn.NewLinear(16, 3)), shape.Of(4, 6)},
		"convolution": {nn.NewSequential(nn.NewConv2d(2, 4, 3), nn.NewBatchNorm2d(4), &nn.SiLU{}, nn.NewAvgPool2d(2), &nn.Flatten{Start: 1}, nn.NewLinear(16, 3)), shape.Of(3, 2, 6, 6)},
		"transformer": {encoder.BuildEncoderLayer(), shape.Of(2, 5, 8)},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := exec.NewStore(cpu.New(cpu.WithThreads(2)), tc.net, exec.Seed(1))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			x, v := tensor.New(dtype.Float32, tc.in), tensor.New(dtype.Float32, tc.in)
			r := rng.NewStream(1, name, 0)
			for i := range x.Size() {
				x.SetFloat(i, r.Normal())
				v.SetFloat(i, r.Normal())
			}
			f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				y := tc.net.Forward(c.Train(), in[0])
				l := ops.Mean(ops.Square(ops.Sin(y)))
				return []*ir.Value{grad.Of(l, in[0])[0], grad.HVP(l, in[:1], in[1:])[0], y, grad.JVP([]*ir.Value{y}, in[:1], in[1:])[0]}
			})
			at := func(h float64) []*tensor.Tensor {
				moved := tensor.New(dtype.Float32, tc.in)
				for i := range moved.Size() {
					moved.SetFloat(i, x.Float(i)+h*v.Float(i))
				}
				out, err := f.Run(context.Background(), moved, v)
				if err != nil {
					t.Fatal(err)
				}
				kept := make([]*tensor.Tensor, len(out))
				for i := range out {
					kept[i] = out[i].Clone()
				}
				return kept
			}
			const h = 1e-2
			mid, up, down := at(0), at(h), at(-h)
			for i, what := range []string{"Hessian", "Jacobian"} {
				var off, size float64
				for j := range mid[2*i].Size() {
					want := (up[2*i].Float(j) - down[2*i].Float(j)) / (2 * h)
					off, size = math.Hypot(off, mid[2*i+1].Float(j)-want), math.Hypot(size, want)
				}
				if !(off <= 2e-3*size) || size == 0 {
					t.Errorf("product with the %s is %v off differences of size %v", what, off, size)
				}
			}
		})
	}
}
