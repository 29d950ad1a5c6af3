// Command draw trains a network that makes digits of its own, and writes a picture
// of what it has learned to draw:
//
//	go run ./examples/draw -model diffusion -epochs 3 -o digits.png
//
// The models, each in its file: an autoencoder and a variational one (vae), two
// networks against each other (gan), and denoising diffusion.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// An artist learns from images x [B 1 28 28], numbers from -1 to 1, and draws some.
type artist interface {
	// Prepare makes what trains the parameters.
	Prepare(params []nn.Named) error
	// Learn builds a training step and gives its losses.
	Learn(c *nn.Ctx, x, rate *ir.Value) []*ir.Value
	// Draw builds images like x out of noise. An autoencoder, which can't, draws x.
	Draw(c *nn.Ctx, x *ir.Value) *ir.Value
	// Rate is the highest learning rate.
	Rate() float64
}

var artists = map[string]func() artist{
	"autoencoder": func() artist { return newAutoencoder(false) },
	"vae":         func() artist { return newAutoencoder(true) },
	"gan":         func() artist { return newGAN() },
	"diffusion":   func() artist { return newDiffusion() },
}

const batch = 128

// run trains for some epochs and returns n drawings.
func run(ctx context.Context, a artist, set *mnist.Set, epochs, n int) (*tensor.Tensor, error) {
	store, err := exec.NewStore(cpu.New(), a, exec.Seed(1))
	if err != nil {
		return nil, err
	}
	defer store.Close()
	if err := a.Prepare(store.Params()); err != nil {
		return nil, err
	}
	learn := exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		return a.Learn(c.Train(), in[0], in[1])
	})
	draw := exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{a.Draw(c.Eval(), in[0])}
	})
	images, err := data.Normalize{Mean: []float64{0.5}, Std: []float64{0.5}}.Apply(set.Images) // -1 to 1
	if err != nil {
		return nil, err
	}
	items, err := data.Tensors(images)
	if err != nil {
		return nil, err
	}
	batches, err := data.NewLoader(items, data.LoaderConfig{Batch: batch, Shuffle: true, DropLast: true, Seed: 1})
	if err != nil {
		return nil, err
	}
	rate, err := schedule.Cosine{}.Build(a.Rate(), epochs*batches.Len())
	if err != nil {
		return nil, err
	}
	first := tensor.New(dtype.Float32, shape.Of(n, 1, mnist.Side, mnist.Side))
	for epoch := range epochs {
		for b, err := range batches.Epoch(ctx, epoch) {
			if err != nil {
				return nil, err
			}
			step := epoch*batches.Len() + b.Index
			out, err := learn.Run(ctx, b.Inputs[0], tensor.Scalar(float32(rate.At(step))))
			if err != nil {
				return nil, err
			}
			if step == 0 {
				copy(first.F32(), b.Inputs[0].F32())
			}
			if step%100 == 0 {
				fmt.Printf("step %4d  losses", step)
				for _, l := range out {
					fmt.Printf(" %.4f", l.Float(0))
				}
				fmt.Println()
			}
		}
	}
	out, err := draw.Run(ctx, first)
	if err != nil {
		return nil, err
	}
	return out[0].Clone(), nil
}

// normal draws numbers of mean 0 and deviation 1, new in each step: of two even
// ones, by the method of Box and Muller.
func normal(c *nn.Ctx, s shape.Shape) *ir.Value {
	even := func() *ir.Value {
		key := c.Random()
		bits := ops.Cast(ops.RandomBits(key.Seed, key.Step, key.Stream, s), dtype.Float32)
		return ops.Mul(ops.Add(bits, ops.Scalar(bits, 0.5)), ops.Scalar(bits, 0x1p-32))
	}
	u, v := ops.Minimum(even(), ops.Full(c.Graph(), dtype.Float32, s, 1-0x1p-24)), even()
	radius := ops.Sqrt(ops.Mul(ops.Log(u), ops.Scalar(u, -2)))
	return ops.Mul(radius, ops.Cos(ops.Mul(v, ops.Scalar(v, 2*math.Pi))))
}

func main() {
	model := flag.String("model", "vae", "autoencoder, vae, gan or diffusion")
	epochs := flag.Int("epochs", 3, "times that all images are seen")
	out := flag.String("o", "digits.png", "picture to write")
	flag.Parse()
	newArtist := artists[*model]
	if newArtist == nil {
		log.Fatalf("there is no model %q; there are autoencoder, vae, gan and diffusion", *model)
	}
	set, err := mnist.Train()
	if err != nil {
		log.Fatal(err)
	}
	drawn, err := run(context.Background(), newArtist(), set, *epochs, 60)
	if err != nil {
		log.Fatal(err)
	}
	if err := picture(*out, drawn, 12); err != nil {
		log.Fatal(err)
	}
}
