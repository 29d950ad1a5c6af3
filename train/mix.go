package train

import (
	"context"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// mixPath names the random stream of mixing. It is part of the record of runs
// and never changes.
const mixPath = "train.mix"

// mixes tells whether examples are mixed with each other.
func (s Strategy) mixes() bool { return s.Mixup != nil || s.Cutmix != nil }

// mix blends each example of a batch with another one of it:
//
//	mixup   x[i] = s x[i] + (1-s) x[j], s from Beta(Mixup, Mixup)
//	cutmix  a box of x[i] is that of x[j]; s is what is left of x[i], drawn from Beta(Cutmix, Cutmix)
//
// where j goes through a permutation of the batch. With both, each batch has
// one or the other. The loss is s of that by the target of i and 1-s of that by
// the target of j. A target of a class for each pixel [B Y X] is cut with an image
// of its size instead. Inputs of integers can't be mixed.
//
// Sources: Zhang and others, "mixup" (2017); Yun and others, "CutMix" (2019).
// One s and one box serve a whole batch, as in both papers' programs.
func (r *run) mix(ctx context.Context, b *data.Batch) (in []*tensor.Tensor, mixed bool, err error) {
	if !r.Strategy.mixes() {
		return b.Inputs, false, nil
	}
	s := rng.NewStream(r.state.Seed, mixPath, uint64(r.state.Step))
	cut := r.Strategy.Mixup == nil || r.Strategy.Cutmix != nil && s.Float64() < 0.5
	order := tensor.New(dtype.Int64, shape.Of(b.N))
	for i, j := range s.Perm(b.N) {
		order.SetInt(i, int64(j))
	}
	var masks []*tensor.Tensor
	if cut {
		a := *r.Strategy.Cutmix
		masks, r.share = boxes(s, s.Beta(a, a), b.Inputs[:r.Inputs])
	} else {
		a := *r.Strategy.Mixup
		r.share = s.Beta(a, a)
		for range r.Inputs {
			masks = append(masks, tensor.Scalar(float32(r.share)))
		}
	}
	if r.mixer == nil {
		r.mixer = r.compileMix()
	}
	args := append(append([]*tensor.Tensor{order}, masks...), b.Inputs[:r.Inputs+len(r.Heads)]...)
	out, err := r.mixer.Run(ctx, args...)
	if err != nil {
		return nil, false, err
	}
	in = append(in, out...)
	return append(in, b.Inputs[r.Inputs+len(r.Heads):]...), true, nil
}

// boxes draws a box that covers 1-share of an image, cut off at its edges, and
// returns for each input what is 0 inside it and 1 outside, and the share that
// is left. An input that is no image [B C Y X] can't be cut.
func boxes(s *rng.Stream, share float64, inputs []*tensor.Tensor) ([]*tensor.Tensor, float64) {
	y, x, side := s.Float64(), s.Float64(), boxSide(share)
	var masks []*tensor.Tensor
	left := 1.0
	for _, in := range inputs {
		if in.Shape().Rank() != 4 {
			masks = append(masks, tensor.Scalar(float32(1)))
			continue
		}
		h, w := in.Shape().Dim(2), in.Shape().Dim(3)
		mask := tensor.New(dtype.Float32, shape.Of(1, 1, h, w))
		y0, y1 := span(y, side, h)
		x0, x1 := span(x, side, w)
		for i := range h {
			for j := range w {
				if i < y0 || i >= y1 || j < x0 || j >= x1 {
					mask.F32()[i*w+j] = 1
				}
			}
		}
		left = 1 - float64((y1-y0)*(x1-x0))/float64(h*w)
		masks = append(masks, mask)
	}
	return masks, left
}

// compileMix describes the blending: order, a mask for each input, inputs,
// targets -> inputs, targets, targets of the others.
func (t *Trainer) compileMix() *exec.Func {
	return exec.NewFunc(t.Store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		order, masks, rest := in[0], in[1:1+t.Inputs], in[1+t.Inputs:]
		var out, others []*ir.Value
		for i, x := range rest {
			other := ops.Take(x, order, 0)
			if i >= t.Inputs {
				if box := boxOf(masks, x); box != nil {
					x = ops.Select(box, x, other)
					other = x
				}
				out, others = append(out, x), append(others, other)
				continue
			}
			if !x.DType().IsFloat() {
				c.Graph().Fail("mix", fmt.Sprintf("mixup and cutmix blend inputs of floating-point numbers; input %d is %v", i, x.DType()), []*ir.Value{x})
				return append(out, x)
			}
			out = append(out, ops.Add(ops.Mul(masks[i], x), ops.Mul(ops.Sub(ops.Scalar(masks[i], 1), masks[i]), other)))
		}
		return append(out, others...)
	})
}

// boxOf is true outside of the box that is cut from the image that a target
// [B Y X] of classes belongs to; nil where nothing is cut, or the target is no such.
func boxOf(masks []*ir.Value, target *ir.Value) *ir.Value {
	if target.Rank() != 3 || target.DType().IsFloat() {
		return nil
	}
	for _, m := range masks {
		if m.Rank() == 4 && m.Dim(2) == target.Dim(1) && m.Dim(3) == target.Dim(2) {
			kept := ops.Reshape(ops.Ne(m, ops.Scalar(m, 0)), 1, m.Dim(2), m.Dim(3))
			return ops.Broadcast(kept, target.Shape())
		}
	}
	return nil
}

// boxSide is the side of a box that leaves a share of a square of side 1.
func boxSide(share float64) float64 { return math.Sqrt(1 - share) }

// span is the part of 0..n that a box takes, by its centre and its side as
// shares of n.
func span(centre, side float64, n int) (lo, hi int) {
	half := int(side*float64(n)) / 2
	at := int(centre * float64(n))
	return max(0, at-half), min(n, at+half)
}
