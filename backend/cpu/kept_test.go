package cpu_test

import (
	"testing"

	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// layers are two layers of which the second reads what is made of variables
// alone in several ways: in a product, added as a row, and written out.
func layers(n *net) *ir.Value {
	x := n.input(ir.Arg, 1, 2, 6, 5, 5)
	w, gain, v := n.input(ir.Variable, 0.2, 40, 6, 3, 3), n.input(ir.Variable, 1, 40), n.input(ir.Variable, 0.1, 30, 40)
	y := ops.Conv(x, w, ops.ConvOp{Groups: 1, Stride: [3]int{1, 1}, PadLo: [3]int{1, 1}, PadHi: [3]int{1, 1}, Dilation: [3]int{1, 1}})
	scale := ops.Exp(ops.Neg(ops.Mul(gain, gain)))
	y = ops.ReLU(ops.Mul(y, ops.BroadcastInDim(scale, y.Shape(), 1)))
	y = ops.Mean(y, 2, 3) // [2 40]
	table := ops.Mul(v, ops.BroadcastInDim(scale, v.Shape(), 1))
	z := ops.Add(ops.Linear(y, v, nil), ops.Linear(y, table, ops.Sum(table, 1)))
	z = ops.Add(z, ops.BroadcastInDim(ops.Softmax(ops.Sum(v, 1), 0), z.Shape(), 1))
	places := ops.Iota(n.g, dtype.Int64, shape.Of(30), 0)
	return ops.Take(z, ops.Sub(ops.FullInt(n.g, dtype.Int64, shape.Of(30), 29), places), 1)
}

// A stage is variables of a backend with the graph that reads them.
type stage struct {
	t    *testing.T
	n    *net
	x    backend.Executable
	vars []backend.Buffer
	args []*tensor.Tensor
}

func (s *stage) write(vars []backend.Buffer) {
	s.t.Helper()
	i := 0
	for k, v := range s.n.g.Inputs() {
		if v.Node().Op().(ir.Input).Kind == ir.Variable {
			if err := vars[i].Write(s.n.in[k]); err != nil {
				s.t.Fatal(err)
			}
			i++
		}
	}
}

// check runs the executable and the interpreter.
func (s *stage) check(when string) {
	s.t.Helper()
	want, err := interp.Run(s.n.g, s.n.in...)
	if err != nil {
		s.t.Fatal(err)
	}
	for range 2 {
		got := tensor.New(dtype.Float32, want.Outputs[0].Shape())
		if err := s.x.Run(s.vars, s.args, []*tensor.Tensor{got}); err != nil {
			s.t.Fatal(err)
		}
		if err := closeTo(got, want.Outputs[0]); err != nil {
			s.t.Fatalf("%s: %v", when, err)
		}
	}
}

// What is kept follows the variables, whoever changes them.
func TestKept(t *testing.T) {
	for _, set := range sets() {
		b := newBackend(t, cpu.WithSet(set), cpu.WithThreads(2))
		n := newNet(5)
		n.g.SetOutputs(layers(n))
		x, err := b.Compile(n.g)
		if err != nil {
			t.Fatal(err)
		}
		if st := x.Stats(); st.KeptBytes < 4*40*6*9 {
			t.Errorf("%d bytes are kept, less than the packed weight", st.KeptBytes)
		}
		var types []ir.Type
		for _, v := range n.g.Inputs()[1:] {
			types = append(types, v.Type())
		}
		alloc := func() []backend.Buffer {
			vars, err := b.Alloc(types)
			if err != nil {
				t.Fatal(err)
			}
			return vars
		}
		s := &stage{t, n, x, alloc(), n.in[:1]}
		s.write(s.vars)
		s.check("first")
		for i := range n.in {
			for j := range n.in[i].F32() {
				n.in[i].F32()[j] *= 0.7
			}
			if i > 0 {
				s.write(s.vars)
			}
			s.check("after Write")
		}

		other := newNet(6) // a step that halves the first variable
		w := other.input(ir.Variable, 1, 40, 6, 3, 3)
		other.g.Update(w, ops.Mul(w, ops.Scalar(w, 0.5)))
		half, err := b.Compile(other.g)
		if err != nil {
			t.Fatal(err)
		}
		if err := half.Run(s.vars[:1], nil, nil); err != nil {
			t.Fatal(err)
		}
		for j := range n.in[1].F32() {
			n.in[1].F32()[j] *= 0.5
		}
		s.check("after a step")

		big := newNet(7) // one that moves the arena, and fills it
		y := big.input(ir.Arg, 1, 100, 1000)
		big.g.SetOutputs(ops.Softmax(ops.Exp(y), 1))
		if _, err := run(b, big.g, big.in...); err != nil {
			t.Fatal(err)
		}
		s.check("after the arena moved")

		s.vars = alloc()
		for j := range n.in[2].F32() {
			n.in[2].F32()[j] += 1
		}
		s.write(s.vars)
		s.check("with other variables")
	}
}

// What a graph is run for, and what it updates, is made every time.
func TestNotKept(t *testing.T) {
	b := newBackend(t)
	for name, build := range map[string]func(n *net){
		"output": func(n *net) {
			w := n.input(ir.Variable, 1, 8, 8)
			n.g.SetOutputs(ops.MatMul(w, w))
		},
		"update": func(n *net) {
			w, c := n.input(ir.Variable, 1, 8, 8), n.input(ir.Variable, 1, 8, 8)
			n.g.Update(c, ops.Exp(ops.MatMul(w, w)))
		},
		"moving": func(n *net) {
			x, w := n.input(ir.Arg, 1, 3, 8), n.input(ir.Variable, 1, 8, 8)
			n.g.SetOutputs(ops.MatMul(x, ops.Exp(w)))
			n.g.Update(w, ops.Neg(w))
		},
	} {
		n := newNet(8)
		build(n)
		r, err := check(b, n.g, n.in...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if name == "moving" && r.stats.KeptBytes != 0 {
			t.Errorf("%s: %d bytes are kept", name, r.stats.KeptBytes)
		}
	}
}

// One row gives the bits that it gives among many, whose product packs no
// weight beforehand.
func TestOneRowAmongMany(t *testing.T) {
	for _, set := range sets() {
		b := newBackend(t, cpu.WithSet(set))
		var outs [2]*result
		for i, rows := range []int{1, 80} {
			n := newNet(9)
			w := n.input(ir.Variable, 1, 70, 130)
			x := n.input(ir.Arg, 1, rows, 130)
			n.g.SetOutputs(ops.Linear(x, w, nil))
			r, err := check(b, n.g, n.in...)
			if err != nil {
				t.Fatal(err)
			}
			outs[i] = r
		}
		one := outs[0].outputs[0]
		if string(one.Bytes()) != string(outs[1].outputs[0].Rows(0, 1).Bytes()) {
			t.Errorf("%s: a row alone has other bits", set.Name)
		}
	}
}

// Packed weights are shared by executables of all batch sizes, and of backends
// that share the variables, and follow these.
func TestPackedOnce(t *testing.T) {
	build := func(rows int) *net { // every way to be packed: a product, images of few and many pixels, taps
		n := newNet(4)
		x := n.input(ir.Arg, 1, rows, 3, 17, 17)
		w1, w2, w3 := n.input(ir.Variable, 0.3, 10, 3, 3, 3), n.input(ir.Variable, 0.3, 12, 10, 1, 1), n.input(ir.Variable, 0.3, 14, 12, 1, 1)
		w4 := n.input(ir.Variable, 0.3, 15, 14)
		op := ops.ConvOp{Groups: 1, Stride: [3]int{1, 1}, PadLo: [3]int{1, 1}, PadHi: [3]int{1, 1}, Dilation: [3]int{1, 1}}
		point := ops.ConvOp{Groups: 1, Stride: [3]int{1, 1}, Dilation: [3]int{1, 1}}
		y := ops.ReLU(ops.Conv(ops.ReLU(ops.Conv(x, w1, op)), w2, point))
		y = ops.ReLU(ops.Conv(maxPool(y, 2, 2), w3, point))
		n.g.SetOutputs(ops.Linear(ops.Mean(y, 2, 3), w4, nil))
		return n
	}
	for _, set := range sets() {
		owner := newBackend(t, cpu.WithSet(set), cpu.WithThreads(2))
		clone := owner.Clone(cpu.WithThreads(1))
		defer clone.Close()
		first := build(1)
		var types []ir.Type
		for _, v := range first.g.Inputs()[1:] {
			types = append(types, v.Type())
		}
		vars, err := owner.Alloc(types)
		if err != nil {
			t.Fatal(err)
		}
		var stages []*stage
		var packed int64
		for i, b := range []*cpu.Backend{owner, owner, clone, clone} {
			n := build([]int{1, 5, 2, 3}[i])
			copy(n.in[1:], first.in[1:])
			x, err := b.Compile(n.g)
			if err != nil {
				t.Fatal(err)
			}
			stats := x.Stats()
			if i == 0 {
				packed = stats.PackedBytes
			}
			if stats.KeptBytes != 0 || stats.PackedBytes != packed || packed < 4*(10*27+12*10+14*12+15*14) {
				t.Errorf("%s: %+v", set.Name, stats)
			}
			stages = append(stages, &stage{t: t, n: n, x: x, vars: vars, args: n.in[:1]})
		}
		stages[0].write(vars)
		for range 2 {
			before := owner.MappedBytes()
			for i, st := range stages {
				st.check(set.Name)
				if n := owner.MappedBytes(); i == 2 && n != before {
					t.Errorf("%s: a second backend takes %d bytes of the first", set.Name, n-before)
				}
				before = owner.MappedBytes()
			}
			for _, w := range first.in[1:] {
				for i := range w.F32() {
					w.F32()[i] *= -0.5
				}
			}
			stages[0].write(vars)
		}
	}
}
