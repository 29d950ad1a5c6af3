package ops

import (
	"errors"
	"math"
	"sort"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// SearchSortedOp finds places in rows that are sorted, ascending. Operands:
// rows [... N] and values [... M] of one type and with the same first axes, or
// rows [N] for values of any shape. The result, i64 of the shape of the values,
// is the number of elements of the row that are smaller than the value, or not
// larger if Right: the place to insert it before its equals, or behind them.
// NaN goes to the end. No gradient flows.
//
// Source: torch.searchsorted.
type SearchSortedOp struct{ Right bool }

// SearchSorted finds the places of values in sorted rows.
func SearchSorted(rows, values *ir.Value, right bool) *ir.Value {
	return ir.Apply1(SearchSortedOp{right}, rows, values)
}

// Bucketize tells between which of n rising bounds each value lies: i, from 0
// to n, with bounds[i-1] < value <= bounds[i], or bounds[i-1] <= value <
// bounds[i] if right is set.
//
// Source: torch.bucketize.
func Bucketize(values, bounds *ir.Value, right bool) *ir.Value {
	return SearchSorted(bounds, values, right)
}

// Name is "searchsorted".
func (SearchSortedOp) Name() string { return "searchsorted" }

func (op SearchSortedOp) String() string {
	if op.Right {
		return "right"
	}
	return ""
}

// Infer gives an i64 of the shape of the values.
func (SearchSortedOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	rows, values := in[0], in[1]
	if rows.DType != values.DType {
		return nil, errors.New("element types differ")
	}
	if rows.DType == boolType {
		return nil, errors.New("is not defined for bool; cast first")
	}
	if r := rows.Shape.Rank(); r != 1 && (r == 0 || values.Shape.Rank() != r || rows.Shape.With(-1, 1) != values.Shape.With(-1, 1)) {
		return nil, errors.New("wants one row, or rows and values with the same first axes")
	}
	return one(dtype.Int64, values.Shape)
}

// Flops is log2(N) comparisons a value.
func (SearchSortedOp) Flops(in, out []ir.Type) int64 {
	return int64(float64(out[0].Shape.Size()) * math.Log2(float64(max(in[0].Shape.Dim(-1), 2))))
}

// Eval searches.
func (op SearchSortedOp) Eval(in, out []*tensor.Tensor) {
	rows, values, places := in[0], in[1], tensor.Data[int64](out[0])
	n, each := rows.Shape().Dim(-1), max(values.Size(), 1)
	if rows.Shape().Rank() > 1 {
		each = values.Shape().Dim(-1)
	}
	both := tensor.New(rows.DType(), shape.Of(2)) // an element and a value
	for i := range places {
		first := i / each * n
		copyElement(both, 1, values, i)
		places[i] = int64(sort.Search(n, func(k int) bool {
			copyElement(both, 0, rows, first+k)
			if rows.DType().IsFloat() && both.Float(1) != both.Float(1) {
				return false
			}
			order := compareElements(both, 0, 1)
			return order > 0 || order == 0 && !op.Right
		}))
	}
}

// Grad lets nothing flow.
func (SearchSortedOp) Grad(_, _, _ []*ir.Value) []*ir.Value { return []*ir.Value{nil, nil} }
