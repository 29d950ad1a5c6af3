package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// below gives the condition of a loop that n, its carry i, is below limit.
func below(i int, limit int64) func(c values) *ir.Value {
	return func(c values) *ir.Value {
		return ops.Lt(c[i], ops.FullInt(c[i].Graph(), c[i].DType(), shape.Shape{}, limit))
	}
}

// more adds 1 to a whole number.
func more(n *ir.Value) *ir.Value {
	return ops.Add(n, ops.FullInt(n.Graph(), n.DType(), shape.Shape{}, 1))
}

func while() Table {
	gen := NewGen("while")
	list := func(t ...*tensor.Tensor) []*tensor.Tensor { return t }
	start := func(v *ir.Value) *ir.Value { return ops.FullInt(v.Graph(), dtype.Int32, shape.Shape{}, 0) }
	cases := Golden("while", func(_ string, a Attrs) func(in values) values {
		switch a.Op() {
		case "collatz":
			return func(in values) values {
				whole := func(v int64) *ir.Value { return ops.FullInt(in[0].Graph(), in[0].DType(), shape.Shape{}, v) }
				goesOn := func(n *ir.Value) *ir.Value { return ops.Gt(n, whole(1)) }
				return ops.While(values{in[0], ops.Mul(in[0], whole(0))}, func(c values) *ir.Value {
					return ops.Gt(ops.Amax(c[0]), whole(1))
				}, func(c values) values {
					half := ops.Div(c[0], whole(2))
					odd := ops.Ne(ops.Mul(half, whole(2)), c[0])
					next := ops.Select(odd, ops.Add(ops.Mul(c[0], whole(3)), whole(1)), half)
					return values{ops.Select(goesOn(c[0]), next, c[0]), ops.Add(c[1], ops.Cast(goesOn(c[0]), in[0].DType()))}
				})
			}
		case "newton":
			return func(in values) values {
				return ops.While(values{ops.OnesLike(in[0])}, func(c values) *ir.Value {
					e := ops.Abs(ops.Sub(ops.Mul(c[0], c[0]), in[0]))
					far := ops.Gt(ops.Amax(e), ops.Scalar(e, a.Float("tolerance")))
					// Short floats may never come near enough.
					n := c[0].Graph().Iterations()[0]
					return ops.And(far, ops.Lt(n, ops.FullInt(n.Graph(), n.DType(), shape.Shape{}, 40)))
				}, func(c values) values {
					return values{ops.Mul(ops.Add(c[0], ops.Div(in[0], c[0])), ops.Scalar(c[0], 0.5))}
				})
			}
		}
		return func(in values) values {
			return ops.While(values{in[0], start(in[0])}, below(1, int64(a.Int("length"))), func(c values) values {
				return values{ops.Add(ops.Sin(c[0]), ops.Cast(c[1], in[0].DType())), more(c[1])}
			})[:1]
		}
	})
	cases = append(cases,
		Case{
			Name: "swap", In: list(Floats(1, 2), Floats(3, 4)), Want: list(Floats(3, 4), Floats(1, 2)), NoGrad: true,
			Build: func(in values) values {
				return ops.While(values{in[0], in[1], start(in[0])}, below(2, 3), func(c values) values { return values{c[1], c[0], more(c[2])} })[:2]
			},
		},
		Case{
			Name: "one value twice", In: list(gen.Normal(3)), NoGrad: true,
			Build: func(in values) values {
				return ops.While(values{in[0], in[0], start(in[0])}, below(2, 4), func(c values) values {
					return values{ops.Add(c[1], in[0]), ops.Neg(c[0]), more(c[2])}
				})
			},
		},
		Case{ // a condition on captured values and on the iteration
			Name: "captures", In: list(gen.Normal(3), tensor.Scalar[uint64](5)), NoGrad: true,
			Build: func(in values) values {
				return ops.While(in[:1], func(c values) *ir.Value {
					return ops.Lt(c[0].Graph().Iterations()[0], in[1])
				}, func(c values) values { return values{ops.Sin(ops.Add(c[0], in[0]))} })
			},
		},
		Case{
			Name: "nested", In: list(gen.Normal(2, 3), gen.Normal(3)), NoGrad: true,
			Build: func(in values) values {
				return joined(ops.Scan(in[1:2], in[:1], func(c, x values) (values, values) {
					out := ops.While(values{c[0], start(c[0])}, func(c values) *ir.Value {
						return ops.And(below(1, 6)(c), ops.Lt(ops.Sum(c[0]), ops.Scalar(c[0], 4)))
					}, func(c values) values { return values{ops.Add(c[0], ops.Abs(x[0])), more(c[1])} })
					return out[:1], out[1:]
				}))
			},
		},
		Case{ // what does not depend on the loop has a gradient
			Name: "gradient beside", In: list(gen.Normal(3)), Smooth: true,
			Build: func(in values) values {
				n := ops.While(values{start(in[0])}, below(0, 5), func(c values) values { return values{more(c[0])} })
				return values{ops.Mul(ops.Sin(in[0]), ops.Cast(n[0], in[0].DType()))}
			},
		},
		Case{
			Name: "gradient stopped", In: list(gen.Normal(3)), Smooth: true,
			Build: func(in values) values {
				c := ops.While(values{ops.FullInt(in[0].Graph(), dtype.Int32, shape.Shape{}, 3)}, below(0, 9), func(c values) values {
					return values{ops.Add(c[0], more(ops.Cast(ops.Mul(ops.Sum(ops.OnesLike(in[0])), ops.Scalar(in[0], 0)), dtype.Int32)))}
				})
				return values{ops.Exp(in[0]), c[0]}
			},
		},
	)
	f, n := typ(dtype.Float32, 3), typ(dtype.Int32)
	keep := func(c values) values { return c }
	return Table{cases, []Mistake{
		{"condition type", []ir.Type{n}, func(in values) { ops.While(in, func(c values) *ir.Value { return c[0] }, keep) }, "while: wants a condition bool[], got i32[]"},
		{"condition shape", []ir.Type{f}, func(in values) {
			ops.While(in, func(c values) *ir.Value { return ops.Gt(c[0], ops.ZerosLike(c[0])) }, keep)
		}, "while: wants a condition bool[], got bool[3]"},
		{"no condition", []ir.Type{n}, func(in values) { ops.While(in, func(c values) *ir.Value { return nil }, keep) }, "while: result 0 of the body is nil"},
		{"carry", []ir.Type{f, n}, func(in values) {
			ops.While(in, below(1, 3), func(c values) values { return values{ops.Sum(c[0]), c[1]} })
		}, "while: carry 0 goes into the body as f32[3] and comes out as f32[]"},
		{"carries", []ir.Type{f, n}, func(in values) { ops.While(in, below(1, 3), func(c values) values { return c[:1] }) }, "while: the body returns 1 carries, wants 2"},
		{"leaked", []ir.Type{n}, func(in values) {
			var leak *ir.Value
			ops.While(in, func(c values) *ir.Value { leak = below(0, 3)(c); return leak }, keep)
			ops.And(leak, leak)
		}, "a value made in the body of while is used outside that body"},
		{"no body", []ir.Type{n}, func(in values) { ir.Apply(ops.WhileOp{}, in...) }, "while: has no condition or no body"},
	}}
}
