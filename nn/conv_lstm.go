package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// ConvLSTMConfig describes a [ConvLSTM].
type ConvLSTMConfig struct {
	In     int   // channels of the operand
	Hidden int   // channels of the states
	Kernel []int // taps of each spatial axis, 1 to 3 of them
	Stride []int // positions between results, on the way in
	Same   bool  // as much padding on the way in as keeps the extents; wants a stride of 1
	Bias   bool
}

// Validate tells all that is wrong.
func (cfg ConvLSTMConfig) Validate() error {
	if n := len(cfg.Kernel); n < 1 || n > 3 || len(cfg.Stride) != n {
		return fmt.Errorf("kernel and stride want a number for each of 1 to 3 axes, got %v and %v", cfg.Kernel, cfg.Stride)
	}
	return errors.Join(cfg.input().validate(), cfg.recurrent().validate())
}

// input is the convolution of the operand to the four gates, recurrent that of
// the state before.
func (cfg ConvLSTMConfig) input() convShape {
	s := cfg.recurrent()
	s.in, s.stride, s.same, s.bias = cfg.In, cfg.Stride, cfg.Same, cfg.Bias
	return s
}

func (cfg ConvLSTMConfig) recurrent() convShape {
	ones, zeros := make([]int, len(cfg.Kernel)), make([]int, len(cfg.Kernel))
	for i := range ones {
		ones[i] = 1
	}
	return convShape{in: cfg.Hidden, out: 4 * cfg.Hidden, groups: 1, kernel: cfg.Kernel, stride: ones, padding: zeros, dilation: ones, same: true}
}

// ConvLSTM is an LSTM over images whose products are convolutions:
//
//	i, f, g, o = weight_ih * x_t + bias + weight_hh * h
//	c = sigmoid(f) c + sigmoid(i) tanh(g)
//	h = sigmoid(o) tanh(c)
//
// with the gates one after another along the channels, and states that start as
// zeros. x [B T In ...], y [B T Hidden ...], every h. weight_ih [4*Hidden In
// Kernel...], weight_hh [4*Hidden Hidden Kernel...], whose padding keeps the
// extents, bias [4*Hidden], of ones for f and of zeros for the others. Weights
// are drawn as those of convolutions.
//
// Source: Shi and others, "Convolutional LSTM network" (2015), without
// peepholes; keras.layers.ConvLSTM1D, ConvLSTM2D and ConvLSTM3D (3.15) with
// return_sequences and channels first.
type ConvLSTM struct {
	Config   ConvLSTMConfig `param:"-"`
	WeightIH *Param
	WeightHH *Param
	Bias     *Param // nil without
	err      error
}

// Build makes the layer.
func (cfg ConvLSTMConfig) Build() *ConvLSTM {
	l := &ConvLSTM{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	l.WeightIH, l.Bias = cfg.input().params(4*cfg.Hidden, cfg.In)
	l.WeightHH, _ = cfg.recurrent().params(4*cfg.Hidden, cfg.Hidden)
	if l.Bias != nil {
		l.Bias = newParam(forgetOnes, 4*cfg.Hidden)
	}
	return l
}

// forgetOnes is the bias of four gates.
func forgetOnes(_ *rng.Stream, t *tensor.Tensor) {
	n := t.Size() / 4
	for i := n; i < 2*n; i++ {
		t.SetFloat(i, 1)
	}
}

// Forward gives the state after each step of x.
func (l *ConvLSTM) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if l.err != nil {
		return refuse(c, "conv_lstm", l.err, x)
	}
	if c.Graph().Err() != nil {
		return x
	}
	if x.Rank() != len(l.Config.Kernel)+3 || x.Dim(2) != l.Config.In || x.Dim(1) == 0 {
		return refuse(c, "conv_lstm", fmt.Errorf("wants x [B T %d] and %d axes behind them, with at least one step", l.Config.In, len(l.Config.Kernel)), x)
	}
	b, t := x.Dim(0), x.Dim(1)
	steps := ops.Reshape(ops.MoveAxis(x, 1, 0), append([]int{t * b}, x.Shape().Dims()[2:]...)...) // [T*B In ...]
	gates := addBias(c, ops.Conv(steps, c.Param(l.WeightIH), l.Config.input().op()), l.Bias)
	if c.Graph().Err() != nil {
		return x
	}
	extents := gates.Shape().Dims()[1:]
	gates = ops.Reshape(gates, append([]int{t, b}, extents...)...)
	state := ops.Full(c.Graph(), x.DType(), shape.Of(append([]int{b, l.Config.Hidden}, extents[1:]...)...), 0)
	weight, op := c.Param(l.WeightHH), l.Config.recurrent().op()
	_, all := ops.Scan([]*ir.Value{state, state}, []*ir.Value{gates}, func(carry, in []*ir.Value) (next, ys []*ir.Value) {
		g := ops.Chunk(ops.Add(in[0], ops.Conv(carry[0], weight, op)), 4, 1)
		cell := ops.Add(ops.Mul(ops.Sigmoid(g[1]), carry[1]), ops.Mul(ops.Sigmoid(g[0]), ops.Tanh(g[2])))
		h := ops.Mul(ops.Sigmoid(g[3]), ops.Tanh(cell))
		return []*ir.Value{h, cell}, []*ir.Value{h}
	})
	return ops.MoveAxis(all[0], 0, 1)
}
