package exec_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/backend/cpu/pool"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// sameType is the shape rule of the ops below.
func sameType(in []ir.Type) ([]ir.Type, error) {
	if len(in) != 1 || !in[0].DType.IsFloat() {
		return nil, errors.New("wants one operand of floats")
	}
	return in[:1:1], nil
}

// bump is x/(1+x^2): a composite from outside, without kernel and without a
// gradient of its own.
type bump struct{}

func (bump) Name() string                          { return "bump" }
func (bump) Infer(in []ir.Type) ([]ir.Type, error) { return sameType(in) }
func (bump) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	return []*ir.Value{ops.Div(x, ops.Add(ops.Mul(x, x), ops.Scalar(x, 1)))}
}

// reverse turns the order of elements around: a primitive from outside with a
// gradient of its own. It panics on a 13.
type reverse struct{}

func (reverse) Name() string                          { return "reverse" }
func (reverse) Infer(in []ir.Type) ([]ir.Type, error) { return sameType(in) }
func (reverse) Eval(in, out []*tensor.Tensor) {
	n := in[0].Size()
	for i := range n {
		if in[0].Float(i) == 13 {
			panic("unlucky")
		}
		out[0].SetFloat(n-1-i, in[0].Float(i))
	}
}
func (reverse) Grad(_, _, gout []*ir.Value) []*ir.Value { return ir.Apply(reverse{}, gout[0]) }

// lowerReverse is a kernel for it, in chunks of rows.
func lowerReverse(l *cpu.Lowering, n *ir.Node) {
	x, y := l.Read(n.In()[0]), l.Write(n.Out(0))
	l.Step(n, func(m cpu.Memory) []kernel.Phase {
		src, dst := m.F32(x), m.F32(y)
		const chunk = 100
		return []kernel.Phase{{Chunks: (len(src) + chunk - 1) / chunk, Run: func(_, c int) {
			for i := c * chunk; i < min((c+1)*chunk, len(src)); i++ {
				dst[len(dst)-1-i] = src[i]
			}
		}}}
	})
}

// lowerBump is a kernel for the composite, with scratch memory it has no need
// of but to show that it is there.
func lowerBump(l *cpu.Lowering, n *ir.Node) {
	x, square, y := l.Read(n.In()[0]), l.Scratch(n.Out(0).Shape().Size()), l.Write(n.Out(0))
	set := l.Set()
	l.Step(n, func(m cpu.Memory) []kernel.Phase {
		src, sq, dst := m.F32(x), m.F32(square), m.F32(y)
		return []kernel.Phase{
			{Chunks: 1, Run: func(_, _ int) { set.Vec.Run(kernel.Mul, sq, src, src, nil, 0, 0) }},
			{Chunks: 1, Run: func(_, _ int) {
				set.Vec.Run(kernel.AddS, sq, sq, nil, nil, 1, 0)
				set.Vec.Run(kernel.Div, dst, src, sq, nil, 0, 0)
			}},
		}
	})
}

// Ops from outside the repository run with and without a kernel, in the middle
// of a graph, and have gradients.
func TestCustomOps(t *testing.T) {
	x := random(1, 23, 11)
	step := func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
		y := ir.Apply1(bump{}, ops.Add(in[0], ops.Scalar(in[0], 0.5)))
		z := ops.Mul(ir.Apply1(reverse{}, y), in[0])
		return []*ir.Value{z, grad.Of(ops.Sum(ops.Mul(z, z)), in[0])[0]}
	}
	var first []*tensor.Tensor
	for _, tc := range []struct {
		name        string
		opts        []cpu.Option
		interpreted []string
	}{
		{"without kernels", nil, []string{"reverse", "reverse"}},
		{"with kernels", []cpu.Option{cpu.WithKernel(reverse{}, lowerReverse), cpu.WithKernel(bump{}, lowerBump)}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := storeOn(t, cpu.New(append(tc.opts, cpu.WithThreads(2))...), &struct{}{})
			f := exec.NewFunc(s, step)
			plan, err := f.Plan(ir.Type{DType: f32, Shape: x.Shape()})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(plan.Interpreted, tc.interpreted) {
				t.Errorf("interpreted %v, want %v", plan.Interpreted, tc.interpreted)
			}
			out := must(t, f, x)
			if first == nil {
				first = []*tensor.Tensor{out[0].Clone(), out[1].Clone()}
			}
			for i := range out {
				var want []float64
				for j := range first[i].Size() {
					want = append(want, first[i].Float(j))
				}
				near(t, out[i], want...)
			}
			v := func(i int) float64 { // by hand
				x := x.Float(i) + 0.5
				return x / (1 + x*x)
			}
			near(t, out[0].Rows(0, 1), func() (w []float64) {
				for i := range 11 {
					w = append(w, v(x.Size()-1-i)*x.Float(i))
				}
				return w
			}()...)
		})
	}
}

// A mistake of an op from outside is kept like that of any other.
func TestCustomOpMistake(t *testing.T) {
	s := newStore(t, &struct{}{})
	f := exec.NewFunc(s, func(_ *module.Ctx, in []*ir.Value) []*ir.Value { return ir.Apply(bump{}, in...) })
	_, err := f.Run(context.Background(), floats(1), floats(2))
	want(t, err, "bump: wants one operand of floats: input 0 f32[1], input 1 f32[1]", "custom_op_test.go:")
}

// A panic in a worker becomes an error that names op, module path and line;
// the next run works.
func TestWorkerPanic(t *testing.T) {
	m := newMLP(4, 3, 2)
	lower := func(l *cpu.Lowering, n *ir.Node) {
		x, y := l.Read(n.In()[0]), l.Write(n.Out(0))
		l.Step(n, func(mem cpu.Memory) []kernel.Phase {
			src, dst := mem.F32(x), mem.F32(y)
			return []kernel.Phase{{Chunks: len(src), Run: func(_, i int) {
				if src[i] == 13 {
					panic(fmt.Sprintf("element %d", i))
				}
				dst[len(dst)-1-i] = src[i]
			}}}
		})
	}
	for name, opts := range map[string][]cpu.Option{"interpreted": nil, "kernel": {cpu.WithKernel(reverse{}, lower)}} {
		t.Run(name, func(t *testing.T) {
			s := storeOn(t, cpu.New(append(opts, cpu.WithThreads(3))...), m)
			f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				leave := c.Enter(m.Fc2)
				defer leave()
				return ir.Apply(reverse{}, in[0])
			})
			x := tensor.New(f32, shape.Of(100))
			for range 3 {
				x.F32()[70] = 13
				_, err := f.Run(context.Background(), x)
				want(t, err, "reverse", "fc2", "custom_op_test.go:", "panic")
				var p *pool.Panic
				if !errors.As(err, &p) || len(p.Stack) == 0 {
					t.Errorf("error %v holds no stack", err)
				}
				x.F32()[70] = 1
				if out := must(t, f, x)[0]; out.F32()[29] != 1 {
					t.Errorf("the run after a panic gives %v", out.F32())
				}
			}
		})
	}
}
