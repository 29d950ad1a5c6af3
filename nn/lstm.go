package nn

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// LSTMConfig describes an [LSTM].
type LSTMConfig struct {
	RecurrentConfig `yaml:",inline"`
}

// DefaultLSTM is one layer with biases that reads forwards.
func DefaultLSTM(in, hidden int) LSTMConfig { return LSTMConfig{defaultRecurrent(in, hidden)} }

// Validate tells all that is wrong.
func (cfg LSTMConfig) Validate() error { return cfg.validate(4) }

// LSTM is layers of long short-term memory over a sequence. For every step t of
// a layer
//
//	i, f, o = sigmoid(x[t] weight_ihᵀ + bias_ih + h weight_hhᵀ + bias_hh),  g the same with tanh
//	c = f*c + i*g,  h = o * tanh(c)
//
// x [B T In], outputs [B T Hidden], the h of the last layer after every step.
// With two directions, outputs [B T 2*Hidden] hold both, and the next layer
// reads both. For shapes of parameters see [RecurrentWeights]; gates lie in the
// order i f g o.
//
// Source: torch.nn.LSTM with batch_first; without proj_size and without
// sequences that have no batch.
type LSTM struct {
	Config LSTMConfig `param:"-"`
	RecurrentWeights
	err error
}

// Build makes the layer.
func (cfg LSTMConfig) Build() *LSTM {
	l := &LSTM{Config: cfg, err: cfg.Validate()}
	if l.err == nil {
		l.RecurrentWeights = newRecurrentWeights(cfg.RecurrentConfig, 4)
	}
	return l
}

// NewLSTM is DefaultLSTM(in, hidden).Build().
func NewLSTM(in, hidden int) *LSTM { return DefaultLSTM(in, hidden).Build() }

// Forward gives the outputs of x, from states of 0.
func (l *LSTM) Forward(c *Ctx, x *ir.Value) *ir.Value { return l.Outputs(c, x, nil) }

// Outputs gives those of x, from states of 0. Lengths are as those of
// [LSTM.Unroll], or nil.
func (l *LSTM) Outputs(c *Ctx, x, lengths *ir.Value) *ir.Value {
	defer c.Enter(l)()
	y, _ := l.unroll(c, x, []*ir.Value{nil, nil}, lengths)
	return y
}

// Unroll gives the outputs of x and the last states. The first states and the
// last are [layers*directions B Hidden], layer by layer, forwards before
// backwards; nil stands for zeros. With lengths [B], of an integer type or nil,
// sample b has steps 0 to lengths[b]-1 alone, which either direction goes
// through; outputs beyond are 0.
func (l *LSTM) Unroll(c *Ctx, x, h0, c0, lengths *ir.Value) (y, h, cell *ir.Value) {
	defer c.Enter(l)()
	y, last := l.unroll(c, x, []*ir.Value{h0, c0}, lengths)
	return y, join(last[0]), join(last[1])
}

func (l *LSTM) unroll(c *Ctx, x *ir.Value, states []*ir.Value, lengths *ir.Value) (*ir.Value, [][]*ir.Value) {
	return l.Config.unroll(c, "lstm", l.err, &l.RecurrentWeights, x, states, lengths,
		func(x, weight, biasIH, biasHH *ir.Value, s []*ir.Value, lengths *ir.Value, reverse bool) (*ir.Value, []*ir.Value) {
			y, h, cell := ops.LSTM(x, weight, bothBiases(x, biasIH, biasHH, x.Dim(-1)), s[0], s[1], lengths, ops.LSTMOp{Reverse: reverse})
			return y, []*ir.Value{h, cell}
		})
}
