package main

import (
	"strings"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/shape"
)

const (
	noise = 64
	wide  = 64 // channels of images of 14 by 14
)

// GAN is a generator that turns noise into images, and a discriminator that tells
// them from real ones; each learns against the other.
//
// Source: Radford, Metz and Chintala, "Unsupervised representation learning with
// deep convolutional generative adversarial networks" (2015).
type GAN struct {
	Project                  *nn.Linear
	Generator, Discriminator *nn.Sequential

	generator, discriminator optim.Optimizer
}

func newGAN() *GAN {
	half := func(in, out int) nn.Forwarder { // the size of an image
		cfg := nn.DefaultConv2d(in, out, 4)
		cfg.Stride, cfg.Padding = [2]int{2, 2}, [2]int{1, 1}
		return cfg.Build()
	}
	double := func(in, out int) nn.Forwarder {
		cfg := nn.DefaultConvTranspose2d(in, out, 4)
		cfg.Stride, cfg.Padding = [2]int{2, 2}, [2]int{1, 1}
		return cfg.Build()
	}
	return &GAN{
		Project: nn.NewLinear(noise, 2*wide*7*7),
		Generator: nn.NewSequential(nn.NewBatchNorm2d(2*wide), &nn.ReLU{},
			double(2*wide, wide), nn.NewBatchNorm2d(wide), &nn.ReLU{}, double(wide, 1), &nn.Tanh{}),
		Discriminator: nn.NewSequential(half(1, wide), &nn.LeakyReLU{Slope: 0.2},
			half(wide, 2*wide), nn.NewBatchNorm2d(2*wide), &nn.LeakyReLU{Slope: 0.2},
			&nn.Flatten{Start: 1}, nn.NewLinear(2*wide*7*7, 1)),
	}
}

func (m *GAN) Rate() float64 { return 0.0005 }

func (m *GAN) Prepare(params []nn.Named) (err error) {
	var parts [2][]nn.Named
	for _, p := range params {
		if strings.HasPrefix(p.Key, "discriminator.") {
			parts[1] = append(parts[1], p)
		} else {
			parts[0] = append(parts[0], p)
		}
	}
	cfg := optim.DefaultAdam()
	cfg.Beta1, cfg.Name = 0.5, "generator_optim"
	if m.generator, err = cfg.Build(parts[0]); err != nil {
		return err
	}
	cfg.Name = "discriminator_optim"
	m.discriminator, err = cfg.Build(parts[1])
	return err
}

func (m *GAN) generate(c *nn.Ctx, n int) *ir.Value {
	z := m.Project.Forward(c, normal(c, shape.Of(n, noise)))
	return m.Generator.Forward(c, ops.Reshape(z, n, 2*wide, 7, 7))
}

// judge is the loss of the discriminator for images that are all of one kind.
func (m *GAN) judge(c *nn.Ctx, x *ir.Value, genuine float64) *ir.Value {
	logits := m.Discriminator.Forward(c, x)
	return loss.BCEWithLogits(logits, ops.Full(c.Graph(), dtype.Float32, logits.Shape(), genuine))
}

func (m *GAN) Learn(c *nn.Ctx, x, rate *ir.Value) []*ir.Value {
	fake := m.generate(c, x.Dim(0))
	told := ops.Add(m.judge(c, x, 0.9), m.judge(c, ops.StopGradient(fake), 0)) // 0.9: never too sure
	m.discriminator.Update(c, grad.Of(told, c.Params(m.discriminator)...), rate)
	fooled := m.judge(c, fake, 1) // by the discriminator that has just learned
	m.generator.Update(c, grad.Of(fooled, c.Params(m.generator)...), rate)
	return []*ir.Value{told, fooled}
}

func (m *GAN) Draw(c *nn.Ctx, x *ir.Value) *ir.Value { return m.generate(c, x.Dim(0)) }
