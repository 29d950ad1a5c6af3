package cpu_test

import (
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A gradient that only the update of its parameter reads takes no memory of its
// size, and the update has the bits of one that reads it from memory.
func TestGradientPasses(t *testing.T) {
	const rows, cols, batch = 700, 1400, 200
	step := func(wanted bool) *net {
		n := newNet(6)
		x, dy := n.input(ir.Arg, 1, batch, rows), n.input(ir.Arg, 1, batch, cols)
		p, buf := n.input(ir.Variable, 1, rows, cols), n.input(ir.Variable, 1, rows, cols)
		d := ops.DotGeneral(x, dy, ops.DotSpec{XContract: []int{0}, YContract: []int{0}})
		var scalars []*ir.Value
		for _, s := range []float64{0.1, 0.01, 0.9, 1} {
			scalars = append(scalars, ops.Reshape(ops.Scalar(ops.Sum(p), s)))
		}
		next, state := ops.Update(ops.SGDMomentumUpdate, p, d, []*ir.Value{buf}, scalars)
		n.g.Update(p, next)
		n.g.Update(buf, state[0])
		if wanted {
			n.g.SetOutputs(d)
		} else {
			n.g.SetOutputs(ops.Sum(x))
		}
		return n
	}
	for _, set := range sets() {
		t.Run(set.Name, func(t *testing.T) {
			for _, threads := range []int{1, 2, 5} {
				b := newBackend(t, cpu.WithSet(set), cpu.WithThreads(threads))
				passing, wanted := step(false), step(true)
				got, err := run(b, passing.g, passing.in...)
				if err != nil {
					t.Fatal(err)
				}
				want, err := run(b, wanted.g, wanted.in...)
				if err != nil {
					t.Fatal(err)
				}
				got.outputs = nil
				if err := sameBits(got, want); err != nil {
					t.Errorf("%d threads: %v", threads, err)
				}
				t.Log(got.stats.ArenaBytes, want.stats.ArenaBytes)
				if saved := want.stats.ArenaBytes - got.stats.ArenaBytes; threads == 1 && saved < 4*rows*cols/2 {
					t.Errorf("the step takes %d bytes, with its gradient %d", got.stats.ArenaBytes, want.stats.ArenaBytes)
				}
			}
		})
	}
}

// The gradient of a parameter that another one, much later, is added to waits for
// that: it passes to the update too, and takes no memory in between.
func TestGradientWaits(t *testing.T) {
	const rows, cols, batch = 600, 700, 100
	step := func(early string) *net {
		n := newNet(8)
		x, dy, y := n.input(ir.Arg, 1, batch, rows), n.input(ir.Arg, 1, batch, cols), n.input(ir.Arg, 1, batch, 12, cols)
		p := n.input(ir.Variable, 1, rows, cols)
		gradient := func(dy *ir.Value) *ir.Value {
			return ops.DotGeneral(x, dy, ops.DotSpec{XContract: []int{0}, YContract: []int{0}})
		}
		d := gradient(dy)
		for range 36 {
			y = ops.Softmax(y, 2)
		}
		sum := gradient(ops.Sum(y, 1))
		n.g.SetOutputs(ops.Sum(y))
		if early != "none" {
			sum = ops.Add(d, sum)
		}
		if early == "wanted" {
			n.g.SetOutputs(d)
		}
		scalar := func(v float64) *ir.Value { return ops.Reshape(ops.Scalar(ops.Sum(p), v)) }
		next, _ := ops.Update(ops.SGDUpdate, p, sum, nil, []*ir.Value{scalar(0.1), scalar(0.01)})
		n.g.Update(p, next)
		return n
	}
	for _, set := range sets() {
		t.Run(set.Name, func(t *testing.T) {
			for _, threads := range []int{1, 3} {
				b := newBackend(t, cpu.WithSet(set), cpu.WithThreads(threads))
				var of []*result
				for _, early := range []string{"waits", "wanted", "none"} {
					n := step(early)
					r, err := run(b, n.g, n.in...)
					if err != nil {
						t.Fatal(err)
					}
					r.outputs = nil
					of = append(of, r)
				}
				if err := sameBits(of[0], of[1]); err != nil {
					t.Errorf("%d threads: %v", threads, err)
				}
				if got, want := of[0].stats.ArenaBytes, of[2].stats.ArenaBytes; got > want+rows*cols {
					t.Errorf("%d threads: the step takes %d bytes, %d without the gradient", threads, got, want)
				}
			}
		})
	}
}

// A product that is added to a variable takes no memory, has the bits of one
// that is added apart where K is one block, and is not in the way of those who
// read the variable or the product too.
func TestProductsAddUp(t *testing.T) {
	const rows, cols, batch = 300, 400, 64
	step := func(order int, reads string) *net {
		n := newNet(7)
		x, dy := n.input(ir.Arg, 1, batch, rows), n.input(ir.Arg, 1, batch, cols)
		p, q := n.input(ir.Variable, 1, rows, cols), n.input(ir.Variable, 1, rows, cols)
		d := ops.DotGeneral(x, dy, ops.DotSpec{XContract: []int{0}, YContract: []int{0}})
		sum := ops.Add(d, p)
		if order == 1 {
			sum = ops.Add(p, d)
		}
		n.g.Update(p, sum)
		out := ops.Sum(x)
		switch reads {
		case "product":
			out = d
		case "variable":
			out = ops.Sum(p)
		case "variable after":
			out = ops.Mul(p, p)
		case "sum":
			out = ops.Mul(sum, sum)
		case "another":
			n.g.Update(q, ops.Mul(p, p))
		}
		n.g.SetOutputs(out)
		return n
	}
	for _, set := range sets() {
		t.Run(set.Name, func(t *testing.T) {
			b := newBackend(t, cpu.WithSet(set), cpu.WithThreads(3))
			for order := range 2 {
				want, err := run(b, step(order, "product").g, step(order, "product").in...)
				if err != nil {
					t.Fatal(err)
				}
				for _, reads := range []string{"variable", "variable after", "sum", "another", "nobody"} {
					n := step(order, reads)
					got, err := run(b, n.g, n.in...)
					if err != nil {
						t.Fatal(err)
					}
					p := n.g.Inputs()[2].Node().Op().(ir.Input).Label
					for i, v := range got.updates[p].F32() {
						if w := want.updates[p].F32()[i]; v != w {
							t.Fatalf("read by %s: element %d is %v, want %v", reads, i, v, w)
						}
					}
					if reads == "nobody" && got.stats.ArenaBytes > 4*rows*cols {
						t.Errorf("an arena of %d bytes, the product alone has %d", got.stats.ArenaBytes, 4*rows*cols)
					}
				}
			}
		})
	}
}
