package schedule

import (
	"errors"
	"fmt"
	"math"
)

// A DecayShape is the way down at the end of [WSD], or the way up of a [Warmup].
type DecayShape string

// The shapes, for p from 0 to 1.
const (
	DecayLinear DecayShape = "linear" // 1 - p
	DecaySqrt   DecayShape = "sqrt"   // 1 - sqrt(p)
	DecayCosine DecayShape = "cosine" // (1 + cos(pi*p)) / 2
)

// Values lists the shapes.
func (DecayShape) Values() []string {
	return []string{string(DecayLinear), string(DecaySqrt), string(DecayCosine)}
}

func (s DecayShape) validate() error {
	if s != DecayLinear && s != DecaySqrt && s != DecayCosine {
		return fmt.Errorf("shape: there is no %q; there are %s, %s and %s", string(s), DecayLinear, DecaySqrt, DecayCosine)
	}
	return nil
}

func (s DecayShape) at(p float64) float64 {
	switch s {
	case DecaySqrt:
		return 1 - math.Sqrt(p)
	case DecayCosine:
		return halfCosine(p)
	}
	return 1 - p
}

// rise is the decay the other way round.
func (s DecayShape) rise(p float64) float64 {
	if s == DecayLinear {
		return p
	}
	return s.at(1 - p)
}

// WSD is warm-up, a stable rate, and a decay in the last steps of the run. In
// step t of the n of the decay,
//
//	lr * (Final + (1-Final) * shape(t/n))
//
// so that the last step does not come to Final.
//
// Source: Hu and others, "MiniCPM" (2024), section 4; torchtitan's
// components/optimizer/lr_scheduler.py (b5bcd76), which starts its warm-up as
// ours does without Start, and shortens what is too long; get_wsd_schedule of
// Transformers, whose warm-up starts at Final.
type WSD struct {
	Decay  Span       `json:"decay" yaml:"decay"` // at the end of the run
	Shape  DecayShape `json:"shape" yaml:"shape"`
	Final  float64    `json:"final" yaml:"final"`   // factor of the rate at the end
	Warmup *Warmup    `json:"warmup" yaml:"warmup"` // null for none
}

// DefaultWSD decays linearly to 0.
func DefaultWSD() WSD { return WSD{Shape: DecayLinear} }

// Validate tells all that is wrong.
func (cfg WSD) Validate() error {
	return errors.Join(cfg.Decay.validate("decay"), cfg.Shape.validate(), share("final", cfg.Final), cfg.Warmup.validate())
}

// Build makes the schedule of a run.
func (cfg WSD) Build(lr float64, steps int) (Schedule, error) {
	warm, err := check(cfg, cfg.Warmup, lr, steps)
	if err != nil {
		return nil, err
	}
	decay := cfg.Decay.of(steps)
	if decay > steps-warm {
		return nil, fmt.Errorf("schedule: a warm-up of %d steps and a decay of %d are longer than the run of %d", warm, decay, steps)
	}
	return build(cfg, cfg.Warmup, lr, steps, func(t, n int) float64 {
		if t < n-decay {
			return 1
		}
		return between(cfg.Final, cfg.Shape.at(progress(t-(n-decay), decay)))
	})
}
