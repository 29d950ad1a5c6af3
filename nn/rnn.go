package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A Nonlinearity is the function of a simple recurrent layer.
type Nonlinearity string

// The nonlinearities.
const (
	TanhNonlinearity Nonlinearity = "tanh"
	ReLUNonlinearity Nonlinearity = "relu"
)

// Values lists the nonlinearities.
func (Nonlinearity) Values() []string {
	return []string{string(TanhNonlinearity), string(ReLUNonlinearity)}
}

func (f Nonlinearity) validate() error {
	if f != TanhNonlinearity && f != ReLUNonlinearity {
		return fmt.Errorf("there is no nonlinearity %q; there are %s and %s", string(f), TanhNonlinearity, ReLUNonlinearity)
	}
	return nil
}

// RNNConfig describes an [RNN].
type RNNConfig struct {
	RecurrentConfig `yaml:",inline"`
	Nonlinearity    Nonlinearity `json:"nonlinearity" yaml:"nonlinearity"`
}

// DefaultRNN is one layer with biases and tanh that reads forwards.
func DefaultRNN(in, hidden int) RNNConfig {
	return RNNConfig{defaultRecurrent(in, hidden), TanhNonlinearity}
}

// Validate tells all that is wrong.
func (cfg RNNConfig) Validate() error {
	return errors.Join(cfg.RecurrentConfig.Validate(), cfg.Nonlinearity.validate())
}

// RNN is layers of the simple recurrent network over a sequence. For every step
// t of a layer
//
//	h = tanh(x[t] weight_ihᵀ + bias_ih + h weight_hhᵀ + bias_hh)
//
// or with ReLU in place of tanh. x [B T In], outputs [B T Hidden], the h of the
// last layer after every step. With two directions, outputs [B T 2*Hidden] hold
// both, and the next layer reads both. For shapes of parameters see
// [RecurrentWeights].
//
// Source: torch.nn.RNN with batch_first; without sequences that have no batch.
type RNN struct {
	Config RNNConfig `param:"-"`
	RecurrentWeights
	err error
}

// Build makes the layer.
func (cfg RNNConfig) Build() *RNN {
	l := &RNN{Config: cfg, err: cfg.Validate()}
	if l.err == nil {
		l.RecurrentWeights = newRecurrentWeights(cfg.RecurrentConfig, 1, cfg.Hidden)
	}
	return l
}

// NewRNN is DefaultRNN(in, hidden).Build().
func NewRNN(in, hidden int) *RNN { return DefaultRNN(in, hidden).Build() }

// Forward gives the outputs of x, from a state of 0.
func (l *RNN) Forward(c *Ctx, x *ir.Value) *ir.Value { return l.Outputs(c, x, nil) }

// Outputs gives those of x, from a state of 0. Lengths are as those of
// [LSTM.Unroll], or nil.
func (l *RNN) Outputs(c *Ctx, x, lengths *ir.Value) *ir.Value {
	defer c.Enter(l)()
	y, _ := l.unroll(c, x, []*ir.Value{nil}, lengths)
	return y
}

// Unroll gives the outputs of x and the last state. States and lengths are as
// those of [LSTM.Unroll].
func (l *RNN) Unroll(c *Ctx, x, h0, lengths *ir.Value) (y, h *ir.Value) {
	defer c.Enter(l)()
	y, last := l.unroll(c, x, []*ir.Value{h0}, lengths)
	return y, join(last[0])
}

func (l *RNN) unroll(c *Ctx, x *ir.Value, states []*ir.Value, lengths *ir.Value) (*ir.Value, [][]*ir.Value) {
	op := ops.RNNOp{ReLU: l.Config.Nonlinearity == ReLUNonlinearity}
	return l.Config.unroll(c, "rnn", l.err, &l.RecurrentWeights, x, states, []int{l.Config.Hidden}, lengths,
		func(x *ir.Value, w recurrentValues, s []*ir.Value, lengths *ir.Value, reverse bool) (*ir.Value, []*ir.Value) {
			op.Reverse = reverse
			y, h := ops.RNN(x, w.hh, bothBiases(x, w.biasIH, w.biasHH, x.Dim(-1)), s[0], lengths, op)
			return y, []*ir.Value{h}
		})
}
