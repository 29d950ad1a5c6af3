package cpu_test

import (
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// What runs in float32 by kernels runs in floats of 16 bits by kernels too.
func TestHalvesAreNotInterpreted(t *testing.T) {
	b := newBackend(t)
	interpreted := func(c optest.Case) []string {
		g, _, _ := c.Graph()
		x, err := b.Compile(g)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		return x.Stats().Interpreted
	}
	for name, table := range optest.Tables() {
		for _, c := range table.Cases {
			for _, dt := range []dtype.DType{dtype.BFloat16, dtype.Float16} {
				if c := c.As(dt); c.InHalf() && len(interpreted(c)) > len(interpreted(c.As(dtype.Float32))) {
					t.Errorf("%s/%s: interpreted %v", name, c.Name, interpreted(c))
				}
			}
		}
	}
}

// A cast to 16 bits and back loses bits, though it is part of a group; a sum
// within the group does not.
func TestCastRoundsInGroup(t *testing.T) {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float32, Shape: shape.Of(3)})
	low := ops.Cast(x, dtype.BFloat16)
	sum := ops.Add(low, ops.Full(g, dtype.BFloat16, x.Shape(), 0x1p-9))
	g.SetOutputs(ops.Cast(low, dtype.Float32), ops.Cast(sum, dtype.Float32), sum)
	in := tensor.Must(tensor.Of([]float32{1 + 0x1p-9, 2, 0x1p-9}))
	r, err := run(newBackend(t, cpu.WithThreads(1)), g, in)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]float64{{1, 2, 0x1p-9}, {1 + 0x1p-9, 2 + 0x1p-9, 0x1p-8}, {1, 2, 0x1p-8}} {
		for j, w := range want {
			if got := r.outputs[i].Float(j); got != w {
				t.Errorf("result %d: element %d is %v, want %v", i, j, got, w)
			}
		}
	}
}

// A product reads its second operand in 16 bits: what is cast before it is the
// first alone, and the cast of its result is part of it.
func TestProductPacksHalves(t *testing.T) {
	for _, dt := range []dtype.DType{dtype.BFloat16, dtype.Float16} {
		g := ir.NewGraph()
		x := g.Input(ir.Arg, "x", ir.Type{DType: dt, Shape: shape.Of(3, 40)})
		w := g.Input(ir.Variable, "w", ir.Type{DType: dt, Shape: shape.Of(70, 40)})
		g.SetOutputs(ops.Linear(x, w, nil))
		in := []*tensor.Tensor{tensor.New(dt, x.Shape()), tensor.New(dt, w.Shape())}
		for _, v := range in {
			for i := range v.Size() {
				v.SetFloat(i, float64(i%5-2))
			}
		}
		r, err := check(newBackend(t, cpu.WithThreads(2)), g, in...) // the sums are exact
		if err != nil {
			t.Fatal(err)
		}
		if r.stats.Steps != 2 {
			t.Errorf("%v: %d steps, want a cast and a product", dt, r.stats.Steps)
		}
	}
}
