// Package lstmclassifier puts texts in classes by recurrent layers: long
// short-term memory or gated recurrent units.
//
// Source: Hochreiter and Schmidhuber, "Long short-term memory" (1997); Cho and
// others, "Learning phrase representations using RNN encoder-decoder" (2014) for
// gated units.
package lstmclassifier

import (
	"math"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

// A Pool is a way to make one vector of the states of a text.
type Pool string

// The ways.
const (
	Last Pool = "last" // the state behind the last token; backwards, behind the first
	Mean Pool = "mean"
	Max  Pool = "max"
)

// Values lists the ways.
func (Pool) Values() []string { return []string{string(Last), string(Mean), string(Max)} }

// Config describes a [Model].
type Config struct {
	Vocabulary    int        `json:"vocabulary" yaml:"vocabulary"`
	Width         int        `json:"width" yaml:"width"` // of a token's vector
	Cell          block.Cell `json:"cell" yaml:"cell"`
	Hidden        int        `json:"hidden" yaml:"hidden"`               // units of a layer
	Layers        int        `json:"layers" yaml:"layers"`               // one above the other
	Bidirectional bool       `json:"bidirectional" yaml:"bidirectional"` // a second set of units reads backwards
	Pool          Pool       `json:"pool" yaml:"pool"`                   // makes one vector of a text
	Dropout       float64    `json:"dropout" yaml:"dropout"`             // probability, between layers and before the linear layer
	PaddingIdx    *int       `json:"padding_idx" yaml:"padding_idx"`     // number that stands for no token; null if there is none
	Classes       int        `json:"classes" yaml:"classes"`
}

// Default is one layer of 128 units of long short-term memory that read both ways.
func Default(vocabulary, classes int) Config {
	return Config{
		Vocabulary: vocabulary, Width: 128, Cell: block.LSTM, Hidden: 128, Layers: 1, Bidirectional: true, Pool: Last, Dropout: 0.5, Classes: classes,
	}
}

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	p := block.Problems{Family: "lstm_classifier"}
	p.Embedding(cfg.Vocabulary, cfg.Width, cfg.PaddingIdx)
	p.Cell(cfg.Cell)
	p.Within("hidden", cfg.Hidden, 1<<16)
	p.Within("layers", cfg.Layers, block.MaxBlocks)
	if all := cfg.Pool.Values(); !slices.Contains(all, string(cfg.Pool)) {
		p.Add("pool: there is no %q; there are %s", string(cfg.Pool), strings.Join(all, ", "))
	}
	p.Probability("dropout", cfg.Dropout)
	p.Within("classes", cfg.Classes, block.MaxChannels)
	return p.Join()
}

func (cfg Config) recurrent() nn.RecurrentConfig {
	return nn.RecurrentConfig{
		In: cfg.Width, Hidden: cfg.Hidden, Layers: cfg.Layers, Bias: true, Bidirectional: cfg.Bidirectional, Dropout: cfg.Dropout,
	}
}

func (cfg Config) directions() int {
	if cfg.Bidirectional {
		return 2
	}
	return 1
}

// Model is an embedding, recurrent layers, a vector of their states, and a linear
// layer with dropout before it. Padding is left out: a text gives the same in a
// batch of any length, and one of padding alone gives 0 before fc. Padding between
// tokens is read by the layers, and counts in no mean or maximum.
//
// Its keys are embedding.weight, rnn.weight_ih_l0, fc.weight and so on, those of
// PyTorch's layers; initial values are theirs too.
type Model struct {
	Config    Config `param:"-"`
	Embedding *nn.Embedding
	RNN       block.Recurrent `param:"rnn"`
	Dropout   *nn.Dropout
	FC        *nn.Linear
}

// New makes a model.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Model{
		Config:    cfg,
		Embedding: nn.EmbeddingConfig{Count: cfg.Vocabulary, Width: cfg.Width, PaddingIdx: cfg.PaddingIdx}.Build(),
		RNN:       cfg.Cell.Build(cfg.recurrent()),
		Dropout:   nn.NewDropout(cfg.Dropout),
		FC:        nn.NewLinear(cfg.directions()*cfg.Hidden, cfg.Classes),
	}, nil
}

// Forward gives the logits [B Classes] of tokens [B T], of an integer type.
func (m *Model) Forward(c *nn.Ctx, tokens *ir.Value) *ir.Value {
	defer c.Enter(m)()
	x := m.Embedding.Forward(c, tokens)
	if c.Graph().Err() == nil && x.Rank() != 3 {
		c.Graph().Fail("lstm_classifier", "wants tokens [B T]", []*ir.Value{tokens})
	}
	if c.Graph().Err() != nil {
		return x
	}
	shown := block.Shown(tokens, m.Config.PaddingIdx)
	var lengths *ir.Value
	if shown != nil {
		lengths = block.Ends(shown)
	}
	var y *ir.Value
	if m.Config.Pool == Last {
		y = m.last(c, x, lengths)
	} else {
		y = pool(m.RNN.Outputs(c, x, lengths), shown, m.Config.Pool)
	}
	return m.FC.Forward(c, m.Dropout.Forward(c, y))
}

// last is the last state of the last layer, forwards then backwards.
func (m *Model) last(c *nn.Ctx, x, lengths *ir.Value) *ir.Value {
	_, states := block.Unroll(c, m.RNN, x, nil, lengths)
	if c.Graph().Err() != nil {
		return x
	}
	d := m.Config.directions()
	h := states[0] // [layers*directions B Hidden]
	h = ops.Narrow(h, 0, h.Dim(0)-d, d)
	return ops.Reshape(ops.Transpose(h, 1, 0, 2), x.Dim(0), d*m.Config.Hidden)
}

// pool is the mean or maximum of y [B T D] where it is shown, [B D]; 0 where
// nothing is.
func pool(y, shown *ir.Value, by Pool) *ir.Value {
	switch {
	case shown == nil && by == Mean:
		return ops.Mean(y, 1)
	case shown == nil:
		return ops.Amax(y, 1)
	}
	wide := ops.Broadcast(ops.Unsqueeze(shown, 2), y.Shape())
	count := ops.Unsqueeze(ops.Sum(ops.Cast(shown, dtype.Int64), 1), 1) // [B 1]
	if by == Mean {
		n := ops.Cast(count, y.DType())
		return ops.Div(ops.Sum(ops.Select(wide, y, ops.ZerosLike(y)), 1), ops.Maximum(n, ops.Scalar(n, 1)))
	}
	most := ops.Amax(ops.Select(wide, y, ops.Full(y.Graph(), y.DType(), y.Shape(), math.Inf(-1))), 1)
	some := ops.Broadcast(ops.Ne(count, ops.ZerosLike(count)), most.Shape())
	return ops.Select(some, most, ops.ZerosLike(most))
}
