package main

import (
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/shape"
)

const code = 20 // numbers that an image is squeezed into

// Autoencoder squeezes an image into a few numbers and makes it again of them. The
// variational one gives each number a deviation, too, and is held to numbers that
// are like noise: what it makes of noise then looks like an image.
//
// Source: Kingma and Welling, "Auto-encoding variational Bayes" (2013), appendix B.
type Autoencoder struct {
	Encoder, Decoder *nn.Sequential

	variational bool
	opt         optim.Optimizer
}

func newAutoencoder(variational bool) *Autoencoder {
	n := code
	if variational {
		n = 2 * code // mean and logarithm of the variance
	}
	return &Autoencoder{
		Encoder:     nn.NewSequential(&nn.Flatten{Start: 1}, nn.NewLinear(784, 400), &nn.ReLU{}, nn.NewLinear(400, n)),
		Decoder:     nn.NewSequential(nn.NewLinear(code, 400), &nn.ReLU{}, nn.NewLinear(400, 784)),
		variational: variational,
	}
}

func (m *Autoencoder) Rate() float64 { return 0.002 }

func (m *Autoencoder) Prepare(params []nn.Named) (err error) {
	m.opt, err = optim.DefaultAdam().Build(params)
	return err
}

func (m *Autoencoder) Learn(c *nn.Ctx, x, rate *ir.Value) []*ir.Value {
	z := m.Encoder.Forward(c, x)
	var divergence *ir.Value
	if m.variational {
		parts := ops.Chunk(z, 2, 1)
		mean, logVar := parts[0], parts[1]
		z = ops.Add(mean, ops.Mul(normal(c, mean.Shape()), ops.Exp(ops.Mul(logVar, ops.Scalar(logVar, 0.5)))))
		one := ops.Scalar(mean, 1)
		each := ops.Sub(ops.Add(ops.Square(mean), ops.Exp(logVar)), ops.Add(one, logVar)) // twice KL(N(mean, var) || N(0, 1))
		divergence = ops.Div(ops.Sum(each), ops.Scalar(mean, 2*float64(x.Dim(0))))
	}
	ink := ops.Mul(ops.Add(ops.Flatten(x, 1), ops.Scalar(x, 1)), ops.Scalar(x, 0.5)) // 0 to 1
	redrawn := loss.BCEWithLogitsConfig{Reduction: loss.Sum}.Apply(m.Decoder.Forward(c, z), ink, nil)
	losses := []*ir.Value{ops.Div(redrawn, ops.Scalar(redrawn, float64(x.Dim(0))))} // nats an image
	total := losses[0]
	if m.variational {
		losses = append(losses, divergence)
		total = ops.Add(total, divergence)
	}
	m.opt.Update(c, grad.Of(total, c.Params(m.opt)...), rate)
	return losses
}

func (m *Autoencoder) Draw(c *nn.Ctx, x *ir.Value) *ir.Value {
	z := m.Encoder.Forward(c, x)
	if m.variational {
		z = normal(c, shape.Of(x.Dim(0), code))
	}
	ink := ops.Sigmoid(m.Decoder.Forward(c, z))
	return ops.Reshape(ops.Sub(ops.Mul(ink, ops.Scalar(ink, 2)), ops.Scalar(ink, 1)), x.Shape().Dims()...)
}
