package cpu_test

import (
	"fmt"
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

// recurrentLayers are one direction of a layer each: how many times its units
// gates and bias are wide, and its states.
var recurrentLayers = []struct {
	op                    ir.Composite
	gates, biases, states int
}{
	{ops.RNNOp{}, 1, 1, 1}, {ops.RNNOp{ReLU: true, Reverse: true}, 1, 1, 1},
	{ops.LSTMOp{}, 4, 4, 2}, {ops.LSTMOp{Reverse: true}, 4, 4, 2},
	{ops.GRUOp{}, 3, 4, 1}, {ops.GRUOp{Reverse: true}, 3, 4, 1},
}

// recurrentGraph makes outputs, last states and all gradients of a layer, by its
// op or by its expansion, a scan.
func recurrentGraph(layer int, b, t, d int, lengths, expanded bool) (*ir.Graph, []*tensor.Tensor) {
	l, gen, g := recurrentLayers[layer], optest.NewGen("recurrent layers"), ir.NewGraph()
	var in []*ir.Value
	var args []*tensor.Tensor
	arg := func(v *tensor.Tensor) *ir.Value {
		args = append(args, v)
		return g.Input(ir.Arg, fmt.Sprint("in", len(args)), ir.Type{DType: v.DType(), Shape: v.Shape()})
	}
	f32 := func(v *tensor.Tensor) *ir.Value { return arg(optest.Convert(v, dtype.Float32)) }
	in = append(in, f32(gen.Normal(b, t, l.gates*d)), f32(gen.Uniform(-0.1, 0.1, l.gates*d, d)), f32(gen.Normal(l.biases*d)))
	for range l.states {
		in = append(in, f32(gen.Normal(b, d)))
	}
	of := in
	if lengths {
		in = append(in, arg(gen.Ints(dtype.Int64, 1, t+1, b)))
	}
	var out []*ir.Value
	if expanded {
		out = l.op.Expand(in)
	} else {
		out = ir.Apply(l.op, in...)
	}
	out = out[:1+l.states]
	var seeds []*ir.Value
	for _, v := range out {
		seeds = append(seeds, f32(gen.Normal(v.Shape().Dims()...)))
	}
	g.SetOutputs(append(grad.VJP(out, seeds, of...), out...)...)
	return g, args
}

// The kernels of recurrent layers give what the scans that define them give, and
// the same bits with any number of threads, whether they cut the batch or, for
// few samples, the units.
func TestRecurrentScans(t *testing.T) {
	for _, set := range sets() {
		if testing.Short() && set.Name == "avx2" {
			continue
		}
		one := newBackend(t, cpu.WithSet(set), cpu.WithThreads(1))
		many := []*cpu.Backend{newBackend(t, cpu.WithSet(set), cpu.WithThreads(2)), newBackend(t, cpu.WithSet(set), cpu.WithThreads(5))}
		for i, l := range recurrentLayers {
			for _, size := range [][3]int{{1, 4, 20}, {9, 7, 33}, {30, 3, 40}, {2, 3, 330}} {
				for _, lengths := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%s %+v/%v lengths %v", set.Name, l.op.Name(), l.op, size, lengths), func(t *testing.T) {
						g, args := recurrentGraph(i, size[0], size[1], size[2], lengths, true)
						want, err := run(one, g, args...)
						if err != nil {
							t.Fatal(err)
						}
						g, args = recurrentGraph(i, size[0], size[1], size[2], lengths, false)
						got, err := run(one, g, args...)
						if err != nil {
							t.Fatal(err)
						}
						for i := range want.outputs {
							if err := closeTo(got.outputs[i], want.outputs[i]); err != nil {
								t.Errorf("output %d: %v", i, err)
							}
						}
						for _, b := range many {
							g, args := recurrentGraph(i, size[0], size[1], size[2], lengths, false)
							again, err := run(b, g, args...)
							if err != nil {
								t.Fatal(err)
							}
							if err := sameBits(got, again); err != nil {
								t.Error(err)
							}
						}
					})
				}
			}
		}
	}
}

// A gradient that is the output itself lies in the memory that dx would take.
func TestRecurrentSharedOperands(t *testing.T) {
	b := newBackend(t, cpu.WithThreads(2))
	for i, l := range recurrentLayers {
		g, args := recurrentGraph(i, 3, 4, 5, false, false)
		n := 3 + l.states
		in := g.Inputs()[:n]
		y := ir.Apply(l.op, in...)[0]
		half := ops.Full(g, dtype.Float32, shape.Shape{}, 0.5)
		g.SetOutputs(grad.Of(ops.Sum(ops.Mul(half, ops.Mul(y, y))), in...)...)
		if _, err := check(b, g, args...); err != nil {
			t.Errorf("%s %+v: %v", l.op.Name(), l.op, err)
		}
	}
}
