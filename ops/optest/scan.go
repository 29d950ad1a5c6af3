package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

type values = []*ir.Value

// scanning is Scan or ScanReverse.
func scanning(reverse bool) func(init, xs values, body func(carry, x values) (next, ys values)) (carry, ys values) {
	if reverse {
		return ops.ScanReverse
	}
	return ops.Scan
}

// joined are the carries and the stacked results.
func joined(carry, ys values) values { return append(carry, ys...) }

// torchLoop is the loop that tools/goldens/control.py calls by that name.
func torchLoop(a Attrs) func(in values) values {
	scan := scanning(a.Bool("reverse"))
	switch a.Op() {
	case "rnn":
		return func(in values) values {
			return joined(scan(in[:1], in[1:2], func(c, x values) (values, values) {
				h := ops.Tanh(ops.Add(ops.Add(ops.MatMul(x[0], in[2]), ops.MatMul(c[0], in[3])), in[4]))
				return values{h}, values{h}
			}))
		}
	case "cumulative":
		return func(in values) values {
			return joined(scan(in[:1], in[1:2], func(c, x values) (values, values) {
				y := ops.Add(c[0], x[0])
				return values{y}, values{y}
			}))
		}
	case "two":
		return func(in values) values {
			return joined(scan(in[:2], in[2:4], func(c, x values) (values, values) {
				a := ops.Add(ops.Mul(c[0], ops.Scalar(c[0], 0.5)), ops.Mul(x[0], c[1]))
				b := ops.Add(ops.Sin(c[0]), ops.Mul(c[1], in[4]))
				return values{a, b}, values{ops.Mul(c[0], c[1]), ops.Sub(c[0], x[1])}
			}))
		}
	case "power":
		return func(in values) values {
			return joined(ops.ScanN(a.Int("length"), in[:1], func(t *ir.Value, c values) (values, values) {
				n := ops.Cast(t, in[0].DType())
				return values{ops.Add(ops.Mul(ops.Sin(c[0]), in[1]), n)}, values{ops.Mul(c[0], ops.Add(n, ops.Scalar(n, 1)))}
			}))
		}
	case "map":
		return func(in values) values {
			return joined(ops.Scan(nil, in[:1], func(_, x values) (values, values) {
				return nil, values{ops.Mul(ops.Exp(x[0]), in[1])}
			}))
		}
	case "last":
		return func(in values) values {
			return joined(ops.Scan(in[:1], in[1:2], func(c, x values) (values, values) {
				return values{ops.Add(ops.Mul(c[0], x[0]), ops.OnesLike(c[0]))}, nil
			}))
		}
	case "nested":
		return func(in values) values {
			w, v := in[2], in[3]
			return joined(ops.Scan(in[:1], in[1:2], func(c, x values) (values, values) {
				d, _ := ops.Scan(values{ops.Mul(c[0], v)}, x, func(d, x values) (values, values) {
					return values{ops.Tanh(ops.Add(ops.Add(ops.Mul(d[0], w), ops.Mul(x[0], v)), c[0]))}, nil
				})
				return values{ops.Add(c[0], d[0])}, d
			}))
		}
	}
	panic("optest: internal error: no loop " + a.Op())
}

