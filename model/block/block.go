// Package block has what families of networks share. For images these are
// convolutions with their norm and activation, squeeze-and-excitation, and how
// channels are rounded, under the keys of torchvision.ops; for sequences, what is
// padding, and recurrent layers of either kind.
package block

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/nn"
)

// Conv is a convolution that keeps the size of an image but for the stride. It
// has no bias, which a batch norm behind it would take away, and is drawn from
// N(0, 2/(fan out)).
func Conv(in, out, kernel, stride, groups int) *nn.Conv2d {
	cfg := nn.DefaultConv2d(in, out, kernel)
	cfg.Stride = [2]int{stride, stride}
	cfg.Padding = [2]int{kernel / 2, kernel / 2}
	cfg.Groups, cfg.Bias = groups, false
	l := cfg.Build()
	if l.Weight != nil {
		l.Weight.Init = nn.KaimingNormal(nn.FanOut, nn.ReLUGain)
	}
	return l
}

// A Norm is the settings of all batch norms of a network.
type Norm struct {
	Eps      float64 `json:"eps" yaml:"eps"`           // of batch norm, added to variances
	Momentum float64 `json:"momentum" yaml:"momentum"` // of batch norm, the weight of a new batch in the running statistics
}

// DefaultNorm is PyTorch's: eps 1e-5, momentum 0.1.
func DefaultNorm() Norm { return Norm{Eps: 1e-5, Momentum: 0.1} }

// Build makes a layer.
func (n Norm) Build(channels int) *nn.BatchNorm2d {
	cfg := nn.DefaultBatchNorm(channels)
	cfg.Eps, cfg.Momentum = n.Eps, new(n.Momentum)
	return cfg.Build2d()
}

// ConvNorm is [Conv], batch norm, and an activation if it is not nil.
//
// Source: torchvision.ops.Conv2dNormActivation.
func (n Norm) ConvNorm(in, out, kernel, stride, groups int, activation nn.Forwarder) *nn.Sequential {
	s := nn.NewSequential(Conv(in, out, kernel, stride, groups), n.Build(out))
	if activation != nil {
		s.Modules = append(s.Modules, activation)
	}
	return s
}

// Divisible rounds a number of channels to a multiple of divisor, to at least
// 0.9 of it.
//
// Source: torchvision's _make_divisible.
func Divisible(channels float64, divisor int) int {
	rounded := max(divisor, int(channels+float64(divisor)/2)/divisor*divisor)
	if float64(rounded) < 0.9*channels {
		rounded += divisor
	}
	return rounded
}

// Bounds of configs, which may come from elsewhere: no network has more.
const (
	MaxChannels = 1 << 20
	MaxBlocks   = 1000 // of a stage
)

// Problems collects what is wrong with a config.
type Problems struct {
	Family string
	errs   []error
}

// Add tells of one.
func (p *Problems) Add(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(p.Family+": "+format, args...))
}

// Within wants a number from 1 to most.
func (p *Problems) Within(what string, n, most int) {
	if n < 1 || n > most {
		p.Add("%s must be in 1..%d, got %d", what, most, n)
	}
}

// Probability wants a number from 0 to 1.
func (p *Problems) Probability(what string, v float64) {
	if !(v >= 0 && v <= 1) {
		p.Add("%s: probability %v is outside 0..1", what, v)
	}
}

// Factor wants a number above 0 and at most 1024.
func (p *Problems) Factor(what string, v float64) {
	if !(v > 0 && v <= 1<<10) {
		p.Add("%s must be above 0 and at most 1024, got %v", what, v)
	}
}

// Norm wants settings that batch norm takes.
func (p *Problems) Norm(n Norm) {
	if !(n.Eps >= 0) {
		p.Add("eps must not be negative, got %v", n.Eps)
	}
	if !(n.Momentum >= 0 && n.Momentum <= 1) {
		p.Add("momentum must be in 0..1, got %v", n.Momentum)
	}
}

// Stages wants as many widths as numbers of blocks, one at least, and what a
// stage can have of both.
func (p *Problems) Stages(widths, blocks []int) {
	if len(widths) == 0 || len(widths) != len(blocks) {
		p.Add("widths and blocks must name the same stages, at least one, got %v and %v", widths, blocks)
	}
	for i, n := range widths {
		p.Within(fmt.Sprintf("widths.%d", i), n, MaxChannels)
	}
	for i, n := range blocks {
		p.Within(fmt.Sprintf("blocks.%d", i), n, MaxBlocks)
	}
}

// Join is all of them, or nil.
func (p *Problems) Join() error { return errors.Join(p.errs...) }
