package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// AttentionOp is scaled dot-product attention of H query heads, which share G
// heads of keys and values: head h reads head h/(H/G). Operands: q [B T H K],
// k [B S G K], v [B S G V], or, if Packed, the three of them behind each other
// in one value [B T H+2G K], G given by Groups; then those that With names, in
// this order: position i64 [B], lengths i64 [B], query segments i64 [B T] and
// key segments i64 [B S], mask bool and bias, both with 1 or the full extent on
// each of [B H T] and with S last, slopes [H], sinks [H], seed and step (u64
// scalars). Results: out [B T H V] and lse [B T H]. For query t and key s of a
// sample and a head, with p the position of the query, t + position (0 without),
//
//	a[s]   = Scale sum over k of q[k] k[s,k]
//	a[s]   = SoftCap tanh(a[s] / SoftCap)         if Capped
//	a[s]   = a[s] + bias[s] - slope |p - s|
//	a[s]   = -Inf where s is not visible
//	lse    = log(e^sink + sum over s of e^a[s])   e^sink if there are sinks
//	out[v] = sum over s of d[s] e^(a[s] - lse) v[s,v]
//
// where d is 1, or drops with probability Dropout as [DropoutOp] drops elements
// of a tensor [B H T S]. Key s is visible if all of these hold that are asked
// for: s <= p (Causal); p-Left <= s <= p+Right (Windowed); s < length; the
// segments of query and key are equal; mask is true.
//
// A query that sees no key, or whose keys all have a = -Inf, has out 0,
// lse = -Inf (or the sink) and gradient 0. NaN, and a = +Inf, make the query's
// results NaN. NaN or Inf in a key or value that is not visible may spread to
// the query or not. Slopes get no gradient.
//
// Sources: torch.nn.functional.scaled_dot_product_attention, of which is_causal
// and enable_gqa are followed (it gives NaN for a query without keys); Dao, "FlashAttention-2" (2023); Press and
// others, "Train short, test long" (2021) for slopes; Gemma 2 (2024) for the
// cap; gpt-oss (2025) for sinks.
type AttentionOp struct {
	Scale       float64
	Causal      bool
	Windowed    bool
	Left, Right int
	Capped      bool
	SoftCap     float64
	Dropout     float64
	Stream      uint64
	Packed      bool
	Groups      int
	With        AttentionOperands
}

// AttentionOperands tells which optional operands an [AttentionOp] has. Dropout
// stands for seed and step.
type AttentionOperands struct {
	Position, Lengths, Segments, Mask, Bias, Slopes, Sinks, Dropout bool
}

// AttentionOptions are the choices of [Attention]. Values that are nil are
// left out.
type AttentionOptions struct {
	Scale  *float64         // of the products; nil: 1/sqrt(K)
	Causal bool             // a query sees the keys up to its own position
	Window *AttentionWindow // a query sees keys near its position only

	Position      *ir.Value // where the first query stands among the keys: integer, scalar or [B]
	Lengths       *ir.Value // keys that a sample has: integers [B]
	QuerySegments *ir.Value // a query sees keys of its own segment: integers [B T]
	KeySegments   *ir.Value // integers [B S]; nil: the queries'
	Mask          *ir.Value // bool, true where a key is visible; broadcasts to [B H T S]
	Bias          *ir.Value // added to the products; broadcasts to [B H T S]
	Slopes        *ir.Value // [H]: the product falls by the slope for each step of distance
	Sinks         *ir.Value // [H]: a logit that takes part in the sum and has no value
	SoftCap       *float64  // bounds the products

	Dropout *AttentionDropout
}

// AttentionWindow is how many keys before and behind its own position a query
// sees, from 0 to Unbounded.
type AttentionWindow struct{ Left, Right int }

// Unbounded is a side of an [AttentionWindow] without an end.
const Unbounded = math.MaxInt32

// AttentionDropout is what [Dropout] takes.
type AttentionDropout struct {
	P          float64
	Seed, Step *ir.Value
	Stream     uint64
}

// Attention is [AttentionOp] of q [B T H K], k [B S G K] and v [B S G V], with
// result [B T H V].
func Attention(q, k, v *ir.Value, o AttentionOptions) *ir.Value {
	return o.apply(AttentionOp{}, q, k, v)
}

