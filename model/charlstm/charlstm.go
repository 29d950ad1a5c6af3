// Package charlstm is a language model over characters: an embedding, layers of
// long short-term memory and a linear layer.
//
// Source: Karpathy, "The unreasonable effectiveness of recurrent neural
// networks" (2015), with an embedding in place of one-hot vectors.
package charlstm

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/nn"
)

// Config describes a [Model].
type Config struct {
	Vocabulary int     `json:"vocabulary" yaml:"vocabulary"` // characters
	Width      int     `json:"width" yaml:"width"`           // of a character's vector
	Hidden     int     `json:"hidden" yaml:"hidden"`         // units of a layer
	Layers     int     `json:"layers" yaml:"layers"`
	Dropout    float64 `json:"dropout" yaml:"dropout"` // probability, between layers
}

// ASCII is two layers of 256 units over 128 characters.
func ASCII() Config { return Config{Vocabulary: 128, Width: 128, Hidden: 256, Layers: 2} }

func (cfg Config) lstm() nn.LSTMConfig {
	l := nn.DefaultLSTM(cfg.Width, cfg.Hidden)
	l.Layers, l.Dropout = cfg.Layers, cfg.Dropout
	return l
}

// maxLayers is more than any model has; a config may come from elsewhere.
const maxLayers = 1000

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	var errs []error
	for _, part := range []struct {
		name string
		err  error
	}{
		{"embedding", nn.DefaultEmbedding(cfg.Vocabulary, cfg.Width).Validate()},
		{"lstm", cfg.lstm().Validate()},
		{"head", nn.DefaultLinear(cfg.Hidden, cfg.Vocabulary).Validate()},
	} {
		if part.err != nil {
			errs = append(errs, fmt.Errorf("charlstm: %s: %w", part.name, part.err))
		}
	}
	if cfg.Layers > maxLayers {
		errs = append(errs, fmt.Errorf("charlstm: lstm: layers must be at most %d, got %d", maxLayers, cfg.Layers))
	}
	return errors.Join(errs...)
}

// Model is embedding, lstm, head.
type Model struct {
	Config    Config `param:"-"`
	Embedding *nn.Embedding
	LSTM      *nn.LSTM
	Head      *nn.Linear
}

// New makes a model.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Model{
		Config:    cfg,
		Embedding: nn.NewEmbedding(cfg.Vocabulary, cfg.Width),
		LSTM:      cfg.lstm().Build(),
		Head:      nn.NewLinear(cfg.Hidden, cfg.Vocabulary),
	}, nil
}

// Forward gives for characters x [B T], of an integer type, the logits
// [B T Vocabulary] of the next one, from states of 0.
func (m *Model) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return m.Head.Forward(c, m.LSTM.Forward(c, m.Embedding.Forward(c, x)))
}

// Unroll is Forward from the states that an earlier part of the text left; it
// gives the last states too, all [Layers B Hidden]; nil stands for zeros.
func (m *Model) Unroll(c *nn.Ctx, x, h0, c0 *ir.Value) (logits, h, cell *ir.Value) {
	defer c.Enter(m)()
	y, h, cell := m.LSTM.Unroll(c, m.Embedding.Forward(c, x), h0, c0, nil)
	return m.Head.Forward(c, y), h, cell
}
