package nn

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// DotAttention looks values up by products of queries and keys, with no weights
// of its own but for a scale:
//
//	y = softmax(Scale * query key^T) value
//
// query [B T D], key [B S D], value [B S V], y [B T V].
//
// Source: Luong and others, "Effective approaches to attention-based neural
// machine translation" (2015), "dot"; keras.layers.Attention (3.15) with
// score_mode "dot", whose scale is a parameter with use_scale.
type DotAttention struct {
	Scale *Param // nil is 1
}

// NewDotAttention has a trained scale, at first 1, or none.
func NewDotAttention(scaled bool) *DotAttention {
	l := &DotAttention{}
	if scaled {
		l.Scale = newParam(Ones())
	}
	return l
}

// Attend looks up. The mask, bool [B S] or [B T S], is true where a query may
// see a key; nil lets it see all. A query that may see none sees all.
func (l *DotAttention) Attend(c *Ctx, query, key, value, mask *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if err := attends(c, query, key, value, mask); err != nil || c.Graph().Err() != nil {
		return refuseIf(c, "dot_attention", err, query)
	}
	scores := ops.MatMul(query, ops.Transpose(key, 0, 2, 1)) // [B T S]
	if l.Scale != nil {
		scores = ops.Mul(scores, c.Param(l.Scale))
	}
	return lookUp(scores, value, mask)
}

// Forward lets the places of x [B T D] see each other.
func (l *DotAttention) Forward(c *Ctx, x *ir.Value) *ir.Value { return l.Attend(c, x, x, x, nil) }

// AdditiveAttention looks values up by a layer over sums of queries and keys:
//
//	score[t, s] = sum over d of Scale[d] * tanh(query[t, d] + key[s, d])
//	y           = softmax(score) value
//
// query [B T D], key [B S D], value [B S V], y [B T V]. The sums, [B T S D], are
// all in memory.
//
// Source: Bahdanau and others, "Neural machine translation by jointly learning to
// align and translate" (2014), without its projections;
// keras.layers.AdditiveAttention (3.15).
type AdditiveAttention struct {
	Scale *Param // [D]; nil is ones
}

// NewAdditiveAttention has a trained scale for vectors of a width, drawn from
// Xavier's uniform rule, or none where width is 0.
func NewAdditiveAttention(width int) *AdditiveAttention {
	l := &AdditiveAttention{}
	if width > 0 {
		b := math.Sqrt(3 / float64(width))
		l.Scale = newParam(Uniform(-b, b), width)
	}
	return l
}

// Attend looks up; see [DotAttention.Attend].
func (l *AdditiveAttention) Attend(c *Ctx, query, key, value, mask *ir.Value) *ir.Value {
	defer c.Enter(l)()
	err := attends(c, query, key, value, mask)
	if err == nil && l.Scale != nil && query.Dim(2) != l.Scale.Shape.Dim(0) {
		err = fmt.Errorf("wants vectors of %d numbers", l.Scale.Shape.Dim(0))
	}
	if err != nil || c.Graph().Err() != nil {
		return refuseIf(c, "additive_attention", err, query)
	}
	sums := ops.Tanh(ops.Add(ops.Unsqueeze(query, 2), ops.Unsqueeze(key, 1))) // [B T S D]
	if l.Scale != nil {
		sums = ops.Mul(sums, c.Param(l.Scale))
	}
	return lookUp(ops.Sum(sums, 3), value, mask)
}

// Forward lets the places of x [B T D] see each other.
func (l *AdditiveAttention) Forward(c *Ctx, x *ir.Value) *ir.Value { return l.Attend(c, x, x, x, nil) }

// attends says what is wrong with the operands of attention.
func attends(c *Ctx, query, key, value, mask *ir.Value) error {
	if c.Graph().Err() != nil {
		return nil
	}
	b := query.Dim(0)
	if query.Rank() != 3 || key.Rank() != 3 || value.Rank() != 3 || key.Dim(0) != b || value.Dim(0) != b ||
		key.Dim(2) != query.Dim(2) || key.Dim(1) != value.Dim(1) {
		return fmt.Errorf("wants query [B T D], key [B S D] and value [B S V], got %v, %v and %v", query.Type(), key.Type(), value.Type())
	}
	if mask == nil {
		return nil
	}
	t, s := query.Dim(1), key.Dim(1)
	if r := mask.Rank(); mask.Dim(0) != b || mask.Dim(r-1) != s || r != 2 && (r != 3 || mask.Dim(1) != t) {
		return fmt.Errorf("wants a mask [%d %d] or [%d %d %d], got %v", b, s, b, t, s, mask.Type())
	}
	return nil
}

// refuseIf keeps a mistake, if there is one.
func refuseIf(c *Ctx, layer string, err error, x *ir.Value) *ir.Value {
	if err != nil {
		return refuse(c, layer, err, x)
	}
	return x
}

// lookUp is softmax(scores) value, over what the mask lets through. The penalty
// is Keras's: where all is masked it cancels.
func lookUp(scores, value, mask *ir.Value) *ir.Value {
	if mask != nil {
		if mask.Rank() == 2 {
			mask = ops.Unsqueeze(mask, 1)
		}
		penalty := -1e9
		if scores.DType().IsHalf() {
			penalty = -65504
		}
		scores = ops.Select(mask, scores, ops.Add(scores, ops.Scalar(scores, penalty)))
	}
	return ops.MatMul(ops.Softmax(scores, -1), value)
}
