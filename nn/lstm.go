package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// LSTMConfig describes an [LSTM].
type LSTMConfig struct {
	RecurrentConfig `yaml:",inline"`
	// ProjSize is the width of the states h and of the outputs, below Hidden:
	// what a learned projection makes of the Hidden units; 0 for none.
	ProjSize int `json:"proj_size" yaml:"proj_size"`
}

// DefaultLSTM is one layer with biases that reads forwards.
func DefaultLSTM(in, hidden int) LSTMConfig {
	return LSTMConfig{RecurrentConfig: defaultRecurrent(in, hidden)}
}

// Validate tells all that is wrong.
func (cfg LSTMConfig) Validate() error {
	err := cfg.validate(4)
	if cfg.ProjSize < 0 || cfg.ProjSize > 0 && cfg.ProjSize >= cfg.Hidden {
		err = errors.Join(err, fmt.Errorf("proj_size must be in 1..%d, below hidden, or 0 for no projection; got %d", cfg.Hidden-1, cfg.ProjSize))
	}
	return err
}

// out is the width of the outputs of a direction.
func (cfg LSTMConfig) out() int {
	if cfg.ProjSize > 0 {
		return cfg.ProjSize
	}
	return cfg.Hidden
}

// LSTM is layers of long short-term memory over a sequence. For every step t of
// a layer
//
//	i, f, o = sigmoid(x[t] weight_ihᵀ + bias_ih + h weight_hhᵀ + bias_hh),  g the same with tanh
//	c = f*c + i*g,  h = o * tanh(c)
//
// x [B T In], outputs [B T Hidden], the h of the last layer after every step.
// With two directions, outputs [B T 2*Hidden] hold both, and the next layer
// reads both. For shapes of parameters see [RecurrentWeights]; gates lie in the
// order i f g o. With ProjSize P, h = weight_hr (o * tanh(c)), and P stands in the
// place of Hidden in outputs and states h.
//
// Source: torch.nn.LSTM with batch_first; without sequences that have no batch.
// Sak, Senior, Beaufays, "Long short-term memory based recurrent neural network
// architectures" (2014) for the projection.
type LSTM struct {
	Config LSTMConfig `param:"-"`
	RecurrentWeights
	err error
}

// Build makes the layer.
func (cfg LSTMConfig) Build() *LSTM {
	l := &LSTM{Config: cfg, err: cfg.Validate()}
	if l.err == nil {
		l.RecurrentWeights = newRecurrentWeights(cfg.RecurrentConfig, 4, cfg.out())
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
// last are [layers*directions B Hidden], h with ProjSize [layers*directions B
// ProjSize], layer by layer, forwards before backwards; nil stands for zeros. With lengths [B], of an integer type or nil,
// sample b has steps 0 to lengths[b]-1 alone, which either direction goes
// through; outputs beyond are 0.
func (l *LSTM) Unroll(c *Ctx, x, h0, c0, lengths *ir.Value) (y, h, cell *ir.Value) {
	defer c.Enter(l)()
	y, last := l.unroll(c, x, []*ir.Value{h0, c0}, lengths)
	return y, join(last[0]), join(last[1])
}

func (l *LSTM) unroll(c *Ctx, x *ir.Value, states []*ir.Value, lengths *ir.Value) (*ir.Value, [][]*ir.Value) {
	zero := states[0] == nil
	return l.Config.unroll(c, "lstm", l.err, &l.RecurrentWeights, x, states, []int{l.Config.out(), l.Config.Hidden}, lengths,
		func(x *ir.Value, w recurrentValues, s []*ir.Value, lengths *ir.Value, reverse bool) (*ir.Value, []*ir.Value) {
			bias, op := bothBiases(x, w.biasIH, w.biasHH, x.Dim(-1)), ops.LSTMOp{Reverse: reverse}
			if w.hr == nil {
				y, h, cell := ops.LSTM(x, w.hh, bias, s[0], s[1], lengths, op)
				return y, []*ir.Value{h, cell}
			}
			// The op runs over m = o * tanh(c), of which h is weight_hr m: the
			// product of weight_hh with h is that of weight_hh weight_hr with m. A
			// first h is no such product; what weight_hh makes of it joins the
			// inputs of the first step.
			if !zero {
				x = ops.Add(x, atFirst(x, ops.Linear(s[0], w.hh, nil), lengths, reverse))
			}
			y, m, cell := ops.LSTM(x, ops.MatMul(w.hh, w.hr), bias, ops.ZerosLike(s[1]), s[1], lengths, op)
			h := ops.Linear(m, w.hr, nil)
			if lengths != nil && !zero { // a sequence without a step keeps its state
				some := ops.Gt(lengths, ops.FullInt(c.Graph(), dtype.Int64, shape.Shape{}, 0))
				h = ops.Select(ops.Broadcast(ops.Unsqueeze(some, 1), h.Shape()), h, s[0])
			}
			return ops.Linear(y, w.hr, nil), []*ir.Value{h, cell}
		})
}

// atFirst is v [B 4D] at the first step of a direction of x [B T 4D], else 0.
func atFirst(x, v, lengths *ir.Value, reverse bool) *ir.Value {
	g, steps := x.Graph(), shape.Of(x.Dim(0), x.Dim(1))
	number := func(n int) *ir.Value { return ops.FullInt(g, dtype.Int64, shape.Shape{}, int64(n)) }
	first := number(0)
	if reverse {
		first = number(x.Dim(1) - 1)
		if lengths != nil {
			first = ops.Unsqueeze(ops.Minimum(ops.Sub(lengths, number(1)), first), 1)
		}
	}
	at := ops.Eq(ops.Iota(g, dtype.Int64, steps, 1), ops.Broadcast(first, steps))
	at = ops.Broadcast(ops.Unsqueeze(at, 2), x.Shape())
	return ops.Select(at, ops.Broadcast(ops.Unsqueeze(v, 1), x.Shape()), ops.ZerosLike(x))
}
