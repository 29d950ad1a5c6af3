package kernel

import "math"

// Optimizer steps: one pass over a parameter, its gradient and its state, all
// slices of the length of p and without overlap. The formulas are PyTorch's,
// in float32, each product rounded before it is added; constants are made
// in float64. Elements do not depend on one another: the caller may cut the
// slices anywhere. All sets give the same bits.

// update calls f over pieces of p and the other slices, which may be nil.
func update(f fused, p, g, a, b, c []float32, s0, s1, s2, s3, s4, s5, s6, s7 float32) {
	n := len(p)
	for _, s := range [...][]float32{g, a, b, c} {
		if s != nil {
			_ = s[:n]
		}
	}
	for i := 0; i < n; i += maxCall {
		f(min(maxCall, n-i), &p[i], &g[i], address(a, i), address(b, i), address(c, i), nil, s0, s1, s2, s3, s4, s5, s6, s7)
	}
}

// An SGDStep holds the scalars of stochastic gradient descent.
type SGDStep struct {
	LR, Momentum, Dampening, WeightDecay float64
	Nesterov                             bool
	First                                bool // the first step: the buffer becomes the gradient
}

// SGD does one step on p; buf is unused, and may be nil, without momentum:
//
//	d = g + WeightDecay*p
//	buf = Momentum*buf + (1-Dampening)*d    (First: buf = d; buf holds finite numbers)
//	p -= LR * buf                           (Nesterov: LR * (d + Momentum*buf))
func (v *Vec) SGD(p, g, buf []float32, h SGDStep) {
	lr, decay := float32(h.LR), float32(h.WeightDecay)
	if h.Momentum == 0 {
		update(v.sgd, p, g, nil, nil, nil, lr, decay, 0, 0, 0, 0, 0, 0)
		return
	}
	keep, take := float32(h.Momentum), float32(1-h.Dampening)
	if h.First {
		keep, take = 0, 1
	}
	f := v.sgdMomentum
	if h.Nesterov {
		f = v.sgdNesterov
	}
	update(f, p, g, buf[:len(p)], nil, nil, lr, decay, keep, take, float32(h.Momentum), 0, 0, 0)
}

// An AdaGradStep holds the scalars of AdaGrad. LR is the rate after its own
// decay: lr/(1+(t-1)*lr_decay).
type AdaGradStep struct{ LR, WeightDecay, Eps float64 }

// AdaGrad does one step on p:
//
//	d = g + WeightDecay*p
//	sum += d*d
//	p -= LR * d / (sqrt(sum)+Eps)
func (v *Vec) AdaGrad(p, g, sum []float32, h AdaGradStep) {
	update(v.adaGrad, p, g, sum[:len(p)], nil, nil, float32(h.LR), float32(h.WeightDecay), float32(h.Eps), 0, 0, 0, 0, 0)
}

// An RMSPropStep holds the scalars of RMSprop.
type RMSPropStep struct{ LR, Alpha, Eps, WeightDecay, Momentum float64 }

// RMSProp does one step on p. It is centered if avg is not nil; buf is unused,
// and may be nil, without momentum:
//
//	d = g + WeightDecay*p
//	sq = Alpha*sq + (1-Alpha)*d*d
//	avg += (1-Alpha) * (d-avg)              (centered)
//	u = d / (sqrt(sq)+Eps)                  (centered: sqrt(sq-avg*avg))
//	buf = Momentum*buf + u; u = buf         (with momentum)
//	p -= LR * u
func (v *Vec) RMSProp(p, g, sq, avg, buf []float32, h RMSPropStep) {
	variant := 0
	if avg != nil {
		variant |= 1
	}
	if h.Momentum != 0 {
		variant |= 2
		buf = buf[:len(p)]
	} else {
		buf = nil
	}
	update(v.rmsProp[variant], p, g, sq[:len(p)], avg, buf, float32(h.LR), float32(h.WeightDecay),
		float32(h.Alpha), float32(1-h.Alpha), float32(h.Eps), float32(h.Momentum), 0, 0)
}

// An AdamStep holds the scalars of Adam and AdamW.
type AdamStep struct {
	LR, Beta1, Beta2, Eps, WeightDecay float64
	// Correction1 and Correction2 are 1-Beta1^t and 1-Beta2^t, t the number of
	// the step from 1.
	Correction1, Correction2 float64
	// Decoupled: the decay shrinks p directly (AdamW).
	Decoupled bool
}

// Adam does one step on p with the moments m and s:
//
//	d = g + WeightDecay*p                   (Decoupled: p *= 1-LR*WeightDecay, d = g)
//	m += (1-Beta1) * (d-m)
//	s = Beta2*s + (1-Beta2)*d*d
//	p -= LR/Correction1 * m / (sqrt(s)/sqrt(Correction2) + Eps)
//
// sqrt(s) is multiplied by the rounded 1/sqrt(Correction2), where PyTorch divides.
func (v *Vec) Adam(p, g, m, s []float32, h AdamStep) {
	keep, decay := 1.0, h.WeightDecay
	if h.Decoupled {
		keep, decay = 1-h.LR*h.WeightDecay, 0
	}
	update(v.adam, p, g, m[:len(p)], s[:len(p)], nil, float32(keep), float32(decay), float32(1-h.Beta1),
		float32(h.Beta2), float32(1-h.Beta2), float32(1/math.Sqrt(h.Correction2)), float32(h.Eps), float32(h.LR/h.Correction1))
}
