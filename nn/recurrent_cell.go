package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// CellConfig describes an [LSTMCell] or a [GRUCell].
type CellConfig struct {
	In     int  `json:"in" yaml:"in"`         // width of the operand
	Hidden int  `json:"hidden" yaml:"hidden"` // units, the width of a state
	Bias   bool `json:"bias" yaml:"bias"`     // adds biases
}

// Validate tells all that is wrong.
func (cfg CellConfig) Validate() error { return cfg.layer().validate(4) }

// layer is the layer that a cell is one step of.
func (cfg CellConfig) layer() RecurrentConfig {
	return RecurrentConfig{In: cfg.In, Hidden: cfg.Hidden, Layers: 1, Bias: cfg.Bias}
}

// CellWeights are the parameters of a recurrent cell: with G gates, WeightIH
// [G*Hidden In], WeightHH [G*Hidden Hidden], and the biases [G*Hidden], nil
// without. All are drawn from U(-1/sqrt(Hidden), 1/sqrt(Hidden)).
type CellWeights struct {
	WeightIH *Param `param:"weight_ih"`
	WeightHH *Param `param:"weight_hh"`
	BiasIH   *Param `param:"bias_ih"`
	BiasHH   *Param `param:"bias_hh"`
}

func newCellWeights(cfg CellConfig, gates int) CellWeights {
	w := newRecurrentWeights(cfg.layer(), gates, cfg.Hidden)
	of := w.of(0, false)
	return CellWeights{of.ih, of.hh, of.biasIH, of.biasHH}
}

// cellWeights are the parameters of one layer in one direction.
type cellWeights struct{ ih, hh, biasIH, biasHH, hr *Param }

// step runs one step: x [B In], states [B Hidden], nil for zeros.
func (cfg CellConfig) step(c *Ctx, name string, err error, w *CellWeights, x *ir.Value, states []*ir.Value,
	run func(x, weight, biasIH, biasHH *ir.Value, states []*ir.Value) []*ir.Value) []*ir.Value {
	if c.Graph().Err() == nil {
		if err == nil {
			err = cfg.check(x, states)
		}
		if err != nil {
			refuse(c, name, err, x)
		}
	}
	if c.Graph().Err() != nil {
		return []*ir.Value{x, x}[:len(states)]
	}
	for i, s := range states {
		if s == nil {
			states[i] = ops.Full(x.Graph(), x.DType(), shape.Of(x.Dim(0), cfg.Hidden), 0)
		}
	}
	p := ops.Unsqueeze(ops.Linear(x, c.Param(w.WeightIH), nil), 1) // [B 1 G*Hidden]
	return run(p, c.Param(w.WeightHH), optional(c, w.BiasIH), optional(c, w.BiasHH), states)
}

func (cfg CellConfig) check(x *ir.Value, states []*ir.Value) error {
	if x.Rank() != 2 || x.Dim(1) != cfg.In {
		return fmt.Errorf("wants x [B %d]", cfg.In)
	}
	want := ir.Type{DType: x.DType(), Shape: shape.Of(x.Dim(0), cfg.Hidden)}
	for _, s := range states {
		if s != nil && s.Type() != want {
			return fmt.Errorf("wants a state %v, got %v", want, s.Type())
		}
	}
	return nil
}

// LSTMCell is one step of an [LSTM] of one layer.
//
// Source: torch.nn.LSTMCell; without operands that have no batch.
type LSTMCell struct {
	Config CellConfig `param:"-"`
	CellWeights
	err error
}

// BuildLSTM makes an LSTMCell.
func (cfg CellConfig) BuildLSTM() *LSTMCell {
	l := &LSTMCell{Config: cfg, err: cfg.Validate()}
	if l.err == nil {
		l.CellWeights = newCellWeights(cfg, 4)
	}
	return l
}

// NewLSTMCell is a cell with biases.
func NewLSTMCell(in, hidden int) *LSTMCell { return CellConfig{in, hidden, true}.BuildLSTM() }

