package schedule

// Constant stays at the highest rate.
type Constant struct {
	Warmup *Warmup `json:"warmup" yaml:"warmup"` // null for none
}

// Validate tells all that is wrong.
func (cfg Constant) Validate() error { return cfg.Warmup.validate() }

// Endless tells whether the length of the run does not matter.
func (cfg Constant) Endless() bool { return counted(cfg.Warmup) }

// Build makes the schedule of a run.
func (cfg Constant) Build(lr float64, steps int) (Schedule, error) {
	return build(cfg, cfg.Warmup, lr, steps, func(int, int) float64 { return 1 })
}
