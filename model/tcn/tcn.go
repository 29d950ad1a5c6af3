// Package tcn is a temporal convolutional network: residual blocks of causal
// convolutions whose taps lie further apart from block to block. It reads tokens
// or series of numbers, and gives one result for a sequence or one for each step.
//
// Source: Bai, Kolter and Koltun, "An empirical evaluation of generic
// convolutional and recurrent networks for sequence modeling" (2018), and their
// implementation, locuslab/TCN, with the weight norm of
// torch.nn.utils.parametrizations.
package tcn

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// Config describes a [Model].
type Config struct {
	Vocabulary int     `json:"vocabulary" yaml:"vocabulary"`   // of tokens; 0 where numbers are read
	Width      int     `json:"width" yaml:"width"`             // of a token's vector
	InChannels int     `json:"in_channels" yaml:"in_channels"` // numbers of a step; 0 where tokens are read
	Channels   []int   `json:"channels" yaml:"channels"`       // of each block; the taps of block i lie 2^i steps apart
	Kernel     int     `json:"kernel" yaml:"kernel"`           // taps of a convolution
	Dropout    float64 `json:"dropout" yaml:"dropout"`         // probability, after each convolution
	Each       bool    `json:"each" yaml:"each"`               // a result for each step; false for one for the last
	PaddingIdx *int    `json:"padding_idx" yaml:"padding_idx"` // number that stands for no token; null if there is none
	Outputs    int     `json:"outputs" yaml:"outputs"`         // classes, or numbers of a result
}

// Default is four blocks of 64 channels and 3 taps, which see 61 steps; tokens are
// vectors of 64 numbers. Outputs and vocabulary, or in_channels, are to be set.
func Default() Config {
	return Config{Width: 64, Channels: []int{64, 64, 64, 64}, Kernel: 3, Dropout: 0.2}
}

// maxBlocks keeps the taps of the last block within what an int holds.
const maxBlocks = 24

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	p := block.Problems{Family: "tcn"}
	switch {
	case (cfg.Vocabulary == 0) == (cfg.InChannels == 0):
		p.Add("one of vocabulary, for tokens, and in_channels, for numbers, must be 0, got %d and %d", cfg.Vocabulary, cfg.InChannels)
	case cfg.InChannels == 0:
		p.Embedding(cfg.Vocabulary, cfg.Width, cfg.PaddingIdx)
	default:
		p.Within("in_channels", cfg.InChannels, block.MaxChannels)
		if cfg.PaddingIdx != nil {
			p.Add("padding_idx is for tokens, and numbers are read")
		}
	}
	if len(cfg.Channels) == 0 || len(cfg.Channels) > maxBlocks {
		p.Add("channels must name 1 to %d blocks, got %d", maxBlocks, len(cfg.Channels))
	}
	for i, n := range cfg.Channels {
		p.Within(fmt.Sprintf("channels.%d", i), n, block.MaxChannels)
	}
	p.Within("kernel", cfg.Kernel, 1<<10)
	p.Probability("dropout", cfg.Dropout)
	p.Within("outputs", cfg.Outputs, block.MaxChannels)
	return p.Join()
}

// Sees is the number of steps that a result depends on.
func (cfg Config) Sees() int { return 1 + 2*(cfg.Kernel-1)*(1<<len(cfg.Channels)-1) }

// Model is an embedding of tokens, blocks, and a linear layer. Its keys are
// embedding.weight, network.0.conv1.bias,
// network.0.conv1.parametrizations.weight.original0, network.0.downsample.weight,
// linear.weight and so on.
type Model struct {
	Config    Config        `param:"-"`
	Embedding *nn.Embedding // nil where numbers are read
	Network   []*Block
	Linear    *nn.Linear
}

