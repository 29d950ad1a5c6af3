package pass_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/pass"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

const bf16 = dtype.BFloat16

// inputs makes a graph with arguments of float32.
func inputs(shapes ...shape.Shape) (*ir.Graph, []*ir.Value) {
	g := ir.NewGraph()
	in := make([]*ir.Value, len(shapes))
	for i, s := range shapes {
		in[i] = g.Input(ir.Arg, "in", ir.Type{DType: f32, Shape: s})
	}
	return g, in
}

// Each op gets the type that its list says.
func TestAutocastTypes(t *testing.T) {
	square := shape.Of(3, 3)
	low := func(x *ir.Value) *ir.Value { return ops.MatMul(x, x) } // of 16 bits
	for name, tc := range map[string]struct {
		build func(x *ir.Value) *ir.Value
		want  dtype.DType
	}{
		"matmul": {low, bf16},
		"linear": {func(x *ir.Value) *ir.Value { return ops.Linear(x, x, ops.Sum(x, 0)) }, bf16},
		"conv": {func(x *ir.Value) *ir.Value {
			v := ops.Reshape(x, 1, 3, 3)
			return ops.Conv(v, v, ops.ConvOp{Stride: [3]int{1}, Dilation: [3]int{1}, Groups: 1})
		}, bf16},
		"einsum":          {func(x *ir.Value) *ir.Value { return ops.Einsum("ij,kj->ik", x, x) }, bf16},
		"relu":            {func(x *ir.Value) *ir.Value { return ops.ReLU(low(x)) }, bf16},
		"gelu":            {func(x *ir.Value) *ir.Value { return ops.GELU(low(x)) }, bf16},
		"sum":             {func(x *ir.Value) *ir.Value { return ops.Sum(low(x)) }, f32},
		"amax":            {func(x *ir.Value) *ir.Value { return ops.Amax(low(x)) }, bf16},
		"exp":             {func(x *ir.Value) *ir.Value { return ops.Exp(low(x)) }, f32},
		"pow":             {func(x *ir.Value) *ir.Value { return ops.Pow(low(x), ops.Scalar(x, 2)) }, f32},
		"tanh":            {func(x *ir.Value) *ir.Value { return ops.Tanh(low(x)) }, bf16},
		"layer norm":      {func(x *ir.Value) *ir.Value { return ops.LayerNorm(low(x), ops.Sum(x, 0), nil, 1, 1e-5) }, f32},
		"residual":        {func(x *ir.Value) *ir.Value { return ops.Add(x, low(x)) }, f32},
		"constant":        {func(x *ir.Value) *ir.Value { return ops.Mul(low(x), ops.Scalar(x, 0.1)) }, bf16},
		"compare":         {func(x *ir.Value) *ir.Value { return ops.Gt(low(x), x) }, dtype.Bool},
		"concat":          {func(x *ir.Value) *ir.Value { return ops.Concat(0, low(x), x) }, f32},
		"select":          {func(x *ir.Value) *ir.Value { return ops.Select(ops.Gt(x, x), low(x), x) }, f32},
		"float64 is left": {func(x *ir.Value) *ir.Value { return ops.MatMul(ops.Cast(x, dtype.Float64), ops.Cast(x, dtype.Float64)) }, dtype.Float64},
	} {
		g, in := inputs(square)
		leave := pass.Autocast(g, bf16)
		y := tc.build(in[0])
		leave()
		if err := g.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if y.DType() != tc.want {
			t.Errorf("%s: the result is %v, want %v", name, y.DType(), tc.want)
		}
		if z := low(in[0]); z.DType() != f32 {
			t.Errorf("%s: behind the region a product is %v", name, z.DType())
		}
	}
}

