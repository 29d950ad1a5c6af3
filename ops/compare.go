package ops

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// CompareFunc names a comparison.
type CompareFunc uint8

// The comparisons.
const (
	EqFunc CompareFunc = iota
	NeFunc
	LtFunc
	LeFunc
	GtFunc
	GeFunc
)

var compare = [...]struct {
	name string
	f    func(x, y float64) bool
}{
	EqFunc: {"eq", func(x, y float64) bool { return x == y }},
	NeFunc: {"ne", func(x, y float64) bool { return x != y }},
	LtFunc: {"lt", func(x, y float64) bool { return x < y }},
	LeFunc: {"le", func(x, y float64) bool { return x <= y }},
	GtFunc: {"gt", func(x, y float64) bool { return x > y }},
	GeFunc: {"ge", func(x, y float64) bool { return x >= y }},
}

// CompareOp compares corresponding elements of two operands of one type and
// gives Bool. A NaN is unequal to everything. No gradient flows.
type CompareOp struct{ F CompareFunc }

// Eq returns x == y.
func Eq(x, y *ir.Value) *ir.Value { return applyCompare(EqFunc, x, y) }

// Ne returns x != y.
func Ne(x, y *ir.Value) *ir.Value { return applyCompare(NeFunc, x, y) }

// Lt returns x < y.
func Lt(x, y *ir.Value) *ir.Value { return applyCompare(LtFunc, x, y) }

// Le returns x <= y.
func Le(x, y *ir.Value) *ir.Value { return applyCompare(LeFunc, x, y) }

// Gt returns x > y.
func Gt(x, y *ir.Value) *ir.Value { return applyCompare(GtFunc, x, y) }

// Ge returns x >= y.
func Ge(x, y *ir.Value) *ir.Value { return applyCompare(GeFunc, x, y) }

func applyCompare(f CompareFunc, x, y *ir.Value) *ir.Value {
	op := CompareOp{f}
	x, y, _ = broadcastPair(op.Name(), x, y)
	return ir.Apply1(op, x, y)
}

// Name is the comparison's name.
func (op CompareOp) Name() string { return compare[op.F].name }

func (op CompareOp) String() string { return "" }

// Infer wants two operands of one type.
func (op CompareOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	if err := alike(in); err != nil {
		return nil, err
	}
	return one(boolType, in[0].Shape)
}

// Elementwise marks the op.
func (CompareOp) Elementwise() {}

// Eval compares.
func (op CompareOp) Eval(in, out []*tensor.Tensor) {
	x, y, z := in[0], in[1], out[0]
	if !x.DType().IsFloat() {
		evalIntCompare(op.F, x, y, z)
		return
	}
	zs := tensor.Data[bool](z)
	for i := range zs {
		zs[i] = compare[op.F].f(x.Float(i), y.Float(i))
	}
}

// Grad has nothing to return.
func (CompareOp) Grad(in, _, _ []*ir.Value) []*ir.Value { return make([]*ir.Value, len(in)) }
