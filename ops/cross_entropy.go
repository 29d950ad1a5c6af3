package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// CrossEntropyOp is the cross-entropy, in nats, between the softmax of logits
// and labels, one row at a time. Operands: logits [N V], labels i64 [N].
// Results: loss [N], and lse [N], the logarithm of the sum of the exponentials:
//
//	lse  = max x + log(sum e^(x - max x))
//	loss = (1-s) (lse - x[label]) + s (lse - mean x) + ZLoss lse^2
//
// with s for Smoothing, from 0 to 1; ZLoss, not negative, keeps the sums of the
// exponentials near 1. A row whose label is IgnoreIndex has loss
// 0 and no gradient by it. A row whose label is neither that nor one of
// 0..V-1 has loss NaN and gradient NaN. A logit of -Inf is a class that can't
// be: its loss is +Inf. NaN, +Inf or nothing but -Inf in a row makes its loss
// NaN.
//
// Source: torch.nn.functional.cross_entropy without reduction; smoothing after
// Szegedy and others, "Rethinking the Inception architecture" (2015), section 7;
// ZLoss after Chowdhery and others, "PaLM" (2022), section 5.
type CrossEntropyOp struct {
	IgnoreIndex int64
	Smoothing   float64
	ZLoss       float64
}

// CrossEntropyRows is the cross-entropy of each row: logits [N V], labels [N]
// of an integer type, result [N].
func CrossEntropyRows(logits, labels *ir.Value, ignoreIndex int64, smoothing float64) *ir.Value {
	loss, _ := CrossEntropy(logits, labels, CrossEntropyOp{IgnoreIndex: ignoreIndex, Smoothing: smoothing})
	return loss
}

// CrossEntropy is [CrossEntropyRows] with all options; lse [N] is the logarithm
// of the sum of the exponentials, float32 where logits have 16 bits.
func CrossEntropy(logits, labels *ir.Value, op CrossEntropyOp) (loss, lse *ir.Value) {
	if labels.DType().IsInt() {
		labels = Cast(labels, dtype.Int64)
	}
	out := applyWide(1, op, logits, labels)
	return out[0], out[1]
}

// Name is "cross_entropy".
func (CrossEntropyOp) Name() string { return "cross_entropy" }

// NumResults is 2.
func (CrossEntropyOp) NumResults() int { return 2 }

// Infer wants logits and labels.
func (op CrossEntropyOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	if err := op.check(in[0], in[1]); err != nil {
		return nil, err
	}
	row := ir.Type{DType: in[0].DType, Shape: in[1].Shape}
	return []ir.Type{row, row}, nil
}

// check says what is wrong with attributes, logits or labels.
func (op CrossEntropyOp) check(logits, labels ir.Type) error {
	if !(op.Smoothing >= 0 && op.Smoothing <= 1) {
		return fmt.Errorf("label smoothing %v is outside 0..1", op.Smoothing)
	}
	if !(op.ZLoss >= 0) {
		return fmt.Errorf("z-loss %v is negative", op.ZLoss)
	}
	if err := floating(logits); err != nil {
		return err
	}
	if logits.Shape.Rank() != 2 || logits.Shape.Dim(1) == 0 {
		return errors.New("wants logits of shape [rows classes] with at least one class")
	}
	if labels.DType != dtype.Int64 || labels.Shape != shape.Of(logits.Shape.Dim(0)) {
		return errors.New("wants i64 labels, one for each row of logits")
	}
	return nil
}

// Flops counts maximum, difference, sum and mean, and about ten for e^x.
func (CrossEntropyOp) Flops(in, _ []ir.Type) int64 { return 14 * int64(in[0].Shape.Size()) }

// Expand is the formula.
func (op CrossEntropyOp) Expand(in []*ir.Value) []*ir.Value {
	x, labels := in[0], in[1]
	n := x.Dim(0)
	top := StopGradient(Amax(x, 1))
	lse := Add(top, Log(Sum(Exp(Sub(x, Reshape(top, n, 1))), 1))) // [N]
	target := Reshape(Gather(x, Reshape(labels, n, 1), 1), n)     // [N]
	loss := Sub(lse, target)
	if op.Smoothing != 0 { // 0 * Inf would be NaN
		even := Sub(lse, Mean(x, 1))
		loss = Add(Mul(loss, Scalar(x, 1-op.Smoothing)), Mul(even, Scalar(x, op.Smoothing)))
	}
	if op.ZLoss != 0 {
		loss = Add(loss, Mul(Mul(lse, lse), Scalar(x, op.ZLoss)))
	}
	loss = Mul(loss, op.validity(x, labels))
	return []*ir.Value{Select(op.ignored(labels), ZerosLike(loss), loss), lse}
}

