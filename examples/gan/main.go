// Command gan trains two networks against each other: a generator that turns
// noise into points, and a discriminator that tells them from points of a noisy
// half circle. One compiled step trains both, each with an optimizer of its own.
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

const batch, width = 128, 64

// GAN holds both networks: points are [B 2], noise is [B 2], judgements [B 1].
type GAN struct{ Generator, Discriminator *nn.Sequential }

func newGAN() *GAN {
	return &GAN{
		Generator: nn.NewSequential(nn.NewLinear(2, width), nn.NewBatchNorm1d(width), &nn.ReLU{},
			nn.NewLinear(width, width), nn.NewBatchNorm1d(width), &nn.ReLU{}, nn.NewLinear(width, 2)),
		Discriminator: nn.NewSequential(nn.NewLinear(2, width), &nn.LeakyReLU{Slope: 0.2},
			nn.NewLinear(width, width), &nn.LeakyReLU{Slope: 0.2}, nn.NewLinear(width, 1)),
	}
}

// generate makes points of n rows of noise from -1 to 1, new in each step.
func (m *GAN) generate(c *nn.Ctx, n int) *ir.Value {
	key := c.Random()
	bits := ops.Cast(ops.RandomBits(key.Seed, key.Step, key.Stream, shape.Of(n, 2)), dtype.Float32)
	noise := ops.Sub(ops.Mul(bits, ops.Scalar(bits, 0x1p-31)), ops.Scalar(bits, 1))
	return m.Generator.Forward(c, noise)
}

// judge is the loss of the discriminator for points that are all of one kind.
func (m *GAN) judge(c *nn.Ctx, points *ir.Value, genuine float64) *ir.Value {
	logits := m.Discriminator.Forward(c, points)
	return loss.BCEWithLogits(logits, ops.Full(c.Graph(), dtype.Float32, logits.Shape(), genuine))
}

// newSteps makes a step that learns, from points and a learning rate to the two
// losses, and one that draws a thousand points.
func newSteps(m *GAN) (store *exec.Store, learn, draw *exec.Func, err error) {
	store, err = exec.NewStore(cpu.New(), m, exec.Seed(1))
	if err != nil {
		return nil, nil, nil, err
	}
	optimizer := func(name string) optim.Optimizer {
		var params []nn.Named
		for _, p := range store.Params() {
			if strings.HasPrefix(p.Key, name+".") {
				params = append(params, p)
			}
		}
		cfg := optim.DefaultAdam()
		cfg.Name, cfg.Beta1 = "optim_"+name, 0.5
		opt, buildErr := cfg.Build(params)
		if err == nil {
			err = buildErr
		}
		return opt
	}
	discriminator, generator := optimizer("discriminator"), optimizer("generator")
	learn = exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		c = c.Train()
		real, fake, rate := in[0], m.generate(c, batch), in[1]
		dLoss := ops.Add(m.judge(c, real, 1), m.judge(c, ops.StopGradient(fake), 0))
		discriminator.Update(c, grad.Of(dLoss, c.Params(discriminator)...), rate)
		gLoss := m.judge(c, fake, 1) // by the discriminator that has just learned
		generator.Update(c, grad.Of(gLoss, c.Params(generator)...), rate)
		return []*ir.Value{dLoss, gLoss}
	})
	draw = exec.NewFunc(store, func(c *nn.Ctx, _ []*ir.Value) []*ir.Value {
		return []*ir.Value{m.generate(c.Eval(), 1000)}
	})
	return store, learn, draw, err
}

// halfCircle draws n points of radius about 1 in the upper half plane.
func halfCircle(r *rand.Rand, n int) *tensor.Tensor {
	points := tensor.New(dtype.Float32, shape.Of(n, 2))
	for i := range n {
		sin, cos := math.Sincos(math.Pi * r.Float64())
		radius := 1 + 0.05*r.NormFloat64()
		points.SetFloat(2*i, radius*cos)
		points.SetFloat(2*i+1, radius*sin)
	}
	return points
}

// run trains for a number of steps and returns a thousand points.
func run(ctx context.Context, steps int) (*tensor.Tensor, error) {
	store, learn, draw, err := newSteps(newGAN())
	if err != nil {
		return nil, err
	}
	defer store.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range steps {
		rate := 0.001 * (1 - float64(i)/float64(steps))
		out, err := learn.Run(ctx, halfCircle(r, batch), tensor.Scalar(float32(rate)))
		if err != nil {
			return nil, err
		}
		if i%500 == 0 {
			fmt.Printf("step %4d  discriminator %.3f  generator %.3f\n", i, out[0].Float(0), out[1].Float(0))
		}
	}
	out, err := draw.Run(ctx)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

func main() {
	points, err := run(context.Background(), 2000)
	if err != nil {
		log.Fatal(err)
	}
	for i := range 10 {
		fmt.Printf("%6.3f %6.3f\n", points.Float(2*i), points.Float(2*i+1))
	}
}
