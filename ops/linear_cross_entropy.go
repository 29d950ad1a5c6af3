package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// LinearCrossEntropyOp is the cross-entropy of logits that are a linear map, as
// the head of a language model makes them, without ever holding the logits of
// more than Chunk rows. Operands: h [N D], w [V D], a bias [V] if Bias,
// labels i64 [N], and scale [N], a factor of the loss of each row. Results:
//
//	x    = h wᵀ + bias                       // [N V], a chunk at a time
//	loss = CrossEntropyOp(x, labels)         // [N]
//	sum  = sum over n of scale[n] * loss[n]
//	dh, dw, dbias                            // of sum, by h, w and bias
//
// in this order: sum, loss, dh, dw, dbias. All have h's type, but that sum, loss
// and scale are float32 where h has 16 bits. A row of scale 0 adds nothing to
// sum, whatever its loss. The gradients are made in the same pass over the
// logits as the sum, so that none is computed twice: three products, as many as
// a plain step has. A result that nothing reads costs nothing. The rows are cut
// in equal parts, the last filled up with rows that do not count; the order of
// all sums follows from the shapes.
//
// Gradients flow from sum, by all operands but the labels. Those of the other
// results, and with them second gradients, are a mistake.
//
// Source: Hsu and others, "Liger Kernel" (2024), section 3.2; Wijmans and
// others, "Cut your losses in large-vocabulary language models" (2024).
type LinearCrossEntropyOp struct {
	Rows  CrossEntropyOp // the loss of a row
	Chunk int            // rows whose logits exist at once
	Bias  bool
}

// LinearCrossEntropy is the sum over rows of scale times the cross-entropy of
// Linear(h, w, bias): see [LinearCrossEntropyOp]. bias may be nil; labels have
// any integer type.
func LinearCrossEntropy(h, w, bias, labels, scale *ir.Value, op CrossEntropyOp, chunk int) *ir.Value {
	if h.Graph().Err() != nil {
		return standIn(h)
	}
	in := []*ir.Value{h, w}
	if bias != nil {
		in = append(in, bias)
	}
	if labels.DType().IsInt() {
		labels = Cast(labels, dtype.Int64)
	}
	return ir.Apply(LinearCrossEntropyOp{op, chunk, bias != nil}, append(in, labels, scale)...)[0]
}

// Name is "linear_cross_entropy".
func (LinearCrossEntropyOp) Name() string { return "linear_cross_entropy" }

// NumResults counts sum, loss, and a gradient for each operand of the map.
func (op LinearCrossEntropyOp) NumResults() int {
	if op.Bias {
		return 5
	}
	return 4
}

// Infer wants the operands of a linear map, labels and factors.
func (op LinearCrossEntropyOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, op.NumResults()); err != nil {
		return nil, err
	}
	if op.Chunk < 1 {
		return nil, fmt.Errorf("wants chunks of at least 1 row, got %d", op.Chunk)
	}
	h, w := in[0], in[1]
	if err := floating(h); err != nil {
		return nil, err
	}
	if h.Shape.Rank() != 2 || w.Shape.Rank() != 2 || h.Shape.Dim(1) != w.Shape.Dim(1) || h.DType != w.DType {
		return nil, errors.New("wants h [N D] and a weight [V D] of one element type")
	}
	n, v := h.Shape.Dim(0), w.Shape.Dim(0)
	if want := (ir.Type{DType: h.DType, Shape: shape.Of(v)}); op.Bias && in[2] != want {
		return nil, fmt.Errorf("wants a bias %v", want)
	}
	wide := wideOf(h.DType)
	labels, scale := in[len(in)-2], in[len(in)-1]
	if want := (ir.Type{DType: wide, Shape: shape.Of(n)}); scale != want {
		return nil, fmt.Errorf("wants a scale %v", want)
	}
	if err := op.Rows.check(ir.Type{DType: wide, Shape: shape.Of(n, v)}, labels); err != nil {
		return nil, err
	}
	return append([]ir.Type{{DType: wide}, scale}, in[:len(in)-2]...), nil
}

// wideOf is the type that sums over elements of a type are made in.
func wideOf(t dtype.DType) dtype.DType {
	if t.IsHalf() {
		return dtype.Float32
	}
	return t
}

// Flops counts three products and the cross-entropy with its gradient.
func (op LinearCrossEntropyOp) Flops(in, _ []ir.Type) int64 {
	n, d, v := int64(in[0].Shape.Dim(0)), int64(in[0].Shape.Dim(1)), int64(in[1].Shape.Dim(0))
	return 3*2*n*d*v + 27*n*v
}

