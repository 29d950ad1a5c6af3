package nn

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// GRUConfig describes a [GRU].
type GRUConfig struct {
	RecurrentConfig `yaml:",inline"`
}

// DefaultGRU is one layer with biases that reads forwards.
func DefaultGRU(in, hidden int) GRUConfig { return GRUConfig{defaultRecurrent(in, hidden)} }

// Validate tells all that is wrong.
func (cfg GRUConfig) Validate() error { return cfg.validate(4) } // four biases

// GRU is layers of gated recurrent units over a sequence. For every step t of a
// layer, with the three parts of weights and biases
//
//	r, z = sigmoid(x[t] weight_ihᵀ + bias_ih + h weight_hhᵀ + bias_hh)
//	n = tanh(x[t] weight_ihᵀ + bias_ih + r * (h weight_hhᵀ + bias_hh))
//	h = (1-z)*n + z*h
//
// x [B T In], outputs [B T Hidden], the h of the last layer after every step.
// With two directions, outputs [B T 2*Hidden] hold both, and the next layer
// reads both. For shapes of parameters see [RecurrentWeights]; gates lie in the
// order r z n.
//
// Source: torch.nn.GRU with batch_first; without sequences that have no batch.
type GRU struct {
	Config GRUConfig `param:"-"`
	RecurrentWeights
	err error
}

// Build makes the layer.
func (cfg GRUConfig) Build() *GRU {
	l := &GRU{Config: cfg, err: cfg.Validate()}
	if l.err == nil {
		l.RecurrentWeights = newRecurrentWeights(cfg.RecurrentConfig, 3, cfg.Hidden)
	}
	return l
}

// NewGRU is DefaultGRU(in, hidden).Build().
func NewGRU(in, hidden int) *GRU { return DefaultGRU(in, hidden).Build() }

// Forward gives the outputs of x, from a state of 0.
func (l *GRU) Forward(c *Ctx, x *ir.Value) *ir.Value { return l.Outputs(c, x, nil) }

// Outputs gives those of x, from a state of 0. Lengths are as those of
// [LSTM.Unroll], or nil.
func (l *GRU) Outputs(c *Ctx, x, lengths *ir.Value) *ir.Value {
	defer c.Enter(l)()
	y, _ := l.unroll(c, x, []*ir.Value{nil}, lengths)
	return y
}

// Unroll gives the outputs of x and the last state. States and lengths are as
// those of [LSTM.Unroll].
func (l *GRU) Unroll(c *Ctx, x, h0, lengths *ir.Value) (y, h *ir.Value) {
	defer c.Enter(l)()
	y, last := l.unroll(c, x, []*ir.Value{h0}, lengths)
	return y, join(last[0])
}

func (l *GRU) unroll(c *Ctx, x *ir.Value, states []*ir.Value, lengths *ir.Value) (*ir.Value, [][]*ir.Value) {
	return l.Config.unroll(c, "gru", l.err, &l.RecurrentWeights, x, states, []int{l.Config.Hidden}, lengths,
		func(x *ir.Value, w recurrentValues, s []*ir.Value, lengths *ir.Value, reverse bool) (*ir.Value, []*ir.Value) {
			y, h := ops.GRU(x, w.hh, gruBias(x, w.biasIH, w.biasHH), s[0], lengths, ops.GRUOp{Reverse: reverse})
			return y, []*ir.Value{h}
		})
}
