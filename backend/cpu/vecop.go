package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A vecForm is how a node becomes one vector instruction: op on vectors, or,
// where an operand is the same for all elements, the form with a scalar first
// or second. NumVecOps marks a form that there is not.
type vecForm struct{ op, scalarY, scalarX kernel.VecOp }

const noForm = kernel.NumVecOps

var unaryForms = map[ops.UnaryFunc]kernel.VecOp{
	ops.NegFunc: kernel.Neg, ops.AbsFunc: kernel.Abs, ops.SignFunc: kernel.Sign,
	ops.SqrtFunc: kernel.Sqrt, ops.RsqrtFunc: kernel.Rsqrt, ops.ExpFunc: kernel.Exp,
	ops.Expm1Func: kernel.Expm1, ops.LogFunc: kernel.Log, ops.Log1pFunc: kernel.Log1p,
	ops.TanhFunc: kernel.Tanh, ops.SigmoidFunc: kernel.Sigmoid, ops.ErfFunc: kernel.Erf,
	ops.SinFunc: kernel.Sin, ops.CosFunc: kernel.Cos, ops.FloorFunc: kernel.Floor,
	ops.CeilFunc: kernel.Ceil, ops.RoundFunc: kernel.Round, ops.TruncFunc: kernel.Trunc,
	ops.Exp2Func: kernel.Exp2, ops.Log2Func: kernel.Log2, ops.Log10Func: kernel.Log10,
	ops.TanFunc: kernel.Tan, ops.AsinFunc: kernel.Asin, ops.AcosFunc: kernel.Acos, ops.AtanFunc: kernel.Atan,
	ops.SinhFunc: kernel.Sinh, ops.CoshFunc: kernel.Cosh, ops.AsinhFunc: kernel.Asinh, ops.AcoshFunc: kernel.Acosh,
	ops.AtanhFunc: kernel.Atanh, ops.ErfcFunc: kernel.Erfc, ops.ErfinvFunc: kernel.Erfinv,
	ops.LgammaFunc: kernel.Lgamma, ops.DigammaFunc: kernel.Digamma, ops.TrigammaFunc: kernel.Trigamma,
	ops.NotFunc: kernel.Not,
}

var binaryForms = map[ops.BinaryFunc]vecForm{
	ops.AddFunc: {kernel.Add, kernel.AddS, kernel.AddS},
	ops.SubFunc: {kernel.Sub, noForm, kernel.RSubS},
	ops.MulFunc: {kernel.Mul, kernel.MulS, kernel.MulS},
	ops.DivFunc: {kernel.Div, noForm, kernel.RDivS},
	ops.MaxFunc: {kernel.Max, kernel.MaxS, kernel.MaxS},
	ops.MinFunc: {kernel.Min, kernel.MinS, kernel.MinS},
	ops.PowFunc: {kernel.Pow, noForm, noForm},
	ops.AndFunc: {kernel.And, noForm, noForm},
	ops.OrFunc:  {kernel.Or, noForm, noForm},
	ops.XorFunc: {kernel.Ne, kernel.NeS, kernel.NeS}, // of 1 and 0

	ops.FloorDivideFunc: {kernel.FloorDiv, noForm, noForm},
	ops.RemainderFunc:   {kernel.Remainder, noForm, noForm},
	ops.FmodFunc:        {kernel.Fmod, noForm, noForm},
	ops.Atan2Func:       {kernel.Atan2, noForm, noForm},
	ops.HypotFunc:       {kernel.Hypot, noForm, noForm},
	ops.CopySignFunc:    {kernel.CopySign, noForm, noForm},
	ops.LogAddExpFunc:   {kernel.LogAddExp, noForm, noForm},
}

var compareForms = map[ops.CompareFunc]vecForm{
	ops.EqFunc: {kernel.Eq, kernel.EqS, kernel.EqS},
	ops.NeFunc: {kernel.Ne, kernel.NeS, kernel.NeS},
	ops.LtFunc: {kernel.Lt, kernel.LtS, kernel.GtS},
	ops.LeFunc: {kernel.Le, kernel.LeS, kernel.GeS},
	ops.GtFunc: {kernel.Gt, kernel.GtS, kernel.LtS},
	ops.GeFunc: {kernel.Ge, kernel.GeS, kernel.LeS},
}

// vecOf returns the instruction for a node whose operands and result are
// floats of at most 32 bits or bool, a bool being 1 or 0.
func vecOf(n *ir.Node) (vecForm, bool) {
	switch op := n.Op().(type) {
	case ops.UnaryOp:
		f, ok := unaryForms[op.F]
		return vecForm{f, noForm, noForm}, ok
	case ops.BinaryOp:
		f, ok := binaryForms[op.F]
		return f, ok
	case ops.CompareOp:
		f, ok := compareForms[op.F]
		return f, ok
	case ops.SelectOp:
		return vecForm{kernel.Select, noForm, noForm}, true
	case ops.ClampOp:
		return vecForm{kernel.ClampS, noForm, noForm}, true
	case ops.ReLUOp:
		return vecForm{kernel.Relu, noForm, noForm}, true
	case ops.ReLUGradOp: // operands y, g; the instruction takes g first
		return vecForm{kernel.ReluGrad, noForm, noForm}, true
	case ops.HardtanhOp:
		return vecForm{kernel.ClampS, noForm, noForm}, true
	case ops.HardtanhGradOp: // as above
		return vecForm{kernel.ClampGrad, noForm, noForm}, true
	case ops.GELUOp:
		if op.Tanh {
			return vecForm{kernel.GeluTanh, noForm, noForm}, true
		}
		return vecForm{kernel.Gelu, noForm, noForm}, true
	case ops.GELUSlopeOp:
		if op.Tanh {
			return vecForm{kernel.GeluTanhSlope, noForm, noForm}, true
		}
		return vecForm{kernel.GeluSlope, noForm, noForm}, true
	case ops.SiLUOp:
		return vecForm{kernel.Silu, noForm, noForm}, true
	case ops.SiLUSlopeOp:
		return vecForm{kernel.SiluSlope, noForm, noForm}, true
	case ops.CastOp:
		if op.To == dtype.Bool && n.In()[0].DType() != dtype.Bool {
			return vecForm{kernel.NeS, noForm, noForm}, true
		}
		return vecForm{kernel.Copy, noForm, noForm}, true
	}
	return vecForm{}, false
}

// shortPowers are the instructions for exponents that are known and need no
// logarithm; the values are those of Pow, rounded once.
var shortPowers = map[float64]kernel.VecOp{1: kernel.Copy, 2: kernel.Square, -1: kernel.Recip}

func isShortPower(exponent *ir.Value) bool { return shortPower(exponent) != noForm }

func shortPower(exponent *ir.Value) kernel.VecOp {
	if c, ok := constantOf(exponent); ok {
		if op, ok := shortPowers[c.Float()]; ok {
			return op
		}
	}
	return noForm
}
