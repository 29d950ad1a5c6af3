// Command custom-op defines an op outside the library and trains with it: an
// activation for waves, x + sin(ax)^2 / a. The op brings a shape rule, an
// expansion, a gradient, and a kernel for the CPU that is handed to the backend;
// without the kernel the expansion runs, without the gradient that of the
// expansion is taken.
//
// Source: Ziyin, Hartwig and Ueda, "Neural Networks Fail to Learn Periodic
// Functions and How to Fix It" (2020), equation 3.
package main

import (
	"context"
	"fmt"
	"log"
	"math"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
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

// SnakeOp is x + sin(ax)^2 / a for each element. Its fields are its attributes:
// two nodes with equal attributes and operands compute the same.
type SnakeOp struct{ A float64 }

// Snake applies the op.
func Snake(x *ir.Value, a float64) *ir.Value { return ir.Apply1(SnakeOp{a}, x) }

// Name stands in errors and profiles.
func (SnakeOp) Name() string { return "snake" }

// Infer is the shape rule. What it returns as an error is kept in the graph, with
// op, operands and the line of the program.
func (op SnakeOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if len(in) != 1 || !in[0].DType.IsFloat() {
		return nil, fmt.Errorf("wants one operand of floats")
	}
	if !(op.A > 0) {
		return nil, fmt.Errorf("a is %v, wants a positive number", op.A)
	}
	return in, nil
}

// Expand says what the op is made of.
func (op SnakeOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	s := ops.Sin(ops.Mul(x, ops.Scalar(x, op.A)))
	return []*ir.Value{ops.Add(x, ops.Mul(ops.Mul(s, s), ops.Scalar(x, 1/op.A)))}
}

// Grad is the gradient: 1 + sin(2ax).
func (op SnakeOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	x := in[0]
	slope := ops.Add(ops.Sin(ops.Mul(x, ops.Scalar(x, 2*op.A))), ops.Scalar(x, 1))
	return []*ir.Value{ops.Mul(gout[0], slope)}
}

// lowerSnake is the kernel. Chunks run on any worker, and write what is theirs.
func lowerSnake(l *cpu.Lowering, n *ir.Node) {
	const chunk = 4096
	a := n.Op().(SnakeOp).A
	x, y := l.Read(n.In()[0]), l.Write(n.Out(0))
	l.Step(n, func(m cpu.Memory) []kernel.Phase {
		src, dst := m.F32(x), m.F32(y)
		return []kernel.Phase{{Chunks: (len(src) + chunk - 1) / chunk, Run: func(_, c int) {
			for i := c * chunk; i < min((c+1)*chunk, len(src)); i++ {
				s := math.Sin(a * float64(src[i]))
				dst[i] = float32(float64(src[i]) + s*s/a)
			}
		}}}
	})
}

// Wave is a network of two layers that learns a function of one number.
type Wave struct{ In, Out *nn.Linear }

func (m *Wave) Forward(c *nn.Ctx, x *ir.Value) *ir.Value { // [B 1] to [B 1]
	return m.Out.Forward(c, Snake(m.In.Forward(c, x), 10))
}

// wave is what is to be learnt: two and a half periods between -1 and 1.
func wave(n int) (x, y *tensor.Tensor) {
	x, y = tensor.New(dtype.Float32, shape.Of(n, 1)), tensor.New(dtype.Float32, shape.Of(n, 1))
	for i := range n {
		v := 2*float64(i)/float64(n-1) - 1
		x.SetFloat(i, v)
		y.SetFloat(i, math.Sin(2.5*math.Pi*v))
	}
	return x, y
}

// run trains for a number of steps and returns the last loss.
func run(ctx context.Context, steps int, opts ...cpu.Option) (last float64, err error) {
	model := &Wave{nn.NewLinear(1, 64), nn.NewLinear(64, 1)}
	store, err := exec.NewStore(cpu.New(opts...), model, exec.Seed(1))
	if err != nil {
		return 0, err
	}
	defer store.Close()
	adam, err := optim.DefaultAdam().Build(store.Params())
	if err != nil {
		return 0, err
	}
	learn := exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		l := loss.MSE(model.Forward(c.Train(), in[0]), in[1])
		adam.Update(c, grad.Of(l, c.Params(adam)...), ops.Scalar(l, 0.01))
		return []*ir.Value{l}
	})
	x, y := wave(256)
	for i := range steps {
		out, err := learn.Run(ctx, x, y)
		if err != nil {
			return 0, err
		}
		if last = out[0].Float(0); i%200 == 0 {
			fmt.Printf("step %4d  loss %.6f\n", i, last)
		}
	}
	return last, nil
}

func main() {
	last, err := run(context.Background(), 1000, cpu.WithKernel(SnakeOp{}, lowerSnake))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("in the end   %.6f\n", last)
}