// AttentionPacked is [Attention] of queries, keys and values that lie behind
// each other on axis 2 of qkv [B T H+2G K], G being groups: the result of one
// linear layer, reshaped. Nothing is copied, and the gradient comes in one
// piece too.
func AttentionPacked(qkv *ir.Value, groups int, o AttentionOptions) *ir.Value {
	return o.apply(AttentionOp{Packed: true, Groups: groups}, qkv)
}

// AttentionWeights is [Attention] that gives the weights besides: what the values
// are multiplied by, [B H T S], 0 where a key is not visible and after dropout. All
// scores are in memory, and no kernel of attention computes them.
func AttentionWeights(q, k, v *ir.Value, o AttentionOptions) (out, weights *ir.Value) {
	op, in := o.operands(AttentionOp{}, q, k, v)
	if q.Graph().Err() != nil {
		return standIn(q), standIn(q)
	}
	half := q.DType()
	for i, x := range in {
		if half.IsHalf() && x.DType() == half {
			in[i] = Cast(x, dtype.Float32)
		}
	}
	z, err := op.check(typesOf(in))
	if err != nil {
		return fail(op.Name(), err, in...), standIn(q)
	}
	if weights, _ = op.weights(in, z); z.S == 0 {
		return Full(q.Graph(), half, shape.Of(z.B, z.T, z.H, z.Width), 0), Cast(weights, half)
	}
	return Cast(z.overKeys(weights, in[2]), half), Cast(weights, half)
}

// apply builds the op with the options.
func (o AttentionOptions) apply(op AttentionOp, in ...*ir.Value) *ir.Value {
	op, in = o.operands(op, in...)
	if in[0].Graph().Err() != nil {
		return standIn(in[0])
	}
	return applyWide(1, op, in...)[0]
}

// operands adds the options to an op and its operands.
func (o AttentionOptions) operands(op AttentionOp, in ...*ir.Value) (AttentionOp, []*ir.Value) {
	q, k := in[0], in[min(1, len(in)-1)]
	if q.Graph().Err() != nil {
		return op, in
	}
	if q.Rank() != 4 || k.Rank() != 4 {
		fail(op.Name(), errors.New("wants operands of rank 4"), in...)
		return op, in
	}
	op.Scale, op.Causal = 1/math.Sqrt(float64(q.Dim(3))), o.Causal
	if o.Scale != nil {
		op.Scale = *o.Scale
	}
	if o.Window != nil {
		op.Windowed, op.Left, op.Right = true, o.Window.Left, o.Window.Right
	}
	if o.SoftCap != nil {
		op.Capped, op.SoftCap = true, *o.SoftCap
	}
	add := func(has *bool, vs ...*ir.Value) {
		if vs[0] != nil {
			*has = true
			in = append(in, vs...)
		}
	}
	position := o.Position
	if position != nil && position.Rank() == 0 {
		position = Broadcast(position, shape.Of(q.Dim(0)))
	}
	keySegments := o.KeySegments
	if keySegments == nil {
		keySegments = o.QuerySegments
	}
	add(&op.With.Position, whole(position))
	add(&op.With.Lengths, whole(o.Lengths))
	add(&op.With.Segments, whole(o.QuerySegments), whole(keySegments))
	add(&op.With.Mask, leading(o.Mask, k.Dim(1)))
	add(&op.With.Bias, leading(o.Bias, k.Dim(1)))
	add(&op.With.Slopes, o.Slopes)
	add(&op.With.Sinks, o.Sinks)
	if o.Dropout != nil && o.Dropout.P != 0 {
		op.Dropout, op.Stream = o.Dropout.P, o.Dropout.Stream
		add(&op.With.Dropout, o.Dropout.Seed, o.Dropout.Step)
	}
	return op, in
}

// whole turns integers of any type into i64.
func whole(v *ir.Value) *ir.Value {
	if v == nil || !v.DType().IsInt() {
		return v
	}
	return Cast(v, dtype.Int64)
}