// ignored tells the rows that do not count.
func (op CrossEntropyOp) ignored(labels *ir.Value) *ir.Value {
	return Eq(labels, FullInt(labels.Graph(), dtype.Int64, shape.Shape{}, op.IgnoreIndex))
}

// validity is 1 for rows whose label is a class or ignored, NaN for others: a
// factor that makes loss and gradient NaN. Its shape is [N].
func (op CrossEntropyOp) validity(x, labels *ir.Value) *ir.Value {
	g := labels.Graph()
	first := FullInt(g, dtype.Int64, shape.Shape{}, 0)
	end := FullInt(g, dtype.Int64, shape.Shape{}, int64(x.Dim(1)))
	valid := Or(And(Ge(labels, first), Lt(labels, end)), op.ignored(labels))
	return Select(valid, Scalar(x, 1), Scalar(x, math.NaN()))
}

// Grad takes lse from the forward pass, so that no sum is made again. What
// reaches lse itself flows on by the softmax.
func (op CrossEntropyOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	x, labels, lse := in[0], in[1], out[1]
	var dx *ir.Value
	if gout[0] != nil {
		dx = ir.Apply1(CrossEntropyGradOp(op), x, labels, lse, gout[0])
	}
	if gout[1] != nil {
		dl := Mul(Reshape(gout[1], x.Dim(0), 1), Exp(Sub(x, Reshape(lse, x.Dim(0), 1))))
		if dx == nil {
			dx = dl
		} else {
			dx = Add(dx, dl)
		}
	}
	return []*ir.Value{dx, nil}
}

// CrossEntropyGradOp is the gradient of [CrossEntropyOp] by the logits. Of
// logits [N V], labels i64 [N], lse [N] and g [N], the gradient by the loss,
// it makes, [N V],
//
//	dx = g * ((1 + 2 ZLoss lse) e^(x - lse) - (1-s) [c = label] - s/V)
//
// for each class c, 0 in a row whose label is IgnoreIndex, whatever g and
// logits are there, and NaN in a row whose label is no class.
type CrossEntropyGradOp struct {
	IgnoreIndex int64
	Smoothing   float64
	ZLoss       float64
}

// Name is "cross_entropy_grad".
func (CrossEntropyGradOp) Name() string { return "cross_entropy_grad" }

// Infer wants logits, labels, lse and the gradient by the loss.
func (op CrossEntropyGradOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 4); err != nil {
		return nil, err
	}
	if err := CrossEntropyOp(op).check(in[0], in[1]); err != nil {
		return nil, err
	}
	row := ir.Type{DType: in[0].DType, Shape: in[1].Shape}
	if in[2] != row || in[3] != row {
		return nil, fmt.Errorf("wants lse and gradient of type %v", row)
	}
	return in[:1], nil
}

// Flops counts two differences and a product, and about ten for e^x.
func (CrossEntropyGradOp) Flops(in, _ []ir.Type) int64 { return 13 * int64(in[0].Shape.Size()) }

// Expand is the formula.
func (op CrossEntropyGradOp) Expand(in []*ir.Value) []*ir.Value {
	x, labels, lse, g := in[0], in[1], in[2], in[3]
	column := func(v *ir.Value) *ir.Value { return Reshape(v, x.Dim(0), 1) }
	forward := CrossEntropyOp(op)
	class := Iota(x.Graph(), dtype.Int64, x.Shape(), 1) // [N V]
	hit := Eq(class, column(labels))
	share := op.Smoothing / float64(x.Dim(1))
	target := Select(hit, Scalar(x, 1-op.Smoothing+share), Scalar(x, share))
	scale := Mul(g, forward.validity(x, labels))
	p := Exp(Sub(x, column(lse)))
	if op.ZLoss != 0 {
		p = Mul(p, column(Add(Mul(lse, Scalar(x, 2*op.ZLoss)), Scalar(x, 1))))
	}
	dx := Mul(column(scale), Sub(p, target))
	return []*ir.Value{Select(column(forward.ignored(labels)), ZerosLike(x), dx)}
}
