package nn

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

// product is the weight and the bias of a layer that multiplies by one, and the
// axis of the weight that numbers the results.
func product(l Forwarder) (weight, bias *Param, axis int, err error) {
	switch l := l.(type) {
	case *Linear:
		return l.Weight, l.Bias, 0, l.err
	case *Conv1d:
		return l.Weight, l.Bias, 0, l.err
	case *Conv2d:
		return l.Weight, l.Bias, 0, l.err
	case *Conv3d:
		return l.Weight, l.Bias, 0, l.err
	case *ConvTranspose1d:
		return l.Weight, l.Bias, 1, l.err
	case *ConvTranspose2d:
		return l.Weight, l.Bias, 1, l.err
	case *ConvTranspose3d:
		return l.Weight, l.Bias, 1, l.err
	}
	return nil, nil, 0, fmt.Errorf("wants a linear layer or a convolution, got %T", l)
}

// WeightNorm is a linear layer or convolution whose weight is a direction and a
// length:
//
//	weight = g v / |v|
//
// with a norm for each index of the first axis. Both are trained. They have the
// keys of PyTorch, parametrizations.weight.original0 for g and original1 for v.
// v starts as the weight of the layer would. g starts at the mean norm of such
// weights, where PyTorch has the norm of each row of v.
//
// Source: Salimans, Kingma, "Weight normalization" (2016), equation 2;
// torch.nn.utils.parametrizations.weight_norm with dim 0.
type WeightNorm struct {
	Layer  Forwarder
	G, V   *Param
	weight *Param
	bias   *Param
	err    error
}

// NewWeightNorm takes the layer over: it is no module of its own any more.
func NewWeightNorm(layer Forwarder) *WeightNorm {
	l := &WeightNorm{Layer: layer}
	l.weight, l.bias, _, l.err = product(layer)
	if l.err != nil {
		return l
	}
	s := l.weight.Shape
	ones := make([]int, s.Rank())
	for a := range ones {
		ones[a] = 1
	}
	ones[0] = s.Dim(0)
	init := l.weight.Init
	l.V = newParam(init, s.Dims()...)
	l.G = newParam(func(r *rng.Stream, g *tensor.Tensor) {
		v := tensor.New(dtype.Float64, s)
		init(r, v)
		var sum float64
		for i := range v.Size() {
			sum += v.Float(i) * v.Float(i)
		}
		Constant(math.Sqrt(sum/float64(s.Dim(0))))(r, g)
	}, ones...)
	return l
}

// Validate tells what is wrong with the layer.
func (l *WeightNorm) Validate() error { return l.err }

// Children are g, v and the bias.
func (l *WeightNorm) Children() []module.Child {
	return []module.Child{{Name: "bias", Module: l.bias}, {Name: "parametrizations.weight.original0", Module: l.G}, {Name: "parametrizations.weight.original1", Module: l.V}}
}

// Forward applies the layer with the weight that g and v make.
func (l *WeightNorm) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if l.err != nil {
		return refuse(c, "weight_norm", l.err, x)
	}
	v := c.Param(l.V)
	var axes []int
	for a := 1; a < v.Rank(); a++ {
		axes = append(axes, a)
	}
	scale := ops.Div(ops.Reshape(c.Param(l.G), v.Dim(0)), ops.Sqrt(ops.Sum(ops.Mul(v, v), axes...)))
	c.Bind(l.weight, ops.Mul(v, ops.BroadcastInDim(scale, v.Shape(), 0)))
	return l.Layer.Forward(c, x)
}
