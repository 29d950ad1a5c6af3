package train

import (
	"math"

	"github.com/gradus-ml/gradus/optim/schedule"
)

// earlyState is what early stopping remembers.
type earlyState struct {
	Best *float64 `json:"best,omitempty"`
	Step int      `json:"step"` // of the best
	Bad  int      `json:"bad"`  // evaluations since
}

// earlyStop ends the run when a metric has stopped becoming better.
func (r *run) earlyStop(score Score) error {
	cfg, s := r.Strategy.EarlyStop, &r.state.Early
	if cfg == nil {
		return nil
	}
	v, err := named(score, cfg.Metric, "strategy.early_stop")
	if err != nil {
		return err
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		r.stop("the metric " + cfg.Metric + " is not finite")
		return nil
	}
	better := s.Best == nil || v < *s.Best-cfg.MinDelta
	if cfg.Maximize {
		better = s.Best == nil || v > *s.Best+cfg.MinDelta
	}
	if better {
		s.Best, s.Step, s.Bad = &v, r.state.Step, 0
		if cfg.Restore {
			r.best, err = r.Store.Export(r.shadow()) // what the model is judged by
		}
		return err
	}
	if s.Bad++; s.Bad >= cfg.Patience {
		r.stop("the metric " + cfg.Metric + " became no better")
	}
	return nil
}

// restoreBest ends a run with the weights that were judged best, if the
// settings ask for that.
func (r *run) restoreBest() error {
	if r.best == nil {
		return nil
	}
	r.final = true
	r.eval, r.copied = nil, false
	return r.Store.Restore(r.best)
}

// observe tells a schedule that follows a metric.
func (r *run) observe(score Score) error {
	o, ok := r.rate.(schedule.Observer)
	if !ok {
		return nil
	}
	v, err := named(score, o.Metric(), "the schedule")
	if err != nil {
		return err
	}
	o.Observe(v)
	return nil
}
