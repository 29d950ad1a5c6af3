package kernel

// An UpdateRule is the step of an optimizer on one parameter, in one pass over
// the parameter, its gradient and its state.
type UpdateRule uint8

// The rules: with the state a, b, c and the scalars s that each takes. Here
// d = g + s[1]*p. All is float32, each product rounded before it is added.
const (
	SGD         UpdateRule = iota // p -= s0*d
	SGDMomentum                   // a = s2*a + s3*d, p -= s0*a
	SGDNesterov                   // a = s2*a + s3*d, p -= s0*(d + s4*a)
	AdaGrad                       // a += d*d, p -= s0*(d / (sqrt(a)+s2))
	RMSprop                       // a = s2*a + s3*(d*d), p -= s0*(d / (sqrt(a)+s4))
	// RMSpropCentered: b += s3*(d-b), and a - b*b under the root.
	RMSpropCentered
	// RMSpropMomentum: b = s5*b + d/(sqrt(a)+s4), p -= s0*b.
	RMSpropMomentum
	// RMSpropCenteredMomentum: both, the momentum in c.
	RMSpropCenteredMomentum
	// Adam: a += s2*(d-a), b = s3*b + s4*(d*d), p = s7*p - s0*(a / (sqrt(b)*s5+s6)).
	Adam
)

// Update does one step of a rule on p and its state, slices of the length of p
// without overlap; those that the rule has no use for are nil. Elements do not
// depend on one another: the caller may cut the slices anywhere. All sets give
// the same bits.
func (v *Vec) Update(rule UpdateRule, p, g, a, b, c []float32, s *[8]float32) {
	n := len(p)
	for _, x := range [...][]float32{g, a, b, c} {
		if x != nil {
			_ = x[:n]
		}
	}
	f, order := v.sgd, *s
	switch rule {
	case SGDMomentum:
		f = v.sgdMomentum
	case SGDNesterov:
		f = v.sgdNesterov
	case AdaGrad:
		f = v.adaGrad
	case RMSprop:
		f = v.rmsProp[0]
	case RMSpropCentered:
		f = v.rmsProp[1]
	case RMSpropMomentum:
		f = v.rmsProp[2]
		b, c = nil, b
	case RMSpropCenteredMomentum:
		f = v.rmsProp[3]
	case Adam:
		f = v.adam
		order = [8]float32{s[7], s[1], s[2], s[3], s[4], s[5], s[6], s[0]}
	}
	for i := 0; i < n; i += maxCall {
		f(min(maxCall, n-i), &p[i], &g[i], address(a, i), address(b, i), address(c, i), nil,
			order[0], order[1], order[2], order[3], order[4], order[5], order[6], order[7])
	}
}
