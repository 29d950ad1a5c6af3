package optest

import (
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

func logSoftmax() Table {
	inf, nan := math.Inf(1), math.NaN()
	return alongAxis("log_softmax", ops.LogSoftmax, func(axis int) ir.Op { return ops.LogSoftmaxGradOp{Axis: axis} }, [][]float64{
		{nan, nan, nan, nan},
		{nan, nan, nan, nan},
		{nan, nan, nan, nan},
		{-2 * math.Ln2, -2 * math.Ln2, -2 * math.Ln2, -2 * math.Ln2},
		{-inf, -math.Ln2, -math.Ln2, -inf},
		{-inf, 0, -inf, -inf},
		{0, -1000, -2000, -995},
	})
}
