package nn

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// LocalResponseNorm divides each element by a power of the squares at its place
// in the neighbouring channels:
//
//	y = x / (K + Alpha/Size * sum of x^2)^Beta
//
// with the sum over Size channels, of which Size/2, rounded down, come before
// the element's own; channels that are not there count as 0.
// x [B C ...], y the same.
//
// Source: torch.nn.LocalResponseNorm; Krizhevsky, Sutskever, Hinton, "ImageNet
// classification with deep convolutional neural networks" (2012), section 3.3.
type LocalResponseNorm struct {
	Size           int
	Alpha, Beta, K float64
}

// NewLocalResponseNorm has PyTorch's alpha 1e-4, beta 0.75 and k 1.
func NewLocalResponseNorm(size int) *LocalResponseNorm {
	return &LocalResponseNorm{Size: size, Alpha: 1e-4, Beta: 0.75, K: 1}
}

// Forward normalises x [B C ...].
func (l *LocalResponseNorm) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	if err := positive("size", l.Size); err != nil {
		return refuse(c, "local_response_norm", err, x)
	}
	if x.Rank() < 3 {
		return refuse(c, "local_response_norm", errors.New("wants an operand [B C ...] of rank 3 or more"), x)
	}
	var w ops.Window
	for a := range x.Rank() {
		w.Size[a], w.Stride[a], w.Dilation[a] = 1, 1, 1
	}
	w.Size[1], w.PadLo[1], w.PadHi[1] = l.Size, l.Size/2, (l.Size-1)/2
	mean := ops.AvgPool(ops.Mul(x, x), w, true)
	scale := ops.Add(ops.Mul(mean, ops.Scalar(mean, l.Alpha)), ops.Scalar(mean, l.K))
	return ops.Div(x, ops.Pow(scale, ops.Scalar(scale, l.Beta)))
}
