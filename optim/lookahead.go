package optim

import (
	"errors"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// Lookahead lets another optimizer go some steps ahead, and then goes a part of
// the way itself. After every K steps of Optimizer from parameter p:
//
//	slow = slow + Alpha*(p - slow)      slow is p before the first step
//	p    = slow
//
// The state of Optimizer stays as it is.
//
// Source: Zhang and others, "Lookahead optimizer: k steps forward, 1 step back"
// (2019), algorithm 1; pytorch_optimizer.Lookahead (4.1.0). timm.optim.Lookahead
// starts slow at p after the first K steps.
type Lookahead struct {
	Optimizer Config  `json:"optimizer" yaml:"optimizer"`
	K         int     `json:"k" yaml:"k"`         // steps ahead
	Alpha     float64 `json:"alpha" yaml:"alpha"` // part of the way
}

// DefaultLookahead goes half the way of five steps of AdamW.
func DefaultLookahead() Lookahead { return Lookahead{Optimizer: DefaultAdamW(), K: 5, Alpha: 0.5} }

// Build makes an optimizer of one group.
func (cfg Lookahead) Build(params []module.Named) (Optimizer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return build(cfg, params)
}

// Shared has name and rate of Optimizer.
func (cfg Lookahead) Shared() Common { return cfg.Optimizer.Shared() }

// Validate tells all that is wrong.
func (cfg Lookahead) Validate() error {
	var c checker
	c.that(cfg.K >= 1, "k must be at least 1")
	c.that(cfg.Alpha >= 0 && cfg.Alpha <= 1, "alpha must be in 0..1")
	if cfg.Optimizer == nil {
		return errors.Join(c.err(), errors.New("optimizer must be given"))
	}
	if _, ok := cfg.Optimizer.(Judged); ok {
		c.that(false, "optimizer must not be schedule-free: it has an average of its own")
	}
	return errors.Join(c.err(), config.Under("optimizer", cfg.Optimizer.Validate()))
}

// Choose leaves the choice to Optimizer.
func (cfg Lookahead) Choose(key string, p ir.Type) Config {
	if c, ok := cfg.Optimizer.(Chooser); ok {
		cfg.Optimizer = c.Choose(key, p)
	}
	return cfg
}

// Slots are those of Optimizer, then slow_params.
func (cfg Lookahead) Slots(p ir.Type) []Slot {
	return append(cfg.Optimizer.Slots(p), Slot{Name: "slow_params", Copy: true})
}

// Start finds out whether this step is one of those that end K.
func (cfg Lookahead) Start(s *Step) Update {
	update := cfg.Optimizer.Start(s)
	k := ops.Scalar(s.Count(), float64(cfg.K))
	part := ops.Div(s.Count(), k)
	ends := ops.Eq(part, ops.Floor(part))
	alpha := s.constant(cfg.Alpha)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		last := len(state) - 1
		p, next := update(p, g, state[:last])
		slow := ops.Select(ends, ops.Add(state[last], ops.Mul(alpha, ops.Sub(p, state[last]))), state[last])
		return ops.Select(ends, slow, p), append(next, slow)
	}
}