// A region within another counts alone, and a mistake is kept.
func TestAutocastNests(t *testing.T) {
	g, in := inputs(shape.Of(2, 2))
	leave := pass.Autocast(g, bf16)
	inner := pass.Autocast(g, dtype.Float16)
	a := ops.MatMul(in[0], in[0])
	inner()
	b := ops.MatMul(in[0], in[0])
	leave()
	if a.DType() != dtype.Float16 || b.DType() != bf16 {
		t.Errorf("%v within, %v around", a.DType(), b.DType())
	}
	pass.Autocast(g, f32)()
	if err := g.Err(); err == nil || !strings.Contains(err.Error(), "autocast: wants bf16 or f16, got f32") {
		t.Errorf("error %v", err)
	}
}

// A constant that meets wider numbers keeps the bits that 16 do not hold.
func TestAutocastConstant(t *testing.T) {
	g, in := inputs(shape.Of(1, 1))
	leave := pass.Autocast(g, bf16)
	y := ops.MatMul(in[0], in[0])
	tenth := ops.Broadcast(ops.Scalar(y, 0.1), y.Shape())
	g.SetOutputs(ops.Mul(in[0], tenth))
	leave()
	r, err := interp.Run(g, tensor.Must(tensor.Of([]float32{1}, 1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Outputs[0].Float(0); got != float64(float32(0.1)) {
		t.Errorf("0.1 became %v", got)
	}
}

// A weight is cast once for all its uses; its gradient is float32, also where
// the gradient is built within the region, and close to that without it.
func TestAutocastGradient(t *testing.T) {
	x, w := tensor.New(f32, shape.Of(5, 4)), tensor.New(f32, shape.Of(4, 4))
	for i := range x.Size() {
		x.SetFloat(i, math.Sin(float64(i)))
	}
	for i := range w.Size() {
		w.SetFloat(i, math.Cos(float64(i)))
	}
	run := func(mixed, within bool) *tensor.Tensor {
		g, in := inputs(x.Shape(), w.Shape())
		leave := func() {}
		if mixed {
			leave = pass.Autocast(g, bf16)
		}
		y := ops.GELU(ops.MatMul(ops.MatMul(in[0], in[1]), in[1]))
		l := ops.Mean(ops.Mul(y, y))
		if !within {
			leave()
		}
		d := grad.Of(l, in[1])[0]
		if within {
			leave()
		}
		g.SetOutputs(d)
		g, err := pass.Simplify(g)
		if err != nil {
			t.Fatal(err)
		}
		casts := 0
		for _, n := range g.Nodes() {
			if op, ok := n.Op().(ops.CastOp); ok && n.In()[0] == g.Inputs()[1] {
				if op.To != bf16 {
					t.Errorf("the weight is cast to %v", op.To)
				}
				casts++
			}
		}
		if mixed && casts != 1 {
			t.Errorf("the weight is cast %d times", casts)
		}
		r, err := interp.Run(g, x, w)
		if err != nil {
			t.Fatal(err)
		}
		return r.Outputs[0]
	}
	want, got, within := run(false, false), run(true, false), run(true, true)
	different := false
	for i := range want.Size() {
		far := math.Abs(got.Float(i) - want.Float(i))
		different = different || far > 0
		if far > 0.02 || got.DType() != f32 {
			t.Errorf("element %d is %v, in float32 %v", i, got.Float(i), want.Float(i))
		}
		if got.Float(i) != within.Float(i) {
			t.Errorf("element %d is %v, built within the region %v", i, got.Float(i), within.Float(i))
		}
	}
	if !different {
		t.Error("nothing was rounded")
	}
}

// The region reaches into bodies of loops, whose operands keep their types.
func TestAutocastInBody(t *testing.T) {
	g, in := inputs(shape.Of(2, 2))
	leave := pass.Autocast(g, bf16)
	out, _ := ops.ScanN(3, []*ir.Value{in[0]}, func(_ *ir.Value, carry []*ir.Value) (next, ys []*ir.Value) {
		y := ops.MatMul(carry[0], in[0])
		if y.DType() != bf16 {
			t.Errorf("in the body a product is %v", y.DType())
		}
		return []*ir.Value{ops.Cast(y, f32)}, nil
	})
	leave()
	if err := g.Err(); err != nil {
		t.Fatal(err)
	}
	if out[0].DType() != f32 {
		t.Errorf("the loop gives %v", out[0].DType())
	}
}
