package schedule

import "fmt"

// An Anneal is the way from one rate to another.
type Anneal string

// The ways.
const (
	AnnealCosine Anneal = "cosine"
	AnnealLinear Anneal = "linear"
)

// Values lists the ways.
func (Anneal) Values() []string { return []string{string(AnnealCosine), string(AnnealLinear)} }

// Validate wants one of the ways.
func (a Anneal) Validate() error {
	if a != AnnealCosine && a != AnnealLinear {
		return fmt.Errorf("there is no %q; there are %s and %s", string(a), AnnealCosine, AnnealLinear)
	}
	return nil
}

// from goes from x to y while p goes from 0 to 1.
func (a Anneal) from(x, y, p float64) float64 {
	if a == AnnealLinear {
		return x + (y-x)*p
	}
	return y + (x-y)*halfCosine(p)
}

// To is a schedule up to a step, and goes from the rate that it has there to lr
// in so many steps, where it stays. Of an [Observer] it makes one.
//
// Source: torch.optim.swa_utils.SWALR.
func (a Anneal) To(lr float64, s Schedule, start, steps int) Schedule {
	to := annealed{s, a, lr, start, steps}
	if o, ok := s.(Observer); ok {
		return observedAnneal{o, to}
	}
	return to
}

type annealed struct {
	Schedule
	way          Anneal
	lr           float64
	start, steps int
}

func (a annealed) At(step int) float64 {
	if step < a.start {
		return a.Schedule.At(step)
	}
	return a.way.from(a.Schedule.At(a.start), a.lr, progress(step-a.start, a.steps))
}

// observedAnneal still is an Observer.
type observedAnneal struct {
	Observer
	annealed annealed
}

func (o observedAnneal) At(step int) float64 { return o.annealed.At(step) }
