package main

import (
	"math"

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
	levels  = 200 // of noise, from hardly any to nothing else
	channel = 16  // channels of images of 28 by 28
)

// Diffusion finds the noise in an image that was mixed with some. Drawing begins
// with noise alone and takes a little of it away, again and again.
//
// Source: Ho, Jain and Abbeel, "Denoising diffusion probabilistic models" (2020),
// algorithms 1 and 2, with the schedule of Nichol and Dhariwal, "Improved denoising
// diffusion probabilistic models" (2021), equation 17.
type Diffusion struct {
	Level            *nn.Sequential // [B levels' code] to a number for each channel
	In               *nn.Conv2d
	Down1, Down2     *block
	Half1, Half2     *nn.Conv2d
	Middle           *block
	Double2, Double1 *nn.ConvTranspose2d
	Up2, Up1         *block
	Norm             *nn.GroupNorm
	Out              *nn.Conv2d

	opt optim.Optimizer
}

// block is a residual block that the level of noise acts on.
type block struct {
	Norm1, Norm2 *nn.GroupNorm
	Conv1, Conv2 *nn.Conv2d
	Level        *nn.Linear
	Skip         *nn.Conv2d
}

func newBlock(in, out int) *block {
	return &block{nn.NewGroupNorm(8, in), nn.NewGroupNorm(8, out), same(in, out), same(out, out), nn.NewLinear(4*channel, out), nn.NewConv2d(in, out, 1)}
}

func (b *block) Forward(c *nn.Ctx, x, level *ir.Value) *ir.Value {
	defer c.Enter(b)()
	y := b.Conv1.Forward(c, ops.SiLU(b.Norm1.Forward(c, x)))
	l := b.Level.Forward(c, level)
	y = ops.Add(y, ops.Expand(ops.Reshape(l, l.Dim(0), l.Dim(1), 1, 1), y.Shape().Dims()...))
	return ops.Add(b.Conv2.Forward(c, ops.SiLU(b.Norm2.Forward(c, y))), b.Skip.Forward(c, x))
}

func same(in, out int) *nn.Conv2d {
	cfg := nn.DefaultConv2d(in, out, 3)
	cfg.Padding = [2]int{1, 1}
	return cfg.Build()
}

func half(n int) *nn.Conv2d {
	cfg := nn.DefaultConv2d(n, n, 3)
	cfg.Stride, cfg.Padding = [2]int{2, 2}, [2]int{1, 1}
	return cfg.Build()
}

func double(in, out int) *nn.ConvTranspose2d {
	cfg := nn.DefaultConvTranspose2d(in, out, 4)
	cfg.Stride, cfg.Padding = [2]int{2, 2}, [2]int{1, 1}
	return cfg.Build()
}

func newDiffusion() *Diffusion {
	return &Diffusion{
		Level: nn.NewSequential(nn.NewLinear(channel, 4*channel), &nn.SiLU{}, nn.NewLinear(4*channel, 4*channel), &nn.SiLU{}),
		In:    same(1, channel), Down1: newBlock(channel, channel), Half1: half(channel),
		Down2: newBlock(channel, 2*channel), Half2: half(2 * channel), Middle: newBlock(2*channel, 2*channel),
		Double2: double(2*channel, 2*channel), Up2: newBlock(4*channel, 2*channel),
		Double1: double(2*channel, channel), Up1: newBlock(2*channel, channel),
		Norm: nn.NewGroupNorm(8, channel), Out: same(channel, 1),
	}
}

// Forward gives the noise in x [B 1 28 28], of which level [B] says how much
// there is.
func (m *Diffusion) Forward(c *nn.Ctx, x, level *ir.Value) *ir.Value {
	l := m.Level.Forward(c, waves(level))
	a := m.Down1.Forward(c, m.In.Forward(c, x), l)
	b := m.Down2.Forward(c, m.Half1.Forward(c, a), l)
	y := m.Middle.Forward(c, m.Half2.Forward(c, b), l)
	y = m.Up2.Forward(c, ops.Concat(1, m.Double2.Forward(c, y), b), l)
	y = m.Up1.Forward(c, ops.Concat(1, m.Double1.Forward(c, y), a), l)
	return m.Out.Forward(c, ops.SiLU(m.Norm.Forward(c, y)))
}

