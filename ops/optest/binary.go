package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

type binaryBuilder = func(x, y *ir.Value) *ir.Value

var binaries = map[string]binaryBuilder{
	"add": ops.Add, "sub": ops.Sub, "mul": ops.Mul, "div": ops.Div,
	"maximum": ops.Maximum, "minimum": ops.Minimum, "pow": ops.Pow,
	"remainder": ops.Remainder, "fmod": ops.Fmod, "floor_divide": ops.FloorDivide, "atan2": ops.Atan2, "hypot": ops.Hypot,
	"copysign": ops.CopySign, "logaddexp": ops.LogAddExp,
}

// wholes are those that integers have, or have alone.
var wholes = map[string]binaryBuilder{
	"and": ops.And, "or": ops.Or, "xor": ops.Xor, "shift_left": ops.ShiftLeft, "shift_right": ops.ShiftRight,
	"add": ops.Add, "sub": ops.Sub, "mul": ops.Mul, "div": ops.Div, "div_trunc": ops.Div, "maximum": ops.Maximum, "minimum": ops.Minimum,
	"pow": ops.Pow, "remainder": ops.Remainder, "fmod": ops.Fmod, "floor_divide": ops.FloorDivide,
}

// both lets a builder of two operands stand as Build.
func both(f binaryBuilder) func(in []*ir.Value) []*ir.Value {
	return one(func(in []*ir.Value) *ir.Value { return f(in[0], in[1]) })
}

// pairs are shapes that broadcast.
var pairs = map[string][2][]int{
	"same": {{3, 5}, {3, 5}}, "row": {{3, 5}, {5}}, "column": {{3, 5}, {3, 1}}, "scalar": {{3, 5}, {}},
	"outer": {{3, 1}, {1, 4}}, "rank3": {{2, 1, 3}, {4, 1}}, "left": {{4}, {2, 3, 4}}, "empty": {{0, 3}, {1, 3}},
	"channel": {{2, 3, 4, 4}, {3, 1, 1}},
}

