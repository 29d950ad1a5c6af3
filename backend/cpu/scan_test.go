package cpu_test

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// lstm is the last state of an LSTM of width h over x [T B D], written as a
// scan.
func (n *net) lstm(x *ir.Value, h int) *ir.Value {
	batch := x.Dim(1)
	wx, wh, bias := n.param(x.Dim(2), 4*h), n.param(h, 4*h), n.param(4*h)
	zeros := ops.Full(n.g, dtype.Float32, shape.Of(batch, h), 0)
	last, _ := ops.Scan([]*ir.Value{zeros, zeros}, []*ir.Value{x}, func(s, x []*ir.Value) (next, ys []*ir.Value) {
		gates := ops.Add(ops.Add(ops.MatMul(x[0], wx), ops.MatMul(s[0], wh)), bias)
		gate := func(i int) *ir.Value { return ops.Narrow(gates, 1, i*h, h) }
		c := ops.Add(ops.Mul(ops.Sigmoid(gate(1)), s[1]), ops.Mul(ops.Sigmoid(gate(0)), ops.Tanh(gate(2))))
		return []*ir.Value{ops.Mul(ops.Sigmoid(gate(3)), ops.Tanh(c)), c}, nil
	})
	return last[0]
}

// recurrentNet trains on the last state of an LSTM.
func recurrentNet(n *net, batch int) {
	n.train(n.linear(n.lstm(n.input(ir.Arg, 1, 5, batch, 7), 12), 4))
}

// sharedConvNet applies one convolution several times, with a mask for each.
func sharedConvNet(n *net, batch int) {
	x := n.input(ir.Arg, 1, batch, 5, 6, 6)
	w, b := n.param(5, 5, 3, 3), n.param(5)
	op := ops.ConvOp{Groups: 1}
	for i := range 2 {
		op.Stride[i], op.Dilation[i], op.PadLo[i], op.PadHi[i] = 1, 1, 1, 1
	}
	seed, step := ops.FullInt(n.g, dtype.Uint64, shape.Shape{}, 3), ops.FullInt(n.g, dtype.Uint64, shape.Shape{}, 4)
	last, means := ops.ScanN(3, []*ir.Value{x}, func(t *ir.Value, c []*ir.Value) (next, ys []*ir.Value) {
		y := ops.ReLU(ops.Add(ops.Conv(c[0], w, op), ops.BroadcastInDim(b, x.Shape(), 1)))
		y = ops.Dropout(y, ops.FoldIn(seed, ops.Cast(t, dtype.Uint64)), step, 0.25, 9)
		return []*ir.Value{ops.Add(c[0], y)}, []*ir.Value{ops.Mean(y, 2, 3)}
	})
	n.train(n.linear(ops.Flatten(ops.Add(ops.Mean(last[0], 2, 3), ops.Sum(means[0], 0)), 1), 3))
}

// nestedNet has a scan in a scan whose carry is as wide as a chunk of copies.
func nestedNet(n *net, batch int) {
	x := n.input(ir.Arg, 1, 3, batch, 700)
	w, v := n.param(700), n.param(2, 700)
	last, ys := ops.ScanReverse([]*ir.Value{ops.Full(n.g, dtype.Float32, shape.Of(batch, 700), 0)}, []*ir.Value{x},
		func(c, x []*ir.Value) (next, ys []*ir.Value) {
			d, _ := ops.Scan([]*ir.Value{ops.Add(c[0], x[0])}, []*ir.Value{v}, func(d, v []*ir.Value) (next, ys []*ir.Value) {
				return []*ir.Value{ops.Tanh(ops.Add(ops.Mul(d[0], v[0]), w))}, nil
			})
			return d, []*ir.Value{ops.Mul(d[0], w)}
		})
	n.train(n.linear(ops.Add(last[0], ops.Mean(ys[0], 0)), 4))
}

// descentNet trains in a loop within the step: parameters are carries that
// become the variables.
func descentNet(n *net, batch int) {
	x := n.input(ir.Arg, 1, 4, batch, 9)
	target := n.input(ir.Arg, 1, 4, batch)
	w, b := n.input(ir.Variable, 1, 9, 1), n.input(ir.Variable, 1, 1)
	last, losses := ops.Scan([]*ir.Value{w, b}, []*ir.Value{x, target}, func(p, x []*ir.Value) (next, ys []*ir.Value) {
		y := ops.Reshape(ops.Add(ops.MatMul(x[0], p[0]), p[1]), batch)
		e := ops.Sub(y, x[1])
		l := ops.Mean(ops.Mul(e, e))
		for i, g := range grad.Of(l, p...) {
			next = append(next, ops.Sub(p[i], ops.Mul(g, ops.Scalar(g, 0.1))))
		}
		return next, []*ir.Value{l}
	})
	n.g.Update(w, last[0])
	n.g.Update(b, last[1])
	n.g.SetOutputs(losses[0])
}

