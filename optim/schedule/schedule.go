// Package schedule has learning rates as functions of the step, 0 in the first.
//
// A schedule is a plain function: any other will do where one is wanted.
package schedule

import "math"

// A Schedule gives the learning rate of a step.
type Schedule func(step int) float64

// Constant is always lr.
func Constant(lr float64) Schedule {
	return func(int) float64 { return lr }
}

// Step multiplies lr by gamma after every so many steps; every must be at
// least 1 (a smaller one acts as 1).
//
// Source: torch.optim.lr_scheduler.StepLR.
func Step(lr float64, every int, gamma float64) Schedule {
	return func(step int) float64 { return lr * math.Pow(gamma, float64(step/max(every, 1))) }
}

// Cosine falls from lr to low along half a cosine in total steps, and stays there:
//
//	low + (lr-low) * (1 + cos(pi*step/total)) / 2
//
// Source: Loshchilov, Hutter, "SGDR" (2016), equation 5, without restarts;
// torch.optim.lr_scheduler.CosineAnnealingLR, which rises again after total.
func Cosine(lr, low float64, total int) Schedule {
	return func(step int) float64 {
		if step >= total {
			return low
		}
		return low + (lr-low)*(1+math.Cos(math.Pi*float64(step)/float64(total)))/2
	}
}

// Warmup rises from then(0)/steps in the first step to then(0) in the last of
// so many steps, by equal amounts; after them then runs, from its own step 0.
//
// Source: torch.optim.lr_scheduler.LinearLR with start_factor 1/steps and
// total_iters steps-1, followed by then.
func Warmup(steps int, then Schedule) Schedule {
	return func(step int) float64 {
		if step < steps {
			return then(0) * float64(step+1) / float64(steps)
		}
		return then(step - steps)
	}
}