// leading gives a mask or bias four axes, the last of n elements.
func leading(v *ir.Value, n int) *ir.Value {
	if v == nil {
		return nil
	}
	for v.Rank() < 4 && v.Graph().Err() == nil {
		v = Unsqueeze(v, 0)
	}
	if v.Rank() == 4 && v.Dim(3) == 1 && n != 1 {
		v = Broadcast(v, shape.Of(v.Dim(0), v.Dim(1), v.Dim(2), n))
	}
	return v
}

// Name is "attention".
func (AttentionOp) Name() string { return "attention" }

// NumResults is 2.
func (AttentionOp) NumResults() int { return 2 }

// AttentionPlaces tells where each operand of an [AttentionOp] is: its number,
// or -1. Q, K and V are equal where they are packed.
type AttentionPlaces struct {
	Q, K, V, Position, Lengths, QuerySegments, KeySegments, Mask, Bias, Slopes, Sinks, Seed, Step int
	Count                                                                                         int
}

// Places counts the operands.
func (op AttentionOp) Places() (p AttentionPlaces) {
	next := func(has bool) int {
		if !has {
			return -1
		}
		p.Count++
		return p.Count - 1
	}
	w := op.With
	p.Q = next(true)
	if !op.Packed {
		p.K, p.V = next(true), next(true)
	}
	p.Position, p.Lengths = next(w.Position), next(w.Lengths)
	p.QuerySegments, p.KeySegments = next(w.Segments), next(w.Segments)
	p.Mask, p.Bias, p.Slopes, p.Sinks = next(w.Mask), next(w.Bias), next(w.Slopes), next(w.Sinks)
	p.Seed, p.Step = next(w.Dropout), next(w.Dropout)
	return p
}

// AttentionSizes are the extents of an [AttentionOp].
type AttentionSizes struct {
	B, T, S  int // samples, queries, keys
	H, G     int // heads of queries, of keys and values
	K, Width int // of a head of q and k, of v
}

// Sizes reads the extents, or says what is wrong with q, k and v.
func (op AttentionOp) Sizes(in []ir.Type) (z AttentionSizes, err error) {
	n := 3
	if op.Packed {
		n = 1
	}
	for _, t := range in[:n] {
		if err := floating(t); err != nil {
			return z, err
		}
		if t.Shape.Rank() != 4 || t.DType != in[0].DType {
			return z, errors.New("wants operands of rank 4 and one type")
		}
	}
	q := in[0].Shape
	if op.Packed {
		z = AttentionSizes{q.Dim(0), q.Dim(1), q.Dim(1), q.Dim(2) - 2*op.Groups, op.Groups, q.Dim(3), q.Dim(3)}
		if z.G < 1 || z.H < 1 {
			return z, fmt.Errorf("%d heads hold no queries beside %d groups of keys and values", q.Dim(2), op.Groups)
		}
	} else {
		k, v := in[1].Shape, in[2].Shape
		z = AttentionSizes{q.Dim(0), q.Dim(1), k.Dim(1), q.Dim(2), k.Dim(2), q.Dim(3), v.Dim(3)}
		if k.Dim(0) != z.B || v.Dim(0) != z.B || v.Dim(1) != z.S || v.Dim(2) != z.G || k.Dim(3) != z.K {
			return z, errors.New("wants q [B T H K], k [B S G K] and v [B S G V]")
		}
	}
	if z.G == 0 || z.H%z.G != 0 {
		return z, fmt.Errorf("%d heads of queries can't share %d of keys", z.H, z.G)
	}
	return z, nil
}

// scores is the shape of what the softmax is of.
func (z AttentionSizes) scores() shape.Shape { return shape.Of(z.B, z.H, z.T, z.S) }

// Infer wants q, k and v and the operands of With.
func (op AttentionOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, op.Places().Count); err != nil {
		return nil, err
	}
	z, err := op.check(in)
	if err != nil {
		return nil, err
	}
	return []ir.Type{
		{DType: in[0].DType, Shape: shape.Of(z.B, z.T, z.H, z.Width)},
		{DType: in[0].DType, Shape: shape.Of(z.B, z.T, z.H)},
	}, nil
}

