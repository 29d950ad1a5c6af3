package ops

import (
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
)

// Floats of 16 bits are for storage. A primitive op on them computes in wider
// numbers and rounds its result; a composition of ops would round after each,
// and lose sums and exponentials of which the result is the small rest.
// Builders of compositions therefore work in float32, as PyTorch's kernels do.

// inFloat32 is f(x), computed in float32 and rounded once where x has 16 bits.
func inFloat32(x *ir.Value, f func(x *ir.Value) *ir.Value) *ir.Value {
	if !x.DType().IsHalf() {
		return f(x)
	}
	return Cast(f(Cast(x, dtype.Float32)), x.DType())
}

// applyWide is ir.Apply for a composite that computes in float32 where its
// floats all have the same 16 bits. The first results get their type again; the
// others, which serve statistics and gradients, stay float32.
func applyWide(results int, op ir.Op, in ...*ir.Value) []*ir.Value {
	half := in[0].DType()
	for _, v := range in {
		if t := v.DType(); !half.IsHalf() || t.IsFloat() && t != half {
			return ir.Apply(op, in...)
		}
	}
	wide := slices.Clone(in)
	for i, v := range in {
		if v.DType() == half {
			wide[i] = Cast(v, dtype.Float32)
		}
	}
	out := ir.Apply(op, wide...)
	for i := range results {
		out[i] = Cast(out[i], half)
	}
	return out
}