func scan() Table {
	gen := NewGen("scan")
	cases := Golden("scan", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value { return torchLoop(a) })
	list := func(t ...*tensor.Tensor) []*tensor.Tensor { return t }
	along := func(reverse bool, body func(c, x, rest values) (values, values)) func(in values) values {
		return func(in values) values {
			return joined(scanning(reverse)(in[:1], in[1:2], func(c, x values) (values, values) { return body(c, x, in[2:]) }))
		}
	}
	squares := func(c, x, rest values) (values, values) {
		y := ops.Mul(ops.Add(c[0], x[0]), rest[0])
		return values{ops.Sin(y)}, values{ops.Mul(y, y)}
	}
	matrix := func(cols int, v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, len(v)/cols, cols)) }
	nan, inf := math.NaN(), math.Inf(1)
	cases = append(cases,
		Case{Name: "smooth", In: list(gen.Normal(3), gen.Normal(4, 3), gen.Normal(3)), Build: along(false, squares), Smooth: true},
		Case{Name: "smooth reverse", In: list(gen.Normal(2), gen.Normal(3, 2), gen.Normal()), Build: along(true, squares), Smooth: true},
		Case{ // all results, the carries that iterations begin with too
			Name: "history", In: list(gen.Normal(2), gen.Normal(3, 2), gen.Normal(2)), Smooth: true,
			Build: func(in values) values { return along(false, squares)(in)[0].Node().Outs() },
		},
		Case{
			Name: "history reverse", In: list(gen.Normal(2), gen.Normal(4, 2), gen.Normal(2)), Smooth: true,
			Build: func(in values) values { return along(true, squares)(in)[0].Node().Outs()[2:] },
		},
		Case{Name: "smooth matrix", In: list(gen.Normal(2, 3), gen.Normal(2, 2, 3), gen.Normal(3, 3)), Smooth: true,
			Build: along(false, func(c, x, rest values) (values, values) {
				h := ops.Tanh(ops.Add(ops.MatMul(c[0], rest[0]), x[0]))
				return values{h}, values{ops.Sum(h, 1)}
			})},
		Case{Name: "smooth nested", In: list(gen.Normal(2), gen.Normal(2, 3, 2), gen.Normal(2), gen.Normal()), Smooth: true,
			Build: torchLoop(Attrs{"op": []byte(`"nested"`)})},
		Case{Name: "gradient through carries alone", In: list(gen.Normal(2), gen.Normal(5, 2)), Smooth: true,
			Build: func(in values) values {
				c, _ := ops.Scan(values{in[0], ops.ZerosLike(in[0])}, in[1:], func(c, x values) (values, values) {
					return values{x[0], ops.Add(c[1], ops.Mul(c[0], x[0]))}, nil // a carry of the iteration before
				})
				return c[1:]
			}},
		Case{Name: "empty", In: list(gen.Normal(2), gen.Normal(0, 2), gen.Normal(2)), Build: along(false, squares), Smooth: true},
		Case{
			Name: "empty by number", In: list(Floats(1, 2)), Want: list(Floats(1, 2), tensor.New(dtype.Float64, shape.Of(0, 2))), Smooth: true,
			Build: func(in values) values {
				return joined(ops.ScanN(0, in, func(_ *ir.Value, c values) (values, values) { return values{ops.Neg(c[0])}, c }))
			},
		},
		Case{ // everything goes through as it is
			Name: "identity", In: list(Floats(1, 2), matrix(1, 5, 6, 7), Floats(3)), Smooth: true,
			Want: list(Floats(1, 2), matrix(2, 1, 2, 1, 2, 1, 2), matrix(1, 5, 6, 7), matrix(1, 3, 3, 3)),
			Build: along(false, func(c, x, rest values) (values, values) {
				return c, values{c[0], x[0], rest[0]}
			}),
		},
		Case{
			Name: "swap", In: list(Floats(1, 2), Floats(3, 4)), Want: list(Floats(3, 4), Floats(1, 2), matrix(2, 1, 2, 3, 4, 1, 2)), Smooth: true,
			Build: func(in values) values {
				return joined(ops.ScanN(3, in, func(_ *ir.Value, c values) (values, values) { return values{c[1], c[0]}, c[:1] }))
			},
		},
		Case{
			Name: "rotate three", In: list(Floats(1), Floats(2), Floats(3)), Want: list(Floats(3), Floats(1), Floats(2)), Smooth: true,
			Build: func(in values) values {
				return joined(ops.ScanN(4, in, func(_ *ir.Value, c values) (values, values) { return values{c[2], c[0], c[1]}, nil }))
			},
		},
		Case{ // one value is two carries and two results
			Name: "one value often", In: list(gen.Normal(3), gen.Normal(2, 3)), Smooth: true,
			Build: func(in values) values {
				return joined(ops.Scan(values{in[0], in[0]}, values{in[1], in[1]}, func(c, x values) (values, values) {
					y := ops.Sin(ops.Add(c[0], ops.Mul(x[0], x[1])))
					return values{y, y}, values{y, y, c[1]}
				}))
			},
		},
		Case{ // a carry becomes a captured value, a slice, and a constant
			Name: "replaced", In: list(Floats(1), matrix(1, 5, 6), Floats(3)), Smooth: true,
			Want: list(Floats(3), Floats(6), Floats(9), matrix(1, 1, 3), matrix(1, 1, 5), matrix(1, 1, 9)),
			Build: func(in values) values {
				return joined(ops.Scan(values{in[0], in[0], in[0]}, in[1:2], func(c, x values) (values, values) {
					return values{in[2], x[0], ops.Full(in[0].Graph(), in[0].DType(), shape.Of(1), 9)}, c
				}))
			},
		},
		Case{
			Name: "integers", In: list(tensor.Must(tensor.Of([]int64{1, 2})), Floats(10, 20, 30)), NoGrad: true,
			Want: list(tensor.Must(tensor.Of([]int64{4, 5})), tensor.Must(tensor.Of([]int64{0, 1, 2})), Floats(20, 60, 120)),
			Build: func(in values) values {
				one := ops.FullInt(in[0].Graph(), dtype.Int64, shape.Shape{}, 1)
				return joined(ops.ScanN(3, in[:1], func(t *ir.Value, c values) (values, values) {
					second := ops.Cast(ops.Narrow(c[0], 0, 1, 1), in[1].DType())
					return values{ops.Add(c[0], one)}, values{t, ops.Mul(ops.Sum(second), ops.Sum(ops.Take(in[1], t, 0)))}
				}))
			},
		},
		Case{ // a whole number is carried beside floats with gradients
			Name: "integers and floats", In: list(gen.Normal(2), gen.Normal(3, 2), tensor.Scalar[int32](2)), Smooth: true,
			Build: func(in values) values {
				return joined(ops.Scan(values{in[0], in[2]}, in[1:2], func(c, x values) (values, values) {
					n := ops.Cast(c[1], in[0].DType())
					return values{ops.Sin(ops.Mul(ops.Add(c[0], x[0]), n)), ops.Add(c[1], c[1])}, values{ops.Lt(c[0], x[0]), c[1]}
				}))
			},
		},
		Case{
			Name: "nan", In: list(Floats(1, 2), matrix(2, nan, 1, 1, inf)), NoGrad: true, Want: list(Floats(nan, inf), matrix(2, nan, 3, nan, inf)),
			Build: along(false, func(c, x, _ values) (values, values) {
				y := ops.Add(c[0], x[0])
				return values{y}, values{y}
			}),
		},
		Case{ // each iteration has a mask of its own, the same in the gradient
			Name: "dropout", In: list(gen.Normal(5), gen.Normal(4, 5), tensor.Scalar[uint64](3), tensor.Scalar[uint64](4)), Smooth: true,
			Build: func(in values) values {
				return joined(ops.Scan(in[:1], in[1:2], func(c, x values) (values, values) {
					seed := ops.FoldIn(in[2], c[0].Graph().Iterations()[0])
					h := ops.Sin(ops.Add(c[0], ops.Dropout(x[0], seed, in[3], 0.5, 77)))
					return values{h}, values{h}
				}))
			},
		},
	)

	x, row := typ(dtype.Float32, 4, 3), typ(dtype.Float32, 3)
	keep := func(c, _ values) (values, values) { return c, c }
	return Table{cases, []Mistake{
		{"scalar input", []ir.Type{row, typ(dtype.Float32)}, func(in values) { ops.Scan(in[:1], in[1:], keep) }, "scan: input 0 is f32[] and has no axis to run along"},
		{"lengths", []ir.Type{row, x, row}, func(in values) { ops.Scan(in[:1], in[1:], keep) }, "scan: input 1 has 3 slices, wants 4"},
		{"no inputs", []ir.Type{row}, func(in values) { ops.Scan(in, nil, keep) }, "scan: has no inputs to run along; use ScanN"},
		{"negative", []ir.Type{row}, func(in values) {
			ops.ScanN(-1, in, func(_ *ir.Value, c values) (values, values) { return c, nil })
		}, "scan: wants a number of iterations, got -1"},
		{"carry shape", []ir.Type{row, row, x}, func(in values) {
			ops.Scan(in[:2], in[2:], func(c, x values) (values, values) { return values{c[0], ops.Sum(c[1])}, nil })
		}, "scan: carry 1 goes into the body as f32[3] and comes out as f32[]"},
		{"carry type", []ir.Type{row, x}, func(in values) {
			ops.Scan(in[:1], in[1:], func(c, x values) (values, values) { return values{ops.Cast(c[0], dtype.Int32)}, nil })
		}, "scan: carry 0 goes into the body as f32[3] and comes out as i32[3]"},
		{"carry lost", []ir.Type{row, x}, func(in values) {
			ops.Scan(in[:1], in[1:], func(c, x values) (values, values) { return nil, c })
		}, "scan: the body returns 0 carries, wants 1"},
		{"nothing", []ir.Type{x}, func(in values) { ops.Scan(nil, in, func(_, _ values) (values, values) { return nil, nil }) }, "scan: the body returns nothing"},
		{"nil", []ir.Type{row, x}, func(in values) {
			ops.Scan(in[:1], in[1:], func(c, x values) (values, values) { return c, values{nil} })
		}, "scan: result 1 of the body is nil"},
		{"in the body", []ir.Type{row, x, typ(dtype.Float32, 5)}, func(in values) {
			_, ys := ops.Scan(in[:1], in[1:2], func(c, x values) (values, values) {
				return values{ops.Add(c[0], x[0])}, values{ops.Add(c[0], in[2]), c[0]}
			})
			ops.Neg(ys[1])
		}, "add: shapes [3] and [5] do not broadcast: 3 against 5: carry 0 f32[3], in2 f32[5]"},
		{"leaked", []ir.Type{row, x}, func(in values) {
			var leak *ir.Value
			ops.Scan(in[:1], in[1:], func(c, x values) (values, values) {
				leak = ops.Neg(x[0])
				return c, nil
			})
			ops.Add(in[0], leak)
		}, "add: a value made in the body of scan is used outside that body; return it from the body"},
		{"leaked to another", []ir.Type{row, x}, func(in values) {
			var leak *ir.Value
			body := func(c, x values) (values, values) {
				if leak == nil {
					leak = x[0]
				}
				return values{ops.Add(c[0], leak)}, nil
			}
			ops.Scan(in[:1], in[1:], body)
			ops.Scan(in[:1], in[1:], body)
		}, "add: a value made in the body of scan is used outside that body"},
		{"leaked and returned", []ir.Type{row, x}, func(in values) {
			var leak *ir.Value
			ops.Scan(in[:1], in[1:], func(c, x values) (values, values) {
				leak = x[0]
				return c, nil
			})
			ops.Scan(in[:1], in[1:], func(c, x values) (values, values) { return values{leak}, nil })
		}, "scan: result 0 of the body: a value made in the body of scan is used outside that body"},
		{"leaked output", []ir.Type{row, x}, func(in values) {
			ops.Scan(in[:1], in[1:], func(c, x values) (values, values) {
				in[0].Graph().SetOutputs(ops.Neg(c[0]))
				return c, nil
			})
		}, "output: a value made in the body of scan is used outside that body"},
		{"rank", []ir.Type{typ(dtype.Float32, 1, 1, 1, 1, 1, 1, 1, 1)}, func(in values) {
			ops.ScanN(2, in, func(_ *ir.Value, c values) (values, values) { return c, nil })
		}, "scan: a body's result f32[1 1 1 1 1 1 1 1] can't be stacked 2 times"},
		{"no body", []ir.Type{row}, func(in values) { ir.Apply(ops.ScanOp{}, in...) }, "scan: has no body"},
	}}
}