// check says what is wrong with attributes or operands, of which there are
// enough.
func (op AttentionOp) check(in []ir.Type) (AttentionSizes, error) {
	z, err := op.Sizes(in)
	if err != nil {
		return z, err
	}
	if !(op.Dropout >= 0 && op.Dropout <= 1) {
		return z, fmt.Errorf("probability %v is outside 0..1", op.Dropout)
	}
	if op.Windowed && (min(op.Left, op.Right) < 0 || max(op.Left, op.Right) > Unbounded) {
		return z, fmt.Errorf("a window has 0 to Unbounded keys on each side, got %d and %d", op.Left, op.Right)
	}
	if op.Capped && !(op.SoftCap > 0) {
		return z, fmt.Errorf("soft cap %v is not positive", op.SoftCap)
	}
	if math.IsNaN(op.Scale) {
		return z, errors.New("scale is NaN")
	}
	p := op.Places()
	for _, want := range []struct {
		name  string
		at    int
		dtype dtype.DType
		dims  []int
	}{
		{"the position of the first query", p.Position, dtype.Int64, []int{z.B}},
		{"key lengths", p.Lengths, dtype.Int64, []int{z.B}},
		{"query segments", p.QuerySegments, dtype.Int64, []int{z.B, z.T}},
		{"key segments", p.KeySegments, dtype.Int64, []int{z.B, z.S}},
		{"slopes", p.Slopes, in[0].DType, []int{z.H}},
		{"sinks", p.Sinks, in[0].DType, []int{z.H}},
		{"seed", p.Seed, dtype.Uint64, nil},
		{"step", p.Step, dtype.Uint64, nil},
	} {
		if t := (ir.Type{DType: want.dtype, Shape: shape.Of(want.dims...)}); want.at >= 0 && in[want.at] != t {
			return z, fmt.Errorf("wants %s %v, got %v", want.name, t, in[want.at])
		}
	}
	if p.Mask >= 0 && !spreads(in[p.Mask], dtype.Bool, z) {
		return z, fmt.Errorf("wants a mask bool%v or 1 on axes but the last, got %v", z.scores(), in[p.Mask])
	}
	if p.Bias >= 0 && !spreads(in[p.Bias], in[0].DType, z) {
		return z, fmt.Errorf("wants a bias %v%v or 1 on axes but the last, got %v", in[0].DType, z.scores(), in[p.Bias])
	}
	return z, nil
}

// spreads reports whether a mask or bias has 1 or all elements on each axis
// but the last.
func spreads(t ir.Type, dt dtype.DType, z AttentionSizes) bool {
	if t.DType != dt || t.Shape.Rank() != 4 || t.Shape.Dim(3) != z.S {
		return false
	}
	for a := range 3 {
		if d := t.Shape.Dim(a); d != 1 && d != z.scores().Dim(a) {
			return false
		}
	}
	return true
}

// pairs is the number of queries times keys that a head has to look at, as far
// as attributes tell.
func (op AttentionOp) pairs(z AttentionSizes) (n int64) {
	if op.With.Position {
		return int64(z.T) * int64(z.S)
	}
	for t := range z.T {
		lo, hi := 0, z.S
		if op.Causal {
			hi = min(hi, t+1)
		}
		if op.Windowed {
			lo, hi = max(lo, t-op.Left), min(hi, t+op.Right+1)
		}
		n += int64(max(0, hi-lo))
	}
	return n
}

// Flops counts two products and about fourteen operations for the softmax,
// for each pair of query and key that may see each other.
func (op AttentionOp) Flops(in, _ []ir.Type) int64 {
	z, err := op.Sizes(in)
	if err != nil {
		return 0
	}
	return op.pairs(z) * int64(z.B*z.H) * int64(2*(z.K+z.Width)+14)
}

// parts returns q, k and v.
func (op AttentionOp) parts(in []*ir.Value) (q, k, v *ir.Value) {
	if !op.Packed {
		return in[0], in[1], in[2]
	}
	h, g := in[0].Dim(2)-2*op.Groups, op.Groups
	return Narrow(in[0], 2, 0, h), Narrow(in[0], 2, h, g), Narrow(in[0], 2, h+g, g)
}

