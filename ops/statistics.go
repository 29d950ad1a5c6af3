package ops

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
)

// The functions of this file are compositions of reductions. Like those they
// work along axes, all of them if none is named, and drop them; [KeepDims] puts
// them back.

// Any tells whether one element is not 0; NaN is not. Of no element: false.
func Any(x *ir.Value, axes ...int) *ir.Value { return Amax(truth(x), axes...) }

// All tells whether no element is 0; NaN is not. Of no element: true.
func All(x *ir.Value, axes ...int) *ir.Value { return Amin(truth(x), axes...) }

// CountNonzero counts the elements that are not 0, i64; NaN is not.
func CountNonzero(x *ir.Value, axes ...int) *ir.Value {
	return Sum(Cast(truth(x), dtype.Int64), axes...)
}

// LogSumExp returns log(sum(e^x)), without overflow: the largest element m is
// taken out as m + log(sum(e^(x-m))). It is -Inf of no element and of nothing but
// -Inf, where the gradient is NaN, and Inf where an element is. NaN wins.
func LogSumExp(x *ir.Value, axes ...int) *ir.Value {
	return inFloat32(x, func(x *ir.Value) *ir.Value {
		m := StopGradient(Amax(x, axes...))
		m = Select(IsInf(m), ZerosLike(m), m)
		return Add(Log(Sum(Exp(Sub(x, KeepDims(m, x, axes...))), axes...)), m)
	})
}
