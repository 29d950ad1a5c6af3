package kernel

import "math"

// Waves sets sin[i] and cos[i] to sine and cosine of position*frequencies[i],
// times scale, computed in float64.
func Waves(sin, cos []float32, frequencies []float64, position, scale float64) {
	for i, f := range frequencies {
		s, c := math.Sincos(position * f)
		sin[i], cos[i] = float32(s*scale), float32(c*scale)
	}
}

// TurnHalves turns element i of x and element i+n, n being the length of sin:
//
//	y[i]   = x[i] cos[i] - x[i+n] sin[i]
//	y[i+n] = x[i+n] cos[i] + x[i] sin[i]
//
// y has 2n elements or more, and may not overlap x.
func (v *Vec) TurnHalves(y, x, sin, cos []float32) {
	n := len(sin)
	a, b := x[:n], x[n:2*n]
	v.Run(Mul, y[:n], b, sin, nil, 0, 0)
	v.Run(Neg, y[:n], y, nil, nil, 0, 0)
	v.Run(Fma, y[:n], a, cos, y, 0, 0)
	v.Run(Mul, y[n:2*n], a, sin, nil, 0, 0)
	v.Run(Fma, y[n:2*n], b, cos, y[n:], 0, 0)
}

// TurnPairs turns elements 2i and 2i+1 of x as [Vec.TurnHalves] does i and i+n.
func TurnPairs(y, x, sin, cos []float32) {
	for i, s := range sin {
		a, b, c := x[2*i], x[2*i+1], cos[i]
		y[2*i] = float32(a*c) - float32(b*s)
		y[2*i+1] = float32(b*c) + float32(a*s)
	}
}