// grouped splits the heads of x [B T H K] among the groups of keys.
func (z AttentionSizes) grouped(x *ir.Value) *ir.Value {
	x = Reshape(x, z.B, z.T, z.G, z.H/z.G, x.Dim(3))
	return Transpose(x, 0, 2, 3, 1, 4) // [B G R T K]
}

// ungrouped is the inverse of grouped.
func (z AttentionSizes) ungrouped(x *ir.Value) *ir.Value {
	return Reshape(Transpose(x, 0, 3, 1, 2, 4), z.B, z.T, z.H, x.Dim(4)) // [B T H K]
}

// byKeys multiplies each query in x [B T H K] with each key in y [B S G K].
func (z AttentionSizes) byKeys(x, y *ir.Value) *ir.Value {
	s := DotGeneral(z.grouped(x), y, DotSpec{XBatch: []int{0, 1}, YBatch: []int{0, 2}, XContract: []int{4}, YContract: []int{3}})
	return Reshape(s, z.scores().Dims()...) // [B H T S]
}

// overKeys adds the rows of y [B S G K] up with weights p [B H T S].
func (z AttentionSizes) overKeys(p, y *ir.Value) *ir.Value {
	p = Reshape(p, z.B, z.G, z.H/z.G, z.T, z.S)
	return z.ungrouped(DotGeneral(p, y, DotSpec{XBatch: []int{0, 1}, YBatch: []int{0, 2}, XContract: []int{4}, YContract: []int{1}}))
}

// overQueries adds the rows of x [B T H K] up with weights p [B H T S].
func (z AttentionSizes) overQueries(p, x *ir.Value) *ir.Value {
	p = Reshape(p, z.B, z.G, z.H/z.G, z.T, z.S)
	y := DotGeneral(p, z.grouped(x), DotSpec{XBatch: []int{0, 1}, YBatch: []int{0, 1}, XContract: []int{2, 3}, YContract: []int{2, 3}})
	return Transpose(y, 0, 2, 1, 3) // [B S G K]
}

// byHead makes x [B T H] a column [B H T 1] of the scores.
func byHead(x *ir.Value) *ir.Value { return Unsqueeze(Transpose(x, 0, 2, 1), 3) }

// logits are the products with all that is added to them, [B H T S], -Inf
// where a key is not visible, and the tangent that the soft cap has taken, if
// there is one.
func (op AttentionOp) logits(in []*ir.Value, z AttentionSizes) (a, tangent *ir.Value) {
	p := op.Places()
	q, k, _ := op.parts(in)
	g := q.Graph()
	a = z.byKeys(q, k)
	a = Mul(a, Scalar(a, op.Scale))
	if op.Capped {
		tangent = Tanh(Mul(a, Scalar(a, 1/op.SoftCap)))
		a = Mul(tangent, Scalar(a, op.SoftCap))
	}
	if p.Bias >= 0 {
		a = Add(a, in[p.Bias])
	}
	query := Iota(g, dtype.Int64, shape.Of(1, 1, z.T, 1), 2)
	if p.Position >= 0 {
		query = Add(query, Reshape(in[p.Position], z.B, 1, 1, 1))
	}
	key := Iota(g, dtype.Int64, shape.Of(1, 1, 1, z.S), 3)
	if p.Slopes >= 0 {
		far := Cast(Abs(Sub(query, key)), a.DType())
		a = Sub(a, Mul(StopGradient(Reshape(in[p.Slopes], z.H, 1, 1)), far))
	}
	number := func(n int) *ir.Value { return FullInt(g, dtype.Int64, shape.Shape{}, int64(n)) }
	hide := func(visible *ir.Value) {
		a = Select(Broadcast(visible, a.Shape()), a, Scalar(a, math.Inf(-1)))
	}
	if op.Causal {
		hide(Le(key, query))
	}
	if op.Windowed {
		hide(And(Ge(key, Sub(query, number(op.Left))), Le(key, Add(query, number(op.Right)))))
	}
	if p.Lengths >= 0 {
		hide(Lt(key, Reshape(in[p.Lengths], z.B, 1, 1, 1)))
	}
	if p.QuerySegments >= 0 {
		hide(Eq(Reshape(in[p.QuerySegments], z.B, 1, z.T, 1), Reshape(in[p.KeySegments], z.B, 1, 1, z.S)))
	}
	if p.Mask >= 0 {
		hide(in[p.Mask])
	}
	return a, tangent
}

