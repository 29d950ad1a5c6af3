package ops

import "math"

// The functions of the gamma family that package math lacks.

// lgamma is the logarithm of |gamma(x)|.
func lgamma(x float64) float64 {
	if math.IsInf(x, -1) {
		return math.Inf(1)
	}
	y, _ := math.Lgamma(x)
	return y
}

// digamma is the derivative of lgamma. Negative arguments are mirrored,
//
//	digamma(x) = digamma(1-x) - pi/tan(pi x)
//
// small ones shifted by digamma(x) = digamma(x+1) - 1/x to where the asymptotic
// series of Abramowitz and Stegun, 6.3.18, is exact.
func digamma(x float64) float64 {
	switch {
	case x == 0:
		return math.Inf(1) * -math.Copysign(1, x)
	case x < 0 && math.Trunc(x) == x: // -Inf too
		return math.NaN()
	case x < 0:
		return digamma(1-x) - math.Pi/math.Tan(math.Pi*(x-math.Round(x)))
	}
	y := 0.0
	for ; x < 15; x++ {
		y -= 1 / x
	}
	r := 1 / (x * x)
	series := r * (1./12 - r*(1./120-r*(1./252-r*(1./240-r*(1./132-r*691./32760)))))
	return y + math.Log(x) - 0.5/x - series
}

// trigamma is the derivative of digamma, by the derivatives of its formulas:
//
//	trigamma(x) = (pi/sin(pi x))^2 - trigamma(1-x) = trigamma(x+1) + 1/x^2
func trigamma(x float64) float64 {
	switch {
	case math.IsInf(x, -1):
		return math.NaN()
	case x <= 0 && math.Trunc(x) == x:
		return math.Inf(1)
	case x < 0:
		s := math.Pi / math.Sin(math.Pi*(x-math.Round(x)))
		return s*s - trigamma(1-x)
	}
	y := 0.0
	for ; x < 15; x++ {
		y += 1 / (x * x)
	}
	r := 1 / (x * x)
	series := r / x * (1./6 - r*(1./30-r*(1./42-r*(1./30-r*(5./66-r*691./2730)))))
	return y + 1/x + 0.5*r + series
}
