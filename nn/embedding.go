package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// EmbeddingConfig describes an [Embedding].
type EmbeddingConfig struct {
	Count int `json:"count" yaml:"count"` // vectors
	Width int `json:"width" yaml:"width"` // of each
	// PaddingIdx is an index whose vector is 0 at first and gets no gradient.
	PaddingIdx *int `json:"padding_idx" yaml:"padding_idx"`
}

// DefaultEmbedding is without a padding index.
func DefaultEmbedding(count, width int) EmbeddingConfig {
	return EmbeddingConfig{Count: count, Width: width}
}

// Validate tells all that is wrong.
func (cfg EmbeddingConfig) Validate() error {
	errs := []error{positive("count", cfg.Count, "width", cfg.Width)}
	if errs[0] == nil {
		errs = append(errs, fits(cfg.Count, cfg.Width))
	}
	if p := cfg.PaddingIdx; p != nil && (*p < 0 || *p >= cfg.Count) {
		errs = append(errs, fmt.Errorf("padding index %d is outside 0..%d", *p, cfg.Count-1))
	}
	return errors.Join(errs...)
}

// Embedding looks vectors up:
//
//	y[..., d] = weight[x[...], d]
//
// x [...] of an integer type, y [... Width], weight [Count Width] from N(0, 1).
// An index outside 0..Count-1 gives NaN.
//
// Source: torch.nn.Embedding, which refuses such an index.
type Embedding struct {
	Config EmbeddingConfig `param:"-"`
	Weight *Param
	err    error
}

// Build makes the layer.
func (cfg EmbeddingConfig) Build() *Embedding {
	l := &Embedding{Config: cfg, err: cfg.Validate()}
	if l.err == nil {
		l.Weight = newParam(cfg.init, cfg.Count, cfg.Width)
	}
	return l
}

// NewEmbedding is DefaultEmbedding(count, width).Build().
func NewEmbedding(count, width int) *Embedding { return DefaultEmbedding(count, width).Build() }

func (cfg EmbeddingConfig) init(r *rng.Stream, t *tensor.Tensor) {
	fillNormal(r, t, 0, 1)
	if p := cfg.PaddingIdx; p != nil {
		clear(t.Rows(*p, *p+1).Bytes())
	}
}

// Forward looks up the vectors of the indices x.
func (l *Embedding) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	if l.err != nil {
		return refuse(c, "embedding", l.err, x)
	}
	if !x.DType().IsInt() {
		return refuse(c, "embedding", errors.New("wants indices of an integer type"), x)
	}
	idx := ops.Cast(x, dtype.Int64)
	y := ops.Take(c.Param(l.Weight), idx, 0)
	if l.Config.PaddingIdx == nil {
		return y
	}
	// The vectors of padding are looked up like others, but send no gradient back.
	padding := ops.Eq(idx, ops.FullInt(c.Graph(), dtype.Int64, shape.Shape{}, int64(*l.Config.PaddingIdx)))
	return ops.Select(ops.Broadcast(ops.Unsqueeze(padding, -1), y.Shape()), ops.StopGradient(y), y)
}

// Logits goes the other way, with the same weights: the product of x [... Width]
// with all vectors, [... Count].
//
// Source: Press, Wolf, "Using the output embedding to improve language models"
// (2016); keras.layers.ReversibleEmbedding (3.15) with tied weights.
func (l *Embedding) Logits(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if l.err != nil {
		return refuse(c, "embedding", l.err, x)
	}
	return ops.Linear(x, c.Param(l.Weight), nil)
}