// dropped applies the dropout of the op to x [B H T S].
func (op AttentionOp) dropped(x *ir.Value, in []*ir.Value) *ir.Value {
	p := op.Places()
	if p.Seed < 0 {
		return x
	}
	return Dropout(x, in[p.Seed], in[p.Step], op.Dropout, op.Stream)
}

// finite is x, or 0 where x is -Inf.
func finite(x *ir.Value) *ir.Value {
	return Select(Eq(x, Scalar(x, math.Inf(-1))), ZerosLike(x), x)
}

// Expand is the formula, with all scores in memory.
func (op AttentionOp) Expand(in []*ir.Value) []*ir.Value {
	z, _ := op.Sizes(typesOf(in))
	q, _, v := op.parts(in)
	weights, lse := op.weights(in, z)
	lse = Transpose(Reshape(lse, z.B, z.H, z.T), 0, 2, 1) // [B T H]
	if z.S == 0 {
		return []*ir.Value{Broadcast(Scalar(q, 0), shape.Of(z.B, z.T, z.H, z.Width)), lse}
	}
	return []*ir.Value{z.overKeys(weights, v), lse}
}

// weights are what values are multiplied by, [B H T S], and lse [B H T 1].
func (op AttentionOp) weights(in []*ir.Value, z AttentionSizes) (weights, lse *ir.Value) {
	p, q := op.Places(), in[0]
	sink := Broadcast(Scalar(q, math.Inf(-1)), shape.Of(z.B, z.H, z.T, 1))
	if p.Sinks >= 0 {
		sink = Broadcast(Reshape(in[p.Sinks], z.H, 1, 1), sink.Shape())
	}
	if z.S == 0 {
		return Broadcast(Scalar(q, 0), z.scores()), sink
	}
	a, _ := op.logits(in, z)
	top := StopGradient(finite(Maximum(Unsqueeze(Amax(a, 3), 3), sink)))
	e := Exp(Sub(a, top))
	sum := Add(Unsqueeze(Sum(e, 3), 3), Exp(Sub(sink, top)))
	none := Eq(sum, ZerosLike(sum)) // no key, and no sink
	sum = Select(none, OnesLike(sum), sum)
	lse = Select(none, Scalar(sum, math.Inf(-1)), Add(top, Log(sum)))
	return op.dropped(Div(e, sum), in), lse
}

// typesOf lists the types of values.
func typesOf(in []*ir.Value) []ir.Type {
	ts := make([]ir.Type, len(in))
	for i, v := range in {
		ts[i] = v.Type()
	}
	return ts
}

// Grad takes lse from the forward pass and lets [AttentionGradOp] make the
// weights again. With P the weights before dropout, the gradient by a is
// P (dP - delta): delta is what the normalisation gives back, the sum over the
// row of P dP, which is that over the head's width of out dout, less the
// gradient by lse. That of a sink is -e^(sink - lse) delta.
func (op AttentionOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	p := op.Places()
	dout := gout[0]
	var delta *ir.Value
	if dout == nil {
		dout, delta = ZerosLike(out[0]), ZerosLike(out[1])
	} else {
		delta = Sum(Mul(dout, out[0]), 3)
	}
	if gout[1] != nil {
		delta = Sub(delta, gout[1])
	}
	args := append(append([]*ir.Value(nil), in...), out[1], delta, dout)
	dx := ir.Apply(AttentionGradOp(op), args...)
	grads := make([]*ir.Value, len(in))
	n := copy(grads[:p.V+1], dx)
	if p.Bias >= 0 {
		grads[p.Bias] = dx[n]
	}
	if p.Sinks >= 0 {
		share := Exp(Sub(in[p.Sinks], finite(out[1])))
		grads[p.Sinks] = Neg(Sum(Mul(share, delta), 0, 1))
	}
	return grads
}