// Step gives the states after a step, of x [B In] and the states before it, both
// [B Hidden] or nil for zeros.
func (l *LSTMCell) Step(c *Ctx, x, h0, c0 *ir.Value) (h, cell *ir.Value) {
	defer c.Enter(l)()
	s := l.Config.step(c, "lstm_cell", l.err, &l.CellWeights, x, []*ir.Value{h0, c0}, func(x, weight, biasIH, biasHH *ir.Value, s []*ir.Value) []*ir.Value {
		_, h, cell := ops.LSTM(x, weight, bothBiases(x, biasIH, biasHH, x.Dim(-1)), s[0], s[1], nil, ops.LSTMOp{})
		return []*ir.Value{h, cell}
	})
	return s[0], s[1]
}

// GRUCell is one step of a [GRU] of one layer.
//
// Source: torch.nn.GRUCell; without operands that have no batch.
type GRUCell struct {
	Config CellConfig `param:"-"`
	CellWeights
	err error
}

// BuildGRU makes a GRUCell.
func (cfg CellConfig) BuildGRU() *GRUCell {
	l := &GRUCell{Config: cfg, err: cfg.Validate()}
	if l.err == nil {
		l.CellWeights = newCellWeights(cfg, 3)
	}
	return l
}

// NewGRUCell is a cell with biases.
func NewGRUCell(in, hidden int) *GRUCell { return CellConfig{in, hidden, true}.BuildGRU() }

// Step gives the state after a step, of x [B In] and the state before it,
// [B Hidden] or nil for zeros.
func (l *GRUCell) Step(c *Ctx, x, h0 *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return l.Config.step(c, "gru_cell", l.err, &l.CellWeights, x, []*ir.Value{h0}, func(x, weight, biasIH, biasHH *ir.Value, s []*ir.Value) []*ir.Value {
		_, h := ops.GRU(x, weight, gruBias(x, biasIH, biasHH), s[0], nil, ops.GRUOp{})
		return []*ir.Value{h}
	})[0]
}

// RNNCellConfig describes an [RNNCell].
type RNNCellConfig struct {
	CellConfig   `yaml:",inline"`
	Nonlinearity Nonlinearity `json:"nonlinearity" yaml:"nonlinearity"`
}

// Validate tells all that is wrong.
func (cfg RNNCellConfig) Validate() error {
	return errors.Join(cfg.CellConfig.Validate(), cfg.Nonlinearity.validate())
}

// RNNCell is one step of an [RNN] of one layer.
//
// Source: torch.nn.RNNCell; without operands that have no batch.
type RNNCell struct {
	Config RNNCellConfig `param:"-"`
	CellWeights
	err error
}

// Build makes the cell.
func (cfg RNNCellConfig) Build() *RNNCell {
	l := &RNNCell{Config: cfg, err: cfg.Validate()}
	if l.err == nil {
		l.CellWeights = newCellWeights(cfg.CellConfig, 1)
	}
	return l
}

// NewRNNCell is a cell with biases and tanh.
func NewRNNCell(in, hidden int) *RNNCell {
	return RNNCellConfig{CellConfig{in, hidden, true}, TanhNonlinearity}.Build()
}

// Step gives the state after a step, of x [B In] and the state before it,
// [B Hidden] or nil for zeros.
func (l *RNNCell) Step(c *Ctx, x, h0 *ir.Value) *ir.Value {
	defer c.Enter(l)()
	op := ops.RNNOp{ReLU: l.Config.Nonlinearity == ReLUNonlinearity}
	return l.Config.step(c, "rnn_cell", l.err, &l.CellWeights, x, []*ir.Value{h0}, func(x, weight, biasIH, biasHH *ir.Value, s []*ir.Value) []*ir.Value {
		_, h := ops.RNN(x, weight, bothBiases(x, biasIH, biasHH, x.Dim(-1)), s[0], nil, op)
		return []*ir.Value{h}
	})[0]
}