// waves is the code of a level, as positions have it in a Transformer.
func waves(level *ir.Value) *ir.Value {
	g, n := level.Graph(), channel/2
	steps := ops.Arange(g, dtype.Float32, 0, float64(n), 1)
	rates := ops.Exp(ops.Mul(steps, ops.Scalar(steps, -math.Log(10000)/float64(n))))
	angle := ops.Outer(level, rates) // [B n]
	return ops.Concat(1, ops.Sin(angle), ops.Cos(angle))
}

// signal is the share of the image's variance that is left at a level, 0 to levels.
func signal(level *ir.Value) *ir.Value {
	const s = 0.008
	at := ops.Add(ops.Mul(level, ops.Scalar(level, 1/(1+s)/levels)), ops.Scalar(level, s/(1+s)))
	f := ops.Square(ops.Cos(ops.Mul(at, ops.Scalar(at, math.Pi/2))))
	return ops.Mul(f, ops.Scalar(f, 1/math.Pow(math.Cos(s/(1+s)*math.Pi/2), 2)))
}

// like stretches numbers [B] over images.
func like(v, x *ir.Value) *ir.Value {
	return ops.Expand(ops.Reshape(v, v.Dim(0), 1, 1, 1), x.Shape().Dims()...)
}

func (m *Diffusion) Rate() float64 { return 0.001 }

func (m *Diffusion) Prepare(params []nn.Named) (err error) {
	m.opt, err = optim.DefaultAdam().Build(params)
	return err
}

func (m *Diffusion) Learn(c *nn.Ctx, x, rate *ir.Value) []*ir.Value {
	key := c.Random()
	bits := ops.RandomBits(key.Seed, key.Step, key.Stream, shape.Of(x.Dim(0)))
	of := ops.Mul(ops.Cast(bits, dtype.Float32), ops.Full(c.Graph(), dtype.Float32, shape.Of(x.Dim(0)), levels*0x1p-32))
	level := ops.Add(ops.Floor(ops.Minimum(of, ops.Scalar(of, levels-1))), ops.Scalar(of, 1)) // 1 to levels
	noise, kept := normal(c, x.Shape()), signal(level)
	mixed := ops.Add(ops.Mul(x, like(ops.Sqrt(kept), x)), ops.Mul(noise, like(ops.Sqrt(ops.Sub(ops.Scalar(kept, 1), kept)), x)))
	l := loss.MSE(m.Forward(c, mixed, level), noise)
	grads, _ := optim.ClipNorm(grad.Of(l, c.Params(m.opt)...), 1)
	m.opt.Update(c, grads, rate)
	return []*ir.Value{l}
}

func (m *Diffusion) Draw(c *nn.Ctx, x *ir.Value) *ir.Value {
	start := normal(c, x.Shape())
	drawn, _ := ops.ScanN(levels, []*ir.Value{start}, func(i *ir.Value, carry []*ir.Value) (next, ys []*ir.Value) {
		y := carry[0]
		t := ops.Sub(ops.Full(c.Graph(), dtype.Float32, shape.Of(x.Dim(0)), levels), ops.Expand(ops.Reshape(ops.Cast(i, dtype.Float32), 1), x.Dim(0)))
		one := ops.Scalar(t, 1)
		kept, before := signal(t), signal(ops.Sub(t, one))
		step := ops.Minimum(ops.Sub(one, ops.Div(kept, before)), ops.Scalar(t, 0.999)) // variance of the noise that this level added
		found := m.Forward(c, y, t)
		// The image as it looks from here, within its bounds, and from that the level below.
		image := ops.Div(ops.Sub(y, ops.Mul(found, like(ops.Sqrt(ops.Sub(one, kept)), x))), like(ops.Sqrt(ops.Maximum(kept, ops.Scalar(kept, 1e-5))), x))
		image = ops.Clamp(image, -1, 1)
		rest := ops.Sub(one, kept)
		mean := ops.Add(
			ops.Mul(image, like(ops.Div(ops.Mul(ops.Sqrt(before), step), rest), x)),
			ops.Mul(y, like(ops.Div(ops.Mul(ops.Sqrt(ops.Sub(one, step)), ops.Sub(one, before)), rest), x)))
		deviation := ops.Sqrt(ops.Div(ops.Mul(step, ops.Maximum(ops.Sub(one, before), ops.ZerosLike(before))), rest))
		return []*ir.Value{ops.Add(mean, ops.Mul(normal(c, x.Shape()), like(deviation, x)))}, nil
	})
	return drawn[0]
}
