package schedule

import "errors"

// Linear falls from the highest rate by equal amounts to a share of it. In step
// t of n,
//
//	lr * (Final + (1-Final) * (1 - t/n))
//
// Source: torch.optim.lr_scheduler.LinearLR with start_factor 1;
// get_linear_schedule_with_warmup of Transformers.
type Linear struct {
	Final  float64 `json:"final" yaml:"final"`   // factor of the rate at the end
	Warmup *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// Validate tells all that is wrong.
func (cfg Linear) Validate() error {
	return errors.Join(share("final", cfg.Final), cfg.Warmup.validate())
}

// Build makes the schedule of a run.
func (cfg Linear) Build(lr float64, steps int) (Schedule, error) {
	return build(cfg, cfg.Warmup, lr, steps, func(t, n int) float64 {
		return between(cfg.Final, 1-progress(t, n))
	})
}
