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
	// MaxNorm is the largest length of a vector: a longer one becomes as short as
	// that when it is looked up, in training mode for good. nil is no limit.
	MaxNorm *float64 `json:"max_norm" yaml:"max_norm"`
	// ScaleGradByFreq divides the gradient of a vector by how often it was looked
	// up in the batch.
	ScaleGradByFreq bool `json:"scale_grad_by_freq" yaml:"scale_grad_by_freq"`
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
	if m := cfg.MaxNorm; m != nil && !(*m > 0) {
		errs = append(errs, fmt.Errorf("max norm must be above 0, got %v", *m))
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
	weight := c.Param(l.Weight)
	if l.Config.MaxNorm != nil {
		weight = l.shorten(c, weight, idx)
	}
	y := ops.Take(weight, idx, 0)
	if l.Config.ScaleGradByFreq && c.Training() {
		flat := ops.Reshape(idx, idx.Shape().Size())
		ones := ops.Full(c.Graph(), weight.DType(), flat.Shape(), 1)
		counts := ops.IndexAdd(ops.Full(c.Graph(), weight.DType(), shape.Of(l.Config.Count), 0), flat, ones, 0)
		share := ops.Div(ops.OnesLike(y), ops.BroadcastInDim(ops.Take(counts, idx, 0), y.Shape(), axesOf(idx)...))
		fixed := ops.StopGradient(y)
		y = ops.Add(fixed, ops.Mul(ops.Sub(y, fixed), share))
	}
	if l.Config.PaddingIdx == nil {
		return y
	}
	// The vectors of padding are looked up like others, but send no gradient back.
	padding := ops.Eq(idx, ops.FullInt(c.Graph(), dtype.Int64, shape.Shape{}, int64(*l.Config.PaddingIdx)))
	return ops.Select(ops.Broadcast(ops.Unsqueeze(padding, -1), y.Shape()), ops.StopGradient(y), y)
}

// shorten makes the vectors of indices no longer than MaxNorm, as PyTorch does: by
// MaxNorm/(length + 1e-7), without a gradient.
func (l *Embedding) shorten(c *Ctx, weight, idx *ir.Value) *ir.Value {
	flat := ops.Reshape(idx, idx.Shape().Size())
	rows := ops.StopGradient(ops.Take(weight, flat, 0))
	length := ops.Sqrt(ops.Sum(ops.Mul(rows, rows), 1))
	limit := ops.Scalar(length, *l.Config.MaxNorm)
	scale := ops.Div(limit, ops.Add(length, ops.Scalar(length, 1e-7)))
	scale = ops.Select(ops.Gt(length, limit), scale, ops.OnesLike(length))
	short := ops.IndexCopy(ops.StopGradient(weight), flat, ops.Mul(rows, ops.BroadcastInDim(scale, rows.Shape(), 0)), 0)
	if c.Training() {
		c.SetParam(l.Weight, short)
		return c.Param(l.Weight)
	}
	return short
}

func axesOf(v *ir.Value) []int {
	axes := make([]int, v.Rank())
	for a := range axes {
		axes[a] = a
	}
	return axes
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
