package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func cond() Table {
	gen := NewGen("cond")
	list := func(t ...*tensor.Tensor) []*tensor.Tensor { return t }
	truth := func(v bool) *tensor.Tensor {
		t := tensor.New(dtype.Bool, shape.Shape{})
		if v {
			t.SetInt(0, 1)
		}
		return t
	}
	// known is a condition that only the run knows.
	known := func(like *ir.Value, v bool) *ir.Value {
		sum := ops.Sum(ops.Mul(like, ops.Scalar(like, 0)))
		if v {
			return ops.Eq(sum, ops.Scalar(sum, 0))
		}
		return ops.Gt(sum, ops.Scalar(sum, 0))
	}
	cases := Golden("cond", func(_ string, a Attrs) func(in values) values {
		switch a.Op() {
		case "branch":
			return func(in values) values {
				return ops.Cond(known(in[0], a.Bool("pred")), func() values {
					return values{ops.Mul(ops.Sin(in[0]), in[1]), ops.Add(in[0], in[1])}
				}, func() values {
					return values{ops.Mul(ops.Exp(ops.Neg(in[0])), in[2]), in[0]}
				})
			}
		case "gated":
			return func(in values) values {
				w, v := in[1], in[2]
				c, _ := ops.Scan(values{ops.ZerosLike(w)}, in[:1], func(c, x values) (values, values) {
					return ops.Cond(ops.Gt(ops.Sum(x[0]), ops.Scalar(x[0], 0)),
						func() values { return values{ops.Tanh(ops.Add(ops.Mul(c[0], w), x[0]))} },
						func() values { return values{ops.Mul(c[0], v)} }), nil
				})
				return c
			}
		}
		return func(in values) values {
			x, y := in[0], in[1]
			branches := []func() values{
				func() values { return values{ops.Add(x, y)} },
				func() values { return values{ops.Mul(x, y)} },
				func() values { return values{ops.Sin(x)} },
				func() values { return values{ops.Mul(y, ops.Scalar(y, 2))} },
			}
			zero := ops.Cast(ops.Sum(ops.Mul(x, ops.Scalar(x, 0))), dtype.Int32)
			index := ops.Add(zero, ops.FullInt(x.Graph(), dtype.Int32, shape.Shape{}, int64(a.Int("index"))))
			return ops.Switch(index, branches[:a.Int("count")]...)
		}
	})
	waves := func(in values) values {
		return ops.Cond(in[0], func() values {
			return values{ops.Sin(ops.Mul(in[1], in[2])), ops.Sum(in[1])}
		}, func() values {
			return values{ops.Exp(in[1]), ops.Sum(ops.Mul(in[2], in[2]))}
		})
	}
	cases = append(cases,
		Case{Name: "smooth yes", In: list(truth(true), gen.Normal(3), gen.Normal(3)), Build: waves, Smooth: true},
		Case{Name: "smooth no", In: list(truth(false), gen.Normal(3), gen.Normal(3)), Build: waves, Smooth: true},
		Case{Name: "one result", In: list(truth(false), gen.Normal(3), gen.Normal(3)), Build: func(in values) values { return waves(in)[:1] }, Smooth: true},
		Case{ // results that are operands, constants, or both of them the same
			Name: "identity yes", In: list(truth(true), Floats(1, 2), Floats(3, 4)), Want: list(Floats(1, 2), Floats(3, 4), Floats(1, 2), Floats(7, 7)), Smooth: true,
			Build: identities,
		},
		Case{
			Name: "identity no", In: list(truth(false), Floats(1, 2), Floats(3, 4)), Want: list(Floats(3, 4), Floats(3, 4), Floats(0, 0), Floats(3, 4)), Smooth: true,
			Build: identities,
		},
		Case{ // the branch that is not taken spoils nothing
			Name: "guarded", In: list(Floats(0, 4)), Want: list(tensor.Scalar(0.0)), NoGrad: true,
			Gout: list(tensor.Scalar(1.0)), WantGrad: list(Floats(0, 0)),
			Build: func(in values) values {
				return ops.Cond(ops.Gt(ops.Amin(in[0]), ops.Scalar(in[0], 0)), func() values {
					return values{ops.Sum(ops.Log(in[0]))}
				}, func() values { return values{ops.Scalar(in[0], 0)} })
			},
		},
		Case{
			Name: "nan", In: list(truth(true), Floats(math.NaN(), 1), Floats(1, math.Inf(1))), NoGrad: true,
			Build: func(in values) values {
				return ops.Cond(in[0], func() values { return values{ops.Add(in[1], in[2])} }, func() values { return in[1:2] })
			},
		},
		Case{
			Name: "integers", In: list(truth(true), tensor.Must(tensor.Of([]int64{1, 2})), gen.Normal(2)), NoGrad: true,
			Build: func(in values) values {
				return ops.Cond(in[0], func() values { return values{ops.Add(in[1], in[1]), ops.Gt(in[2], ops.ZerosLike(in[2]))} },
					func() values { return values{in[1], ops.Lt(in[2], ops.ZerosLike(in[2]))} })
			},
		},
		Case{
			Name: "nested", In: list(truth(true), truth(false), gen.Normal(3), gen.Normal(3)), Smooth: true,
			Build: func(in values) values {
				x, y := in[2], in[3]
				return ops.Cond(in[0], func() values {
					z := ops.Mul(x, y)
					return ops.Cond(in[1], func() values { return values{z} }, func() values { return values{ops.Sin(ops.Mul(z, x))} })
				}, func() values { return values{y} })
			},
		},
		Case{
			Name: "scan in a branch", In: list(truth(true), gen.Normal(3), gen.Normal(4, 3)), Smooth: true,
			Build: func(in values) values {
				return ops.Cond(in[0], func() values {
					w := ops.Sin(in[1])
					c, _ := ops.Scan(in[1:2], in[2:], func(c, x values) (values, values) {
						return values{ops.Tanh(ops.Add(ops.Mul(c[0], w), x[0]))}, nil
					})
					return c
				}, func() values { return in[1:2] })
			},
		},
	)
	b, f := typ(dtype.Bool), typ(dtype.Float32, 3)
	same := func(in values) func() values { return func() values { return in } }
	return Table{cases, []Mistake{
		{"condition type", []ir.Type{typ(dtype.Float32), f}, func(in values) { ops.Cond(in[0], same(in[1:]), same(in[1:])) }, "cond: wants a condition bool[], got f32[]"},
		{"condition shape", []ir.Type{typ(dtype.Bool, 3), f}, func(in values) { ops.Cond(in[0], same(in[1:]), same(in[1:])) }, "cond: wants a condition bool[], got bool[3]"},
		{"count", []ir.Type{b, f}, func(in values) { ops.Cond(in[0], same(in), same(in[1:])) }, "cond: one branch returns 2 values, the other 1"},
		{"types", []ir.Type{b, f, typ(dtype.Float32, 4)}, func(in values) { ops.Cond(in[0], same(values{in[1], in[2]}), same(values{in[1], in[1]})) },
			"cond: result 1 is f32[4] if the condition is true and f32[3] if it is false"},
		{"nothing", []ir.Type{b}, func(in values) { ops.Cond(in[0], same(nil), same(nil)) }, "cond: the branches return nothing"},
		{"leaked", []ir.Type{b, f}, func(in values) {
			var leak *ir.Value
			ops.Cond(in[0], func() values { leak = ops.Neg(in[1]); return values{leak} }, same(in[1:]))
			ops.Add(in[1], leak)
		}, "add: a value made in the body of cond is used outside that body"},
		{"to the other branch", []ir.Type{b, f}, func(in values) {
			var leak *ir.Value
			ops.Cond(in[0], func() values { leak = ops.Neg(in[1]); return values{leak} }, func() values { return values{leak} })
		}, "cond: result 0 of the body: a value made in the body of cond is used outside that body"},
		{"no branches", []ir.Type{b}, func(in values) { ir.Apply(ops.CondOp{}, in...) }, "cond: has no branches"},
		{"switch without branches", []ir.Type{typ(dtype.Int32)}, func(in values) { ops.Switch(in[0]) }, "switch: wants at least one branch"},
		{"switch index", []ir.Type{typ(dtype.Float32), f}, func(in values) { ops.Switch(in[0], same(in[1:]), same(in[1:])) }, "switch: wants an index i32[] or i64[]"},
	}}
}

// identities has branches that return what they are given.
func identities(in values) values {
	x, y := in[1], in[2]
	return ops.Cond(in[0], func() values {
		return values{x, y, x, ops.Full(x.Graph(), x.DType(), x.Shape(), 7)}
	}, func() values { return values{y, y, ops.ZerosLike(x), y} })
}