// A Block is two causal convolutions with weight norm, added to what it reads:
//
//	y = relu(x + dropout(relu(conv2(dropout(relu(conv1(x)))))))
//
// x [B C T], y [B C' T]; where C' differs, x goes through a convolution of one
// tap. A convolution sees zeros before the first step, and nothing behind its own.
type Block struct {
	Conv1, Conv2 *nn.WeightNorm
	Downsample   *nn.Conv1d // nil where the channels stay
	Dropout1     *nn.Dropout
	Dropout2     *nn.Dropout
	before       int // zeros that a convolution sees
}

func newBlock(in, out, kernel, dilation int, dropout float64) *Block {
	conv := func(in int) *nn.WeightNorm {
		cfg := nn.DefaultConv1d(in, out, kernel)
		cfg.Dilation = dilation
		return nn.NewWeightNorm(cfg.Build())
	}
	b := &Block{
		Conv1: conv(in), Conv2: conv(out), Dropout1: nn.NewDropout(dropout), Dropout2: nn.NewDropout(dropout),
		before: (kernel - 1) * dilation,
	}
	if in != out {
		b.Downsample = nn.NewConv1d(in, out, 1)
		b.Downsample.Weight.Init = nn.Normal(0, 0.01)
	}
	return b
}

// Forward applies the block.
func (b *Block) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(b)()
	causal := func(l *nn.WeightNorm, x *ir.Value) *ir.Value {
		return ops.ReLU(l.Forward(c, ops.PadConstant(x, 0, []int{0, 0, b.before}, []int{0, 0, 0})))
	}
	y := b.Dropout1.Forward(c, causal(b.Conv1, x))
	y = b.Dropout2.Forward(c, causal(b.Conv2, y))
	if b.Downsample != nil {
		x = b.Downsample.Forward(c, x)
	}
	return ops.ReLU(ops.Add(x, y))
}

// New makes a model. Initial values are PyTorch's of the layers, but for the
// convolutions of one tap, which are drawn from N(0, 0.01^2).
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, width := &Model{Config: cfg}, cfg.InChannels
	if cfg.InChannels == 0 {
		width = cfg.Width
		m.Embedding = nn.EmbeddingConfig{Count: cfg.Vocabulary, Width: width, PaddingIdx: cfg.PaddingIdx}.Build()
	}
	for i, to := range cfg.Channels {
		m.Network = append(m.Network, newBlock(width, to, cfg.Kernel, 1<<i, cfg.Dropout))
		width = to
	}
	m.Linear = nn.NewLinear(width, cfg.Outputs)
	return m, nil
}

// Forward gives [B Outputs] for tokens [B T], of an integer type, or numbers
// [B T InChannels], what the last step has, with a padding index the last one that
// is a token, or the first where none is; with Each [B T Outputs], where a step
// depends on those up to it.
func (m *Model) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	in := x
	if m.Embedding != nil {
		x = m.Embedding.Forward(c, x)
	}
	if c.Graph().Err() == nil && x.Rank() != 3 {
		c.Graph().Fail("tcn", "wants tokens [B T] or numbers [B T C]", []*ir.Value{in})
	}
	if c.Graph().Err() != nil {
		return x
	}
	y := ops.Transpose(x, 0, 2, 1) // [B C T]
	for _, b := range m.Network {
		y = b.Forward(c, y)
	}
	y = ops.Transpose(y, 0, 2, 1) // [B T C]
	if !m.Config.Each {
		y = m.last(y, block.Shown(in, m.Config.PaddingIdx))
	}
	return m.Linear.Forward(c, y)
}

// last is y [B T C] at the last step, or the last that is shown, [B C].
func (m *Model) last(y, shown *ir.Value) *ir.Value {
	b, t, d := y.Dim(0), y.Dim(1), y.Dim(2)
	if shown == nil {
		return ops.Reshape(ops.Narrow(y, 1, t-1, 1), b, d)
	}
	one := ops.FullInt(y.Graph(), dtype.Int64, shape.Shape{}, 1)
	at := ops.Maximum(ops.Sub(block.Ends(shown), one), ops.Sub(one, one))
	return ops.Reshape(ops.Gather(y, ops.Broadcast(ops.Reshape(at, b, 1, 1), shape.Of(b, 1, d)), 1), b, d)
}
