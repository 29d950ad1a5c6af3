package rng

import (
	"fmt"
	"math"
)

// Bernoulli returns true with probability p. It reads two elements.
func (s *Stream) Bernoulli(p float64) bool { return s.Float64() < p }

// Gamma returns a number of the gamma distribution with shape a and scale 1,
// whose mean and variance are a. It panics unless a > 0. The number of
// elements that it reads varies. A result below the smallest float64, likely
// only for shapes under 0.01, is 0.
//
// Source: Marsaglia and Tsang, "A simple method for generating gamma
// variables" (2000), with Normal above for the normal numbers. The way is part
// of the record of runs and never changes.
func (s *Stream) Gamma(a float64) float64 { return math.Exp(s.logGamma(a)) }

// Beta returns a number of the beta distribution with parameters a and b, in
// [0, 1]: x / (x+y) for Gamma(a) x and Gamma(b) y, drawn in this order. It panics
// unless both are positive.
func (s *Stream) Beta(a, b float64) float64 {
	x := s.logGamma(a)
	return 1 / (1 + math.Exp(s.logGamma(b)-x))
}

// logGamma returns the logarithm of a gamma number: small shapes make numbers
// too small for a float64, whose ratio counts all the same.
func (s *Stream) logGamma(a float64) float64 {
	if !(a > 0) || math.IsInf(a, 1) {
		panic(fmt.Sprintf("rng: internal error: gamma distribution of shape %v", a))
	}
	if a < 1 {
		// Gamma(a+1) times u^(1/a), the paper's section 6.
		log := s.logGamma(a + 1)
		return log + math.Log(1-s.Float64())/a
	}
	d := a - 1./3
	c := 1 / math.Sqrt(9*d)
	for {
		x := s.Normal()
		v := 1 + float64(c*x) // the conversions forbid fused steps, which some processors would take
		if v <= 0 {
			continue
		}
		v = v * v * v
		u := 1 - s.Float64()
		if math.Log(u) < float64(float64(0.5*x)*x)+float64(d*(1-v+math.Log(v))) {
			return math.Log(d * v)
		}
	}
}
