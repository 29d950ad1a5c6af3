package loss

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A Distance says how far apart two vectors are.
type Distance uint8

// The distances between vectors x and y along the last axis.
const (
	Euclidean        Distance = iota // sqrt(sum of (x - y + 1e-6)^2)
	SquaredEuclidean                 // sum of (x - y)^2
	Manhattan                        // sum of |x - y|
	Chebyshev                        // largest |x - y|
	CosineDistance                   // 1 - the cosine of their angle
)

var distances = [...]string{
	Euclidean: "euclidean", SquaredEuclidean: "squared_euclidean", Manhattan: "manhattan", Chebyshev: "chebyshev", CosineDistance: "cosine",
}

// String is the name.
func (d Distance) String() string {
	if int(d) < len(distances) {
		return distances[d]
	}
	return fmt.Sprintf("distance(%d)", uint8(d))
}

// MarshalText writes the name.
func (d Distance) MarshalText() ([]byte, error) {
	if err := d.validate(); err != nil {
		return nil, err
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads the name.
func (d *Distance) UnmarshalText(text []byte) error {
	i := slices.Index(distances[:], string(text))
	if i < 0 {
		return fmt.Errorf("loss: no distance %q; there are %q", text, distances)
	}
	*d = Distance(i)
	return nil
}

// Values lists the distances.
func (Distance) Values() []string { return slices.Clone(distances[:]) }

func (d Distance) validate() error {
	if int(d) >= len(distances) {
		return fmt.Errorf("loss: there is no %v", d)
	}
	return nil
}

// Between is the distance between x and y [... D], without the last axis.
func (d Distance) Between(x, y *ir.Value) *ir.Value {
	diff := ops.Sub(x, y)
	switch d {
	case SquaredEuclidean:
		return ops.Sum(ops.Mul(diff, diff), -1)
	case Manhattan:
		return ops.VectorNorm(diff, 1, -1)
	case Chebyshev:
		return ops.Amax(ops.Abs(diff), -1)
	case CosineDistance:
		cos := cosine(x, y)
		return ops.Sub(ops.Scalar(cos, 1), cos)
	}
	return ops.VectorNorm(ops.Add(diff, ops.Scalar(diff, 1e-6)), 2, -1)
}

// TripletMarginWithDistanceConfig describes a loss of three vectors by a
// distance of choice.
type TripletMarginWithDistanceConfig struct {
	Distance  Distance  `json:"distance" yaml:"distance"`
	Margin    float64   `json:"margin" yaml:"margin"` // by which the negative should be further from the anchor, above 0
	Swap      bool      `json:"swap" yaml:"swap"`     // the negative's distance is that to the nearer of anchor and positive
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultTripletMarginWithDistance takes the mean, with a margin of 1 and the
// Euclidean distance.
func DefaultTripletMarginWithDistance() TripletMarginWithDistanceConfig {
	return TripletMarginWithDistanceConfig{Margin: 1}
}

// TripletMarginWithDistance is the mean loss of triplets by any distance:
// DefaultTripletMarginWithDistance().ApplyTo(distance, anchor, positive, negative).
func TripletMarginWithDistance(distance func(x, y *ir.Value) *ir.Value, anchor, positive, negative *ir.Value) *ir.Value {
	return DefaultTripletMarginWithDistance().ApplyTo(distance, anchor, positive, negative)
}

// Apply gives, for each three vectors a, p and n,
//
//	loss = max(0, d(a,p) - d(a,n) + Margin)
//
// by the config's distance d, reduced; with Swap, d(p,n) stands for d(a,n) where
// it is smaller. All are [B D] or [B ... D] of one type; without reduction the
// result has no last axis.
//
// Source: torch.nn.functional.triplet_margin_with_distance_loss.
func (cfg TripletMarginWithDistanceConfig) Apply(anchor, positive, negative *ir.Value) *ir.Value {
	return cfg.ApplyTo(cfg.Distance.Between, anchor, positive, negative)
}

// ApplyTo is Apply with a distance of the caller's, which makes [B ...] of two
// values like the anchor.
func (cfg TripletMarginWithDistanceConfig) ApplyTo(distance func(x, y *ir.Value) *ir.Value, anchor, positive, negative *ir.Value) *ir.Value {
	return cfg.Reduction.apply("triplet_margin_with_distance", cfg.each(distance, anchor, positive, negative))
}

// Terms takes the vectors from one output, stacked on axis 1: [B 3 D], anchor,
// positive, negative. It is the sum over all triplets, and their number. The
// target is not read, and may be nil.
func (cfg TripletMarginWithDistanceConfig) Terms(output, _, weight *ir.Value) Terms {
	v := unstack("triplet_margin_with_distance", output, 3)
	return elementTerms("triplet_margin_with_distance", cfg.each(cfg.Distance.Between, v[0], v[1], v[2]), weight)
}

func (cfg TripletMarginWithDistanceConfig) each(distance func(x, y *ir.Value) *ir.Value, anchor, positive, negative *ir.Value) *ir.Value {
	const name = "triplet_margin_with_distance"
	anchor, positive, negative = wide(anchor), wide(positive), wide(negative)
	if !valid(name, cfg, anchor, positive, negative) {
		return anchor
	}
	return triplets(name, distance, cfg.Margin, cfg.Swap, anchor, positive, negative)
}

// Target is Nothing.
func (TripletMarginWithDistanceConfig) Target() Target { return Nothing }

// Validate tells all that is wrong.
func (cfg TripletMarginWithDistanceConfig) Validate() error {
	return errors.Join(cfg.Distance.validate(), positive("margin", cfg.Margin), cfg.Reduction.validate())
}
