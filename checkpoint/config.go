// Package checkpoint keeps the state of a run on disk, so that it can go on
// after whatever ended it.
package checkpoint

import (
	"errors"
	"fmt"
	"time"
)

// A Config says when checkpoints are written and which are kept.
type Config struct {
	EverySteps  *int           `json:"every_steps" yaml:"every_steps"`   // optimizer steps between checkpoints
	EveryEpochs *int           `json:"every_epochs" yaml:"every_epochs"` // epochs between checkpoints; one is always written at the end, and when the run is interrupted
	EveryTime   *time.Duration `json:"every_time" yaml:"every_time"`     // time between checkpoints, which has no influence on results
	KeepLast    int            `json:"keep_last" yaml:"keep_last"`       // newest checkpoints to keep, at least 1
	KeepBest    int            `json:"keep_best" yaml:"keep_best"`       // best ones by Metric to keep besides
	Metric      *string        `json:"metric" yaml:"metric"`             // of the validation split; null takes its loss
	Maximize    bool           `json:"maximize" yaml:"maximize"`         // whether more of Metric is better
	KeepEvery   *time.Duration `json:"keep_every" yaml:"keep_every"`     // keep one besides for each such span of time, for good
}

// DefaultConfig writes one an epoch and keeps the last two and the best.
func DefaultConfig() Config {
	epoch := 1
	return Config{EveryEpochs: &epoch, KeepLast: 2, KeepBest: 1}
}

// Validate tells all that is wrong.
func (c Config) Validate() error {
	var errs []error
	at := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	at(c.EverySteps == nil || *c.EverySteps >= 1, "every_steps must be at least 1, got %d", value(c.EverySteps))
	at(c.EveryEpochs == nil || *c.EveryEpochs >= 1, "every_epochs must be at least 1, got %d", value(c.EveryEpochs))
	at(c.EveryTime == nil || *c.EveryTime > 0, "every_time must be above 0, got %v", value(c.EveryTime))
	at(c.KeepLast >= 1, "keep_last must be at least 1, got %d", c.KeepLast)
	at(c.KeepBest >= 0, "keep_best must not be negative, got %d", c.KeepBest)
	at(c.KeepEvery == nil || *c.KeepEvery > 0, "keep_every must be above 0, got %v", value(c.KeepEvery))
	return errors.Join(errs...)
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
