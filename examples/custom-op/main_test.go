package main

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// The wave is learnt with the kernel and without it, to nearly the same loss.
func TestRun(t *testing.T) {
	with, err := run(t.Context(), 600, cpu.WithKernel(SnakeOp{}, lowerSnake))
	if err != nil {
		t.Fatal(err)
	}
	without, err := run(t.Context(), 600)
	if err != nil {
		t.Fatal(err)
	}
	if !(with < 0.01) || !(without < 0.01) {
		t.Errorf("losses %v with the kernel and %v without, want below 0.01", with, without)
	}
}

// Kernel and gradient agree with the expansion and its gradient.
func TestKernelAndGradient(t *testing.T) {
	x := optest.Convert(optest.NewGen("snake").Normal(3, 3000), dtype.Float32)
	results := func(expand bool, opts ...cpu.Option) []*tensor.Tensor {
		g := ir.NewGraph()
		v := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float32, Shape: x.Shape()})
		y := Snake(v, 2)
		if expand {
			y = SnakeOp{2}.Expand([]*ir.Value{v})[0]
		}
		g.SetOutputs(y, grad.Of(ops.Sum(ops.Mul(y, y)), v)[0])
		b := cpu.New(opts...)
		defer b.Close()
		e, err := b.Compile(g)
		if err != nil {
			t.Fatal(err)
		}
		if in := e.Stats().Interpreted; len(in) > 0 {
			t.Errorf("interpreted: %v", in)
		}
		out := []*tensor.Tensor{tensor.New(dtype.Float32, x.Shape()), tensor.New(dtype.Float32, x.Shape())}
		if err := e.Run(nil, []*tensor.Tensor{x}, out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := results(true)
	for i, got := range results(false, cpu.WithKernel(SnakeOp{}, lowerSnake)) {
		if err := (optest.Case{}).Compare(got, want[i]); err != nil {
			t.Errorf("result %d: %v", i, err)
		}
	}
}

func TestMistakes(t *testing.T) {
	for want, a := range map[string]float64{
		"snake: a is 0, wants a positive number: x f32[2]": 0,
		"snake: a is NaN, wants a positive number":         math.NaN(),
	} {
		g := ir.NewGraph()
		Snake(g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float32, Shape: shape.Of(2)}), a)
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "(main.go:") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