// AttentionGradOp is the gradient of [AttentionOp]. Of its operands, then lse,
// delta [B T H] and dout [B T H V], the gradient by out, it makes dq, dk and dv,
// or one gradient of a packed operand, and with a bias its gradient, added up
// over the axes on which it is 1. With a, d and slopes as there,
//
//	P   = e^(a - lse),  dP = d sum over v of dout[v] v[s,v]
//	dA  = P (dP - delta),  dbias = dA
//	dA  = dA (1 - tanh(.)^2)  if Capped
//	dq  = Scale dA k,  dk = Scale dA^T q,  dv = (d P)^T dout
//
// P is 0 where lse is -Inf.
type AttentionGradOp AttentionOp

// Name is "attention_grad".
func (AttentionGradOp) Name() string { return "attention_grad" }

// NumResults is 1 or 3, and one more with a bias.
func (op AttentionGradOp) NumResults() int {
	n := 3
	if op.Packed {
		n = 1
	}
	if op.With.Bias {
		n++
	}
	return n
}

// Infer wants the operands of the forward pass, lse, delta and dout.
func (op AttentionGradOp) Infer(in []ir.Type) ([]ir.Type, error) {
	p := AttentionOp(op).Places()
	if err := operands(in, p.Count+3); err != nil {
		return nil, err
	}
	z, err := AttentionOp(op).check(in)
	if err != nil {
		return nil, err
	}
	row := ir.Type{DType: in[0].DType, Shape: shape.Of(z.B, z.T, z.H)}
	if in[p.Count] != row || in[p.Count+1] != row {
		return nil, fmt.Errorf("wants lse and delta of type %v", row)
	}
	if out := (ir.Type{DType: in[0].DType, Shape: shape.Of(z.B, z.T, z.H, z.Width)}); in[p.Count+2] != out {
		return nil, fmt.Errorf("wants a gradient of type %v, got %v", out, in[p.Count+2])
	}
	types := append([]ir.Type(nil), in[:p.V+1]...)
	if p.Bias >= 0 {
		types = append(types, in[p.Bias])
	}
	return types, nil
}

// Flops counts five products and about twenty operations for the weights and
// their gradient, for each pair of query and key that may see each other.
func (op AttentionGradOp) Flops(in, _ []ir.Type) int64 {
	z, err := AttentionOp(op).Sizes(in)
	if err != nil {
		return 0
	}
	return AttentionOp(op).pairs(z) * int64(z.B*z.H) * int64(2*(3*z.K+2*z.Width)+20)
}

// Expand is the formula, with all scores in memory.
func (op AttentionGradOp) Expand(in []*ir.Value) []*ir.Value {
	forward := AttentionOp(op)
	p := forward.Places()
	z, _ := forward.Sizes(typesOf(in))
	q, k, v := forward.parts(in)
	lse, delta, dout := in[p.Count], in[p.Count+1], in[p.Count+2]
	if z.S == 0 {
		var zeros []*ir.Value
		for _, x := range append(append([]*ir.Value(nil), in[:p.V+1]...), in[max(p.Bias, 0)])[:op.NumResults()] {
			zeros = append(zeros, ZerosLike(x))
		}
		return zeros
	}
	a, tangent := forward.logits(in, z)
	weight := Exp(Sub(a, byHead(finite(lse)))) // [B H T S]
	da := Mul(weight, Sub(forward.dropped(z.byKeys(dout, v), in), byHead(delta)))
	var dbias []*ir.Value
	if p.Bias >= 0 {
		sum := da
		for axis := range 3 {
			if in[p.Bias].Dim(axis) == 1 && sum.Dim(axis) != 1 {
				sum = Unsqueeze(Sum(sum, axis), axis)
			}
		}
		dbias = []*ir.Value{sum}
	}
	if op.Capped {
		da = Mul(da, Sub(Scalar(da, 1), Mul(tangent, tangent)))
	}
	da = Mul(da, Scalar(da, op.Scale))
	dq, dk, dv := z.overKeys(da, k), z.overQueries(da, q), z.overQueries(forward.dropped(weight, in), dout)
	if op.Packed {
		return append([]*ir.Value{Concat(2, dq, dk, dv)}, dbias...)
	}
	return append([]*ir.Value{dq, dk, dv}, dbias...)
}
