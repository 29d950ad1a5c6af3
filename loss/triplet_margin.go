package loss

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// TripletMarginConfig describes a loss of the distances in three vectors.
type TripletMarginConfig struct {
	Margin    float64   `json:"margin" yaml:"margin"` // by which the negative should be further from the anchor, above 0
	P         float64   `json:"p" yaml:"p"`           // of the norm that is the distance
	Eps       float64   `json:"eps" yaml:"eps"`       // added to each difference
	Swap      bool      `json:"swap" yaml:"swap"`     // the negative's distance is that to the nearer of anchor and positive
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultTripletMargin takes the mean, with a margin of 1 and the Euclidean norm.
func DefaultTripletMargin() TripletMarginConfig {
	return TripletMarginConfig{Margin: 1, P: 2, Eps: 1e-6}
}

// TripletMargin is the mean loss of triplets:
// DefaultTripletMargin().Apply(anchor, positive, negative).
func TripletMargin(anchor, positive, negative *ir.Value) *ir.Value {
	return DefaultTripletMargin().Apply(anchor, positive, negative)
}

// Apply gives, for each three vectors a, p and n,
//
//	loss = max(0, d(a,p) - d(a,n) + Margin)
//	d(x,y) = (sum over i of |x[i] - y[i] + Eps|^P)^(1/P)
//
// reduced; with Swap, d(p,n) stands for d(a,n) where it is smaller. All are
// [B D] or [B ... D] of one type; without reduction the result has no last axis.
//
// Source: torch.nn.functional.triplet_margin_loss; Balntas and others, "Learning
// local feature descriptors with triplets and shallow convolutional neural
// networks" (2016).
func (cfg TripletMarginConfig) Apply(anchor, positive, negative *ir.Value) *ir.Value {
	return cfg.Reduction.apply("triplet_margin", cfg.each(anchor, positive, negative))
}

// Terms takes the vectors from one output, stacked on axis 1: [B 3 D], anchor,
// positive, negative. It is the sum over all triplets, and their number. The
// target is not read, and may be nil.
func (cfg TripletMarginConfig) Terms(output, _, weight *ir.Value) Terms {
	v := unstack("triplet_margin", output, 3)
	return elementTerms("triplet_margin", cfg.each(v[0], v[1], v[2]), weight)
}

func (cfg TripletMarginConfig) each(anchor, positive, negative *ir.Value) *ir.Value {
	anchor, positive, negative = wide(anchor), wide(positive), wide(negative)
	if !valid("triplet_margin", cfg, anchor, positive, negative) {
		return anchor
	}
	distance := func(x, y *ir.Value) *ir.Value {
		d := ops.Sub(x, y)
		return ops.VectorNorm(ops.Add(d, ops.Scalar(d, cfg.Eps)), cfg.P, -1)
	}
	return triplets("triplet_margin", distance, cfg.Margin, cfg.Swap, anchor, positive, negative)
}

// triplets is the loss of each triplet by a distance.
func triplets(name string, distance func(x, y *ir.Value) *ir.Value, margin float64, swap bool, anchor, positive, negative *ir.Value) *ir.Value {
	if !alike(name, anchor, positive) || !alike(name, anchor, negative) {
		return anchor
	}
	if err := checkVectors(anchor); err != nil {
		return fail(name, err.Error(), anchor, positive, negative)
	}
	near, far := distance(anchor, positive), distance(anchor, negative)
	if swap {
		far = ops.Minimum(far, distance(positive, negative))
	}
	return hinge(ops.Add(ops.Sub(near, far), ops.Scalar(near, margin)))
}

// Target is Nothing.
func (TripletMarginConfig) Target() Target { return Nothing }

// Validate tells all that is wrong.
func (cfg TripletMarginConfig) Validate() error {
	var err error
	if !(cfg.P >= 1) {
		err = fmt.Errorf("loss: p is %v, want a number from 1 up", cfg.P)
	}
	return errors.Join(positive("margin", cfg.Margin), err, notNegative("eps", cfg.Eps), cfg.Reduction.validate())
}