// Expand is a scan over chunks of rows, which carries the gradients by weight
// and bias.
func (op LinearCrossEntropyOp) Expand(in []*ir.Value) []*ir.Value {
	h, w, bias := in[0], in[1], (*ir.Value)(nil)
	labels, scale := in[len(in)-2], in[len(in)-1]
	n, g := h.Dim(0), h.Graph()
	wide := scale.DType()
	carry := []*ir.Value{Full(g, wide, w.Shape(), 0)}
	if op.Bias {
		bias = in[2]
		carry = append(carry, Full(g, wide, bias.Shape(), 0))
	}
	chunks := max(1, (n+op.Chunk-1)/op.Chunk)
	rows := (n + chunks - 1) / chunks
	cut := func(x, fill *ir.Value) *ir.Value { // [N ...], then [chunks rows ...]
		if more := chunks*rows - n; more > 0 {
			x = Concat(0, x, Broadcast(fill, x.Shape().With(0, more)))
		}
		return Reshape(x, append([]int{chunks, rows}, x.Shape().Dims()[1:]...)...)
	}
	xs := []*ir.Value{
		cut(h, Scalar(h, 0)),
		cut(labels, FullInt(g, dtype.Int64, shape.Shape{}, op.Rows.IgnoreIndex)),
		cut(scale, Scalar(scale, 0)),
	}
	sums, ys := Scan(carry, xs, func(carry, x []*ir.Value) (next, ys []*ir.Value) {
		h, labels, scale := x[0], x[1], x[2]
		logits := Cast(Linear(h, w, bias), wide) // [rows V]
		loss, lse := CrossEntropy(logits, labels, op.Rows)
		zero := Scalar(loss, 0)
		sum := Sum(Select(Eq(scale, zero), zero, Mul(loss, scale)))
		dx := ir.Apply1(CrossEntropyGradOp(op.Rows), logits, labels, lse, scale)
		d := Cast(dx, h.DType())
		dh := DotGeneral(d, w, DotSpec{XContract: []int{1}, YContract: []int{0}})
		dw := DotGeneral(d, h, DotSpec{XContract: []int{0}, YContract: []int{0}})
		next = []*ir.Value{Add(Cast(dw, wide), carry[0])}
		if op.Bias {
			// A product needs no memory of its own, as a sum over columns does.
			ones := Full(dx.Graph(), wide, shape.Of(rows), 1)
			next = append(next, Add(DotGeneral(ones, dx, DotSpec{XContract: []int{0}, YContract: []int{0}}), carry[1]))
		}
		return next, []*ir.Value{sum, loss, dh}
	})
	join := func(y *ir.Value) *ir.Value {
		return Narrow(Reshape(y, append([]int{chunks * rows}, y.Shape().Dims()[2:]...)...), 0, 0, n)
	}
	out := []*ir.Value{Sum(ys[0]), join(ys[1]), join(ys[2])}
	for i, s := range sums {
		out = append(out, Cast(s, in[1+i].DType()))
	}
	return out
}

// Grad multiplies the gradients that the forward pass has made.
func (op LinearCrossEntropyOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	grads := make([]*ir.Value, len(in))
	for _, g := range gout[1:] {
		if g != nil {
			grads[0] = fail(op.Name(), errors.New("has no second gradient; CrossEntropy of Linear has"), g)
			return grads
		}
	}
	labels, g := in[len(in)-2], gout[0]
	grads[len(in)-1] = Mul(out[1], g)
	// The mean of no rows has an infinite gradient by sum, and none by the rows.
	g = Select(All(op.Rows.ignored(labels)), Scalar(g, 0), g)
	for i, d := range out[2:] {
		grads[i] = Cast(Mul(Cast(d, g.DType()), g), d.DType())
	}
	return grads
}

// LinearOf finds the map that made y: y = Linear(x, w, bias), with the axes
// before the last as they were or reshaped, and x as rows [N I]. Weight and bias
// are as the product reads them, in 16 bits under autocast; bias is nil where
// there is none. ok is false where y is anything else.
func LinearOf(y *ir.Value) (x, w, bias *ir.Value, ok bool) {
	y = unshaped(y)
	if add := y.Node(); add.Op() == (BinaryOp{AddFunc}) {
		spread := add.In()[1].Node()
		if spread.Op() != (BroadcastOp{y.Shape(), [shape.MaxRank]int8{int8(y.Rank() - 1)}}) || spread.In()[0].Rank() != 1 {
			return nil, nil, nil, false
		}
		bias, y = spread.In()[0], add.In()[0]
	}
	dot, isDot := y.Node().Op().(DotOp)
	if !isDot {
		return nil, nil, nil, false
	}
	x, w = y.Node().In()[0], y.Node().In()[1]
	if w.Rank() != 2 || dot != (DotOp{NContract: 1, XContract: [shape.MaxRank]int8{int8(x.Rank() - 1)}, YContract: [shape.MaxRank]int8{1}}) {
		return nil, nil, nil, false
	}
	return Reshape(x, x.Shape().Size()/max(x.Dim(-1), 1), x.Dim(-1)), w, bias, true
}

// unshaped is y before reshapes that leave its last axis alone.
func unshaped(y *ir.Value) *ir.Value {
	for {
		_, ok := y.Node().Op().(ReshapeOp)
		if !ok || y.Rank() == 0 || y.Node().In()[0].Rank() == 0 || y.Node().In()[0].Dim(-1) != y.Dim(-1) {
			return y
		}
		y = y.Node().In()[0]
	}
}
