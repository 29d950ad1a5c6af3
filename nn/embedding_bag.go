package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A BagMode says how the vectors of a bag become one.
type BagMode string

// The modes.
const (
	MeanBag BagMode = "mean"
	SumBag  BagMode = "sum"
	MaxBag  BagMode = "max"
)

// Values lists the modes.
func (BagMode) Values() []string { return []string{string(MeanBag), string(SumBag), string(MaxBag)} }

func (m BagMode) op() (ops.BagFunc, error) {
	switch m {
	case MeanBag:
		return ops.MeanBag, nil
	case SumBag:
		return ops.SumBag, nil
	case MaxBag:
		return ops.MaxBag, nil
	}
	return 0, fmt.Errorf("there is no mode %q of a bag; there are mean, sum and max", string(m))
}

// EmbeddingBagConfig describes an [EmbeddingBag].
type EmbeddingBagConfig struct {
	Count      int     `json:"count" yaml:"count"`             // vectors
	Width      int     `json:"width" yaml:"width"`             // of each
	Mode       BagMode `json:"mode" yaml:"mode"`               // what becomes of a bag
	PaddingIdx *int    `json:"padding_idx" yaml:"padding_idx"` // an index that counts for nothing, and whose vector is 0 at first
}

// DefaultEmbeddingBag takes the mean, without a padding index.
func DefaultEmbeddingBag(count, width int) EmbeddingBagConfig {
	return EmbeddingBagConfig{Count: count, Width: width, Mode: MeanBag}
}

// Validate tells all that is wrong.
func (cfg EmbeddingBagConfig) Validate() error {
	_, err := cfg.Mode.op()
	return errors.Join(EmbeddingConfig{Count: cfg.Count, Width: cfg.Width, PaddingIdx: cfg.PaddingIdx}.Validate(), err)
}

// EmbeddingBag looks the vectors of each bag of indices up and makes one of them:
// x [B L] of an integer type, y [B Width], weight [Count Width] from N(0, 1). A
// bag of nothing but padding gives 0. See [ops.EmbeddingBag].
//
// Source: torch.nn.EmbeddingBag, which also takes bags of several lengths one
// behind the other; here those are Flat.
type EmbeddingBag struct {
	Config EmbeddingBagConfig `param:"-"`
	Weight *Param
	err    error
}

// Build makes the layer.
func (cfg EmbeddingBagConfig) Build() *EmbeddingBag {
	l := &EmbeddingBag{Config: cfg, err: cfg.Validate()}
	if l.err == nil {
		l.Weight = newParam(EmbeddingConfig{PaddingIdx: cfg.PaddingIdx}.init, cfg.Count, cfg.Width)
	}
	return l
}

// NewEmbeddingBag is DefaultEmbeddingBag(count, width).Build().
func NewEmbeddingBag(count, width int) *EmbeddingBag {
	return DefaultEmbeddingBag(count, width).Build()
}

// Forward makes a vector of each row of x [B L].
func (l *EmbeddingBag) Forward(c *Ctx, x *ir.Value) *ir.Value { return l.Flat(c, x, nil, nil) }

// Flat makes a vector of each bag of x [N], of which offsets [B] tells where it
// begins; or of each row of x [B L], with offsets nil. Scale, of the shape of x,
// multiplies the vectors of a sum; nil for none.
func (l *EmbeddingBag) Flat(c *Ctx, x, offsets, scale *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	f, _ := l.Config.Mode.op()
	if l.err != nil {
		return refuse(c, "embedding_bag", l.err, x)
	}
	return ops.EmbeddingBag(c.Param(l.Weight), x, offsets, scale, f, l.Config.PaddingIdx)
}
