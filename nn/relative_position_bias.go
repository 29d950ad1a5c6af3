package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// RelativePositionConfig describes a [RelativePositionBias].
type RelativePositionConfig struct {
	Buckets       int  `json:"buckets" yaml:"buckets"`             // of distances
	MaxDistance   int  `json:"max_distance" yaml:"max_distance"`   // from which on all are in the last bucket
	Bidirectional bool `json:"bidirectional" yaml:"bidirectional"` // half of the buckets are for keys behind the query, which else are in bucket 0
}

// DefaultRelativePosition has T5's 32 buckets up to distance 128, for both
// directions.
func DefaultRelativePosition() RelativePositionConfig {
	return RelativePositionConfig{Buckets: 32, MaxDistance: 128, Bidirectional: true}
}

// Validate tells all that is wrong.
func (cfg RelativePositionConfig) Validate() error {
	least := 2
	if cfg.Bidirectional {
		least = 4
	}
	if cfg.Buckets < least || cfg.Buckets%least != 0 {
		return fmt.Errorf("buckets must be a multiple of %d, got %d", least, cfg.Buckets)
	}
	if exact := cfg.oneWay() / 2; cfg.MaxDistance <= exact {
		return fmt.Errorf("max_distance must be above %d, up to which each distance has a bucket, got %d", exact, cfg.MaxDistance)
	}
	return nil
}

// oneWay is the number of buckets of one direction.
func (cfg RelativePositionConfig) oneWay() int {
	if cfg.Bidirectional {
		return cfg.Buckets / 2
	}
	return cfg.Buckets
}

// Build makes the bias for a number of heads.
func (cfg RelativePositionConfig) Build(heads int) *RelativePositionBias {
	l := &RelativePositionBias{Config: cfg, err: errors.Join(cfg.Validate(), positive("heads", heads))}
	if l.err == nil {
		l.RelativeAttentionBias = NewEmbedding(cfg.Buckets, heads)
	}
	return l
}

// RelativePositionBias adds a number that is trained to the score of a query and a
// key, by the head and by the distance between them:
//
//	score[h, t, s] = score[h, t, s] + weight[bucket(s - t), h]
//
// Parameter: relative_attention_bias.weight [Buckets Heads]. With n buckets for a
// direction, distances below n/2 have a bucket each; those above share the others,
// in steps that grow in proportion, up to MaxDistance:
//
//	bucket(d) = n/2 + floor(log(d/(n/2)) / log(MaxDistance/(n/2)) n/2), at most n-1
//
// Both directions have buckets of their own if Bidirectional, first those of keys
// before the query; else keys behind it have that of distance 0.
//
// Source: Raffel and others, "Exploring the limits of transfer learning with a
// unified text-to-text transformer" (2020); T5 of Hugging Face Transformers 5.24,
// whose logarithm in float32 is followed.
type RelativePositionBias struct {
	Config                RelativePositionConfig `param:"-"`
	RelativeAttentionBias *Embedding
	err                   error
}

// Bias is what is added to the scores of queries at places 0 to queries-1 and keys
// at places 0 to keys-1: [1 Heads queries keys].
func (l *RelativePositionBias) Bias(c *Ctx, queries, keys int) *ir.Value {
	defer c.Enter(l)()
	g := c.Graph()
	if l.err != nil {
		g.Fail("relative_position_bias", l.err.Error(), nil)
	}
	if g.Err() != nil {
		return g.Poison(dtype.Float32)
	}
	// One row of the table for each distance -(queries-1) to keys-1, which the
	// pairs then take.
	number := func(n int) *ir.Value { return ops.FullInt(g, dtype.Int64, shape.Shape{}, int64(n)) }
	d := ops.Sub(ops.Iota(g, dtype.Int64, shape.Of(queries+keys-1), 0), number(queries-1))
	rows := l.RelativeAttentionBias.Forward(c, l.Config.buckets(d)) // [queries+keys-1 H]
	pairs := shape.Of(queries, keys)
	at := ops.Sub(ops.Add(ops.Iota(g, dtype.Int64, pairs, 1), number(queries-1)), ops.Iota(g, dtype.Int64, pairs, 0))
	return ops.Unsqueeze(ops.Transpose(ops.Take(rows, at, 0), 2, 0, 1), 0)
}

// buckets are those of distances, key less query.
func (cfg RelativePositionConfig) buckets(d *ir.Value) *ir.Value {
	g := d.Graph()
	number := func(n int) *ir.Value { return ops.FullInt(g, dtype.Int64, shape.Shape{}, int64(n)) }
	far := ops.Maximum(ops.Neg(d), number(0))
	if cfg.Bidirectional {
		far = ops.Abs(d)
	}
	exact := cfg.oneWay() / 2
	bucket := ops.Minimum(far, number(exact))
	for _, first := range cfg.firsts() {
		bucket = ops.Add(bucket, ops.Cast(ops.Ge(far, number(first)), dtype.Int64))
	}
	if cfg.Bidirectional {
		behind := ops.Cast(ops.Gt(d, number(0)), dtype.Int64)
		bucket = ops.Add(bucket, ops.Mul(behind, number(cfg.oneWay())))
	}
	return bucket
}

// firsts are the first distances of the buckets that are shared, but of the first
// of them.
func (cfg RelativePositionConfig) firsts() (list []int) {
	exact := cfg.oneWay() / 2
	step := float32(math.Log(float64(cfg.MaxDistance) / float64(exact)))
	for d := exact; len(list) < cfg.oneWay()-exact-1; d++ {
		v := float32(math.Log(float64(float32(d)/float32(exact)))) / step * float32(cfg.oneWay()-exact)
		for len(list)+1 <= int(v) && len(list) < cfg.oneWay()-exact-1 {
			list = append(list, d)
		}
	}
	return list
}