func binary() Table {
	gen := NewGen
	cases := Golden("binary", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		if f := binaries[a.Op()]; f != nil {
			return both(f)
		}
		if f := wholes[a.Op()]; f != nil {
			return both(f)
		}
		return nil
	})
	for name, f := range binaries {
		gen := gen(name)
		for pair, dims := range pairs {
			// Apart keeps maxima off their kinks, and quotients and powers off 0.
			all := gen.Apart(40)
			x, y := gen.pick(all, true, dims[0]...), gen.pick(all, false, dims[1]...)
			switch name {
			case "pow":
				x, y = gen.Uniform(0.2, 3, dims[0]...), gen.Uniform(-2, 2, dims[1]...)
			case "remainder", "fmod", "floor_divide": // quotients between whole numbers
				x, y = gen.Uniform(2.1, 2.9, dims[0]...), gen.Uniform(0.96, 1.04, dims[1]...)
			}
			cases = append(cases, Case{Name: name + "_" + pair, In: []*tensor.Tensor{x, y}, Build: both(f), Smooth: true})
		}
		xs, ys := grid(special())
		cases = append(cases, Case{Name: name + "_special", In: []*tensor.Tensor{xs, ys}, Build: both(f), NoGrad: true})
	}
	for name, f := range wholes {
		gen := NewGen(name + " of integers")
		for _, dt := range dtype.All() {
			if dt.IsInt() { // 0 and, where there is a sign, negative operands too
				lo := -20
				if dt.IsUnsigned() {
					lo = 0
				}
				cases = append(cases, Case{Name: name + "_of_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, lo, 40, 3, 37), gen.Ints(dt, max(lo, -3), 5, 37)}, Build: both(f), NoGrad: true})
			}
		}
	}
	for _, dt := range dtype.All() {
		if dt == dtype.Bool {
			continue
		}
		// A number for all of more elements than a block of any loop.
		gen := NewGen("scalars of " + dt.String())
		cases = append(cases, Case{Name: "scalars_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 40, 3, 1031), gen.Ints(dt, 1, 5)}, NoGrad: true,
			Build: func(in []*ir.Value) []*ir.Value {
				x, y := in[0], in[1]
				return []*ir.Value{
					ops.Add(x, ops.Scalar(x, 3)), ops.Sub(y, x), ops.FloorDivide(x, y), ops.Ge(x, ops.Scalar(x, 20)), ops.Lt(y, x),
					ops.Select(ops.Ne(x, y), ops.Scalar(x, 7), y), ops.Maximum(ops.Scalar(x, 2), x),
				}
			}})
	}
	cases = append(cases, Case{Name: "constant_powers", In: []*tensor.Tensor{special()}, NoGrad: true, Build: func(in []*ir.Value) (out []*ir.Value) {
		for _, c := range []float64{-1, 0, 0.5, 1, 2, 3} {
			out = append(out, ops.Pow(in[0], ops.Scalar(in[0], c)), ops.Pow(ops.Scalar(in[0], c), in[0]))
		}
		return out
	}})
	for name, c := range map[string]struct {
		f          binaryBuilder
		x, y, want []int32
	}{
		"add": {ops.Add, []int32{1, math.MaxInt32}, []int32{2, 1}, []int32{3, math.MinInt32}},
		"sub": {ops.Sub, []int32{1, math.MinInt32}, []int32{2, 1}, []int32{-1, math.MaxInt32}},
		"mul": {ops.Mul, []int32{-3, 1 << 30}, []int32{5, 4}, []int32{-15, 0}},
		"div": {ops.Div, []int32{7, -7, 5, math.MinInt32}, []int32{2, 2, 0, -1}, []int32{3, -3, 0, math.MinInt32}},
		"max": {ops.Maximum, []int32{7, -7}, []int32{2, 2}, []int32{7, 2}},
		"min": {ops.Minimum, []int32{7, -7}, []int32{2, 2}, []int32{2, -7}},

		"floor_divide": {ops.FloorDivide, []int32{7, -7, 7, 5, math.MinInt32}, []int32{2, 2, -2, 0, -1}, []int32{3, -4, -4, 0, math.MinInt32}},
		"remainder":    {ops.Remainder, []int32{7, -7, 7, 5, math.MinInt32}, []int32{2, 2, -2, 0, -1}, []int32{1, 1, -1, 5, 0}},
		"fmod":         {ops.Fmod, []int32{7, -7, 7, 5, math.MinInt32}, []int32{2, 2, -2, 0, -1}, []int32{1, -1, 1, 5, 0}},
		"pow":          {ops.Pow, []int32{2, -3, -1, -1, 1, 0, 5}, []int32{10, 3, -3, -4, -9, 0, -1}, []int32{1024, -27, -1, 1, 1, 1, 0}},
		"xor":          {ops.Xor, []int32{12, -1}, []int32{10, 7}, []int32{6, -8}},
		"shift_left":   {ops.ShiftLeft, []int32{1, 1, 1, -8}, []int32{31, 32, -1, 1}, []int32{math.MinInt32, 0, 0, -16}},
		"shift_right":  {ops.ShiftRight, []int32{1, -1, -8, 7}, []int32{31, 32, 1, -1}, []int32{0, -1, -4, 0}},
	} {
		cases = append(cases, Case{Name: name + "_i32", In: []*tensor.Tensor{tensor.Must(tensor.Of(c.x)), tensor.Must(tensor.Of(c.y))},
			Build: both(c.f), Want: []*tensor.Tensor{tensor.Must(tensor.Of(c.want))}, NoGrad: true})
	}
	big := []int64{math.MaxInt64, 1<<53 + 1}
	cases = append(cases,
		Case{Name: "add_i64_exact", In: []*tensor.Tensor{tensor.Must(tensor.Of(big)), tensor.Must(tensor.Of([]int64{1, 2}))},
			Build: both(ops.Add), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]int64{math.MinInt64, 1<<53 + 3}))}, NoGrad: true},
		Case{Name: "max_u64", In: []*tensor.Tensor{tensor.Must(tensor.Of([]uint64{math.MaxUint64, 1})), tensor.Must(tensor.Of([]uint64{1, 2}))},
			Build: both(ops.Maximum), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]uint64{math.MaxUint64, 2}))}, NoGrad: true},
		Case{Name: "sub_u8", In: []*tensor.Tensor{tensor.Must(tensor.Of([]uint8{1, 200})), tensor.Must(tensor.Of([]uint8{2, 100}))},
			Build: both(ops.Sub), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]uint8{255, 100}))}, NoGrad: true},
	)
	x, y := tensor.Must(tensor.Of([]bool{false, false, true, true})), tensor.Must(tensor.Of([]bool{false, true, false, true}))
	cases = append(cases,
		Case{Name: "and", In: []*tensor.Tensor{x, y}, Build: both(ops.And), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]bool{false, false, false, true}))}, NoGrad: true},
		Case{Name: "or", In: []*tensor.Tensor{x, y}, Build: both(ops.Or), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]bool{false, true, true, true}))}, NoGrad: true},
		Case{Name: "xor", In: []*tensor.Tensor{x, y}, Build: both(ops.Xor), Want: []*tensor.Tensor{tensor.Must(tensor.Of([]bool{false, true, true, false}))}, NoGrad: true},
		// Bools between floats stay in one group.
		Case{Name: "bools_in_a_group", In: []*tensor.Tensor{gen("group").Normal(5, 37), gen("group2").Normal(37)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value {
				x, y := in[0], in[1]
				return ops.Select(ops.Xor(ops.Gt(x, ops.Scalar(x, 0)), ops.Not(ops.Lt(y, ops.Scalar(y, 0.5)))), ops.Fmod(x, y), ops.LogAddExp(x, y))
			})},
		Case{Name: "remainder_values", In: []*tensor.Tensor{Floats(5, -5, 5, -5, 1, -1, 6), Floats(3, 3, -3, -3, math.Inf(1), math.Inf(1), 3)}, Build: both(ops.Remainder), NoGrad: true,
			Want: []*tensor.Tensor{Floats(2, 1, -1, -2, 1, math.Inf(1), 0)}},
		// By x: y x^(y-1), but 0 for y = 0 also at x = 0. By y: x^y log x, but 0 for x = 0 and y >= 0.
		Case{Name: "pow_zero", In: []*tensor.Tensor{Floats(0, 0, 2), Floats(0, 2, 0)}, Build: both(ops.Pow), Want: []*tensor.Tensor{Floats(1, 0, 1)}, NoGrad: true,
			Gout: []*tensor.Tensor{Floats(1, 1, 1)}, WantGrad: []*tensor.Tensor{Floats(0, 0, 0), Floats(0, 0, math.Ln2)}},
		Case{Name: "same_operand_twice", In: []*tensor.Tensor{NewGen("twice").Apart(4)}, Smooth: true,
			Build: one(func(in []*ir.Value) *ir.Value {
				return ops.Div(ops.Mul(in[0], in[0]), ops.Add(in[0], ops.Mul(in[0], in[0])))
			})},
	)
	return Table{Cases: byElement(cases), Mistakes: []Mistake{
		{"shapes", []ir.Type{typ(dtype.Float32, 2, 3), typ(dtype.Float32, 4)}, func(in []*ir.Value) { ops.Add(in[0], in[1]) }, "add: shapes [2 3] and [4] do not broadcast: 3 against 4: in0 f32[2 3], in1 f32[4]"},
		{"types", []ir.Type{typ(dtype.Float32, 2), typ(dtype.Float64, 2)}, func(in []*ir.Value) { ops.Mul(in[0], in[1]) }, "mul: element types differ: in0 f32[2], in1 f64[2]"},
		{"and_of_floats", []ir.Type{typ(dtype.Float32, 2)}, func(in []*ir.Value) { ops.And(in[0], in[0]) }, "and: is not defined for f32"},
		{"add_of_bools", []ir.Type{typ(dtype.Bool, 2)}, func(in []*ir.Value) { ops.Add(in[0], in[0]) }, "add: is not defined for bool"},
		{"pow_of_bools", []ir.Type{typ(dtype.Bool, 2)}, func(in []*ir.Value) { ops.Pow(in[0], in[0]) }, "pow: is not defined for bool"},
		{"hypot_of_ints", []ir.Type{typ(dtype.Int64, 2)}, func(in []*ir.Value) { ops.Hypot(in[0], in[0]) }, "hypot: is not defined for i64"},
		{"shift_of_floats", []ir.Type{typ(dtype.Float64, 2)}, func(in []*ir.Value) { ops.ShiftLeft(in[0], in[0]) }, "shift_left: is not defined for f64"},
		{"shift_of_bools", []ir.Type{typ(dtype.Bool, 2)}, func(in []*ir.Value) { ops.ShiftRight(in[0], in[0]) }, "shift_right: is not defined for bool"},
	}}
}

// pick draws from the even or from the odd elements of a list: two tensors of
// both kinds have no number in common.
func (g *Gen) pick(from *tensor.Tensor, even bool, dims ...int) *tensor.Tensor {
	return fill(dtype.Float64, dims, func(int) float64 {
		i := 2 * g.Int(from.Size()/2)
		if !even {
			i++
		}
		return from.Float(i)
	})
}

// grid pairs all elements with all.
func grid(v *tensor.Tensor) (x, y *tensor.Tensor) {
	n := v.Size()
	x = fill(dtype.Float64, []int{n, n}, func(i int) float64 { return v.Float(i / n) })
	y = fill(dtype.Float64, []int{n, n}, func(i int) float64 { return v.Float(i % n) })
	return x, y
}