// A run of a loop allocates nothing.
func TestLoopsDoNotAllocate(t *testing.T) {
	for name, build := range map[string]func(n *net, batch int){"recurrent": recurrentNet, "nested": nestedNet} {
		n := newNet(1)
		build(n, 30)
		b := newBackend(t, cpu.WithThreads(2))
		x, err := b.Compile(n.g)
		if err != nil {
			t.Fatal(err)
		}
		var types []ir.Type
		var args, outs []*tensor.Tensor
		for i, v := range n.g.Inputs() {
			if v.Node().Op().(ir.Input).Kind == ir.Variable {
				types = append(types, v.Type())
			} else {
				args = append(args, n.in[i])
			}
		}
		for _, v := range n.g.Outputs() {
			outs = append(outs, tensor.New(v.DType(), v.Shape()))
		}
		vars, err := b.Alloc(types)
		if err != nil {
			t.Fatal(err)
		}
		step := func() {
			if err := x.Run(vars, args, outs); err != nil {
				t.Fatal(err)
			}
		}
		step()
		if allocs := testing.AllocsPerRun(5, step); allocs > 0 {
			t.Errorf("%s: %v allocations a run", name, allocs)
		}
	}
}

// The plan of a loop does not grow with its length, but for what is stacked.
func TestLoopMemory(t *testing.T) {
	size := func(length int) int64 {
		n := newNet(1)
		x := n.input(ir.Arg, 1, 100, 100)
		c, _ := ops.ScanN(length, []*ir.Value{x}, func(_ *ir.Value, c []*ir.Value) (next, ys []*ir.Value) {
			return []*ir.Value{ops.Tanh(ops.MatMul(c[0], c[0]))}, nil
		})
		n.g.SetOutputs(c[0])
		b := newBackend(t)
		e, err := b.Compile(n.g)
		if err != nil {
			t.Fatal(err)
		}
		return e.Stats().ArenaBytes
	}
	if one, many := size(1), size(1000); one != many {
		t.Errorf("1 iteration takes %d bytes, 1000 take %d", one, many)
	}
}

// unlucky panics in a worker when it meets a 13.
type unlucky struct{}

func (unlucky) Name() string                            { return "unlucky" }
func (unlucky) Infer(in []ir.Type) ([]ir.Type, error)   { return in[:1], nil }
func (unlucky) Eval(in, out []*tensor.Tensor)           { copy(out[0].Bytes(), in[0].Bytes()) }
func (unlucky) Grad(_, _, gout []*ir.Value) []*ir.Value { return gout }

// A panic in a body names the op and the place in the body, once; the next run
// works.
func TestPanicInLoop(t *testing.T) {
	lower := func(l *cpu.Lowering, n *ir.Node) {
		x, y := l.Read(n.In()[0]), l.Write(n.Out(0))
		l.Step(n, func(m cpu.Memory) []kernel.Phase {
			src, dst := m.F32(x), m.F32(y)
			return []kernel.Phase{{Chunks: len(src), Run: func(_, i int) {
				if src[i] == 13 {
					panic("unlucky")
				}
				dst[i] = src[i]
			}}}
		})
	}
	b := newBackend(t, cpu.WithThreads(2), cpu.WithKernel(unlucky{}, lower))
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float32, Shape: shape.Of(4, 3)})
	g.SetPath("cell")
	_, ys := ops.Scan(nil, []*ir.Value{x}, func(_, x []*ir.Value) (next, ys []*ir.Value) {
		return nil, []*ir.Value{ir.Apply1(unlucky{}, x[0])}
	})
	g.SetOutputs(ys[0])
	e, err := b.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	in, out := tensor.New(dtype.Float32, shape.Of(4, 3)), tensor.New(dtype.Float32, shape.Of(4, 3))
	in.F32()[7] = 13
	for range 3 {
		err := e.Run(nil, []*tensor.Tensor{in}, []*tensor.Tensor{out})
		if err == nil || !strings.HasPrefix(err.Error(), "cpu: unlucky at cell (scan_test.go:") || strings.Count(err.Error(), "cpu:") != 1 {
			t.Fatalf("got %v", err)
		}
	}
	in.F32()[7] = 12
	if err := e.Run(nil, []*tensor.Tensor{in}, []*tensor.Tensor{out}); err != nil || out.F32()[7] != 12 {
		t.Errorf("%v, %v", err, out.F32())
	}
}
