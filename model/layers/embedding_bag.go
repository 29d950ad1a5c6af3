package layers

import (
	"errors"
	"math"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/nn"
)

func embeddingBagKinds() []config.Kind {
	return []config.Kind{
		{Name: "embedding_bag", Default: EmbeddingBag{Mode: nn.MeanBag}},
	}
}

// EmbeddingBag looks the vectors of whole numbers [B L] up and makes one of those
// of each example: [B Width].
type EmbeddingBag struct {
	Named      `yaml:",inline"`
	Count      *int       `json:"count" yaml:"count"`             // vectors; null takes as many as the data have numbers
	Width      int        `json:"width" yaml:"width"`             // of a vector
	Mode       nn.BagMode `json:"mode" yaml:"mode"`               // what becomes of the vectors
	PaddingIdx *int       `json:"padding_idx" yaml:"padding_idx"` // number that counts for nothing; null takes that of the data, if they have one
	Initial    `yaml:",inline"`
}

func (cfg EmbeddingBag) embedding() Embedding {
	return Embedding{Count: cfg.Count, Width: cfg.Width, PaddingIdx: cfg.PaddingIdx}
}

// Validate tells all that is wrong.
func (cfg EmbeddingBag) Validate() error {
	mode := nn.EmbeddingBagConfig{Count: math.MaxInt32, Width: 1, Mode: cfg.Mode}
	return errors.Join(cfg.embedding().Validate(), mode.Validate())
}

// Build makes the layer.
func (cfg EmbeddingBag) Build(x Operand) (Module, error) {
	if !x.Type.DType.IsInt() || x.Rank() != 2 {
		return nil, x.not("whole numbers such as tokens [B L]")
	}
	c, err := cfg.embedding().config(x)
	if err != nil {
		return nil, err
	}
	return losing(nn.EmbeddingBagConfig{Count: c.Count, Width: c.Width, Mode: cfg.Mode, PaddingIdx: c.PaddingIdx}.Build())
}
