package kernel

import "math"

// Softmax sets dst[i] = exp(x[i]-m) / sum over j of exp(x[j]-m), m the largest
// element. dst may be x itself. A NaN, or +Inf, or nothing but -Inf, makes the
// whole row NaN, as in PyTorch. The sum is that of [Vec.Sum].
func (v *Vec) Softmax(dst, x []float32) {
	if len(x) == 0 {
		return
	}
	s := v.expSum(dst, x, v.Max(x))
	v.Run(MulS, dst[:len(x)], dst, nil, nil, float32(1/s), 0)
}

// expSum sets dst[i] = exp(x[i]-m) and returns the sum of dst.
func (v *Vec) expSum(dst, x []float32, m float32) float64 {
	var s float64
	for i := 0; i < len(x); i += blockLen {
		n := min(blockLen, len(x)-i)
		v.ops[ExpSub](n, &dst[i], &x[i], nil, nil, m, 1)
		s += float64(v.sum(n, &dst[i], nil, 0))
	}
	return s
}

// LogSoftmax sets dst[i] = x[i] - m - log(sum over j of exp(x[j]-m)), m the
// largest element. dst may be x. Non-finite rows as in [Vec.Softmax].
func (v *Vec) LogSoftmax(dst, x []float32) {
	if len(x) == 0 {
		return
	}
	m, l := v.logSumExp(x)
	v.subTwo(dst[:len(x)], x, m, l)
}

// logSumExp returns the largest element m and the logarithm of the sum of
// exp(x[i]-m), which is NaN where a softmax is. It reads the row once: the sum
// is always by the largest element so far.
func (v *Vec) logSumExp(x []float32) (m, l float32) {
	m = negInf
	var s float64
	for i := 0; i < len(x); i += blockLen {
		n := min(blockLen, len(x)-i)
		top := v.max(n, &x[i], nil, 0)
		switch {
		case top <= m:
			if m == negInf {
				continue // exp(-Inf - -Inf) would be NaN
			}
		case m == negInf: // the first that counts
			m = top
		default: // larger, or NaN, which the sum remembers
			s *= float64(exp32(m - top))
			m = top
		}
		s += float64(v.sumExp(n, &x[i], nil, m))
	}
	return m, logPositive(s)
}

// subTwo sets d[i] = (x[i] - m) - l. Taking m away first keeps what l adds to
// the digits of a large m.
func (v *Vec) subTwo(d, x []float32, m, l float32) {
	v.Run(AddS, d, x, nil, nil, -m, 0)
	v.Run(AddS, d, d, nil, nil, -l, 0)
}

// logPositive is log(s), rounded once, for the sum of a softmax.
func logPositive(s float64) float32 {
	if !(s > 0 && s <= math.MaxFloat64) {
		return float32(math.NaN())
	}
	return float32(log64(s))
}

// SoftmaxGrad sets dx[i] = y[i] * (dy[i] - sum over j of y[j]*dy[j]), y the
// result of [Vec.Softmax]. dx may be y or dy.
func (v *Vec) SoftmaxGrad(dx, y, dy []float32) {
	s := v.Dot(y, dy)
	// (dy - s) * 1 * y
	v.Run(NormMul, dx[:len(y)], dy, y, nil, s, 1)
}

// LogSoftmaxGrad sets dx[i] = dy[i] - exp(y[i]) * sum over j of dy[j], y the
// result of [Vec.LogSoftmax]. dx may be y or dy.
func (v *Vec) LogSoftmaxGrad(dx, y, dy []float32) {
	v.Run(ExpAxpy, dx[:len(y)], y, dy, nil, -v.Sum(dy[:len(y)]), 0)
}

// CrossEntropy returns the loss -log softmax(x)[label] of one row and the
// logarithm of the sum of exp(x[i]). label is in [0, len(x)).
func (v *Vec) CrossEntropy(x []float32, label int64) (loss, logSumExp float32) {
	m, l := v.logSumExp(x)
	return (m - x[label]) + l, m + l
}

// CrossEntropyGrad sets dx[i] = scale*exp(x[i]-logSumExp) - dloss*[i == label]; scale
// is dloss, but for what else depends on logSumExp. dx may be x.
func (v *Vec) CrossEntropyGrad(dx, x []float32, label int64, logSumExp, scale, dloss float32) {
	v.Run(ExpSub, dx[:len(x)], x, nil, nil, logSumExp, scale)
	dx[label] -= dloss
}

// LayerNorm sets y[i] = (x[i]-mean)*rstd*weight[i] + bias[i] for one row and
// returns mean and rstd = 1/sqrt(variance+eps), with the biased variance taken
// around the mean in a second pass. Each of weight and bias may
// be nil. y may be x.
func (v *Vec) LayerNorm(y, x, weight, bias []float32, eps float32) (mean, rstd float32) {
	n := len(x)
	if n == 0 {
		return 0, 0
	}
	mean, variance := v.moments(x)
	rstd = float32(1 / math.Sqrt(variance+float64(eps)))
	y = y[:n]
	switch {
	case weight != nil && bias != nil:
		v.Run(NormFma, y, x, weight, bias, mean, rstd)
	case weight != nil:
		v.Run(NormMul, y, x, weight, nil, mean, rstd)
	default:
		v.Run(NormS, y, x, nil, nil, mean, rstd)
		if bias != nil {
			v.Run(Add, y, y, bias, nil, 0, 0)
		}
	}
	return mean, rstd
}

// moments returns the mean and the biased variance of a row that is not empty,
// the latter taken around the mean in a second pass.
func (v *Vec) moments(x []float32) (mean float32, variance float64) {
	n := float64(len(x))
	mean = float32(v.Sum64(x) / n)
	// The second pass also finds how far the first mean is off.
	var sum, sumSq float64
	for i := 0; i < len(x); i += blockLen {
		r0, r1 := v.devSums(min(blockLen, len(x)-i), &x[i], nil, nil, mean)
		sum += float64(r0)
		sumSq += float64(r1)
	}
	d := sum / n
	if d == d { // it is NaN where the mean is infinite
		mean = float32(float64(mean) + d)
	}
	variance = sumSq/n - float64(d*d)
	if variance < 0 {
		variance = 0
	}
	return mean, variance
}

// LayerNormGrad computes the gradients of one row of [Vec.LayerNorm]: with
// g = dy*weight and h = (x-mean)*rstd,
//
//	dx[i] = rstd * (g[i] - mean of g - h[i] * mean of g*h)
//	dweight[i] += dy[i] * h[i]
//	dbias[i] += dy[i]
//
// weight, dweight and dbias may be nil. dx may be dy or x.
func (v *Vec) LayerNormGrad(dx, dy, x, weight, dweight, dbias []float32, mean, rstd float32) {
	n := len(x)
	if n == 0 {
		return
	}
	if dbias != nil {
		v.Run(Add, dbias[:n], dbias, dy, nil, 0, 0)
	}
	if dweight != nil {
		v.Run(NormFma, dweight[:n], x, dy, dweight, mean, rstd)
	}
	sumG, sumGX := v.gradSums(dy, x, weight, mean)
	r := float64(rstd)
	v.normalGrad(dx, dy, x, weight, rstd, mean, float32(r*r*r*sumGX/float64(n)), float32(r*sumG/float64(n)))
}

// RMSNorm sets y[i] = x[i]*rstd*weight[i] for one row and returns
// rstd = 1/sqrt(mean of squares + eps). weight may be nil; y may be x. The sum is
// that of [Vec.SumSq64].
func (v *Vec) RMSNorm(y, x, weight []float32, eps float64) (rstd float32) {
	rstd = float32(1 / math.Sqrt(v.SumSq64(x)/float64(len(x))+eps))
	if weight != nil {
		v.Run(NormMul, y[:len(x)], x, weight, nil, 0, rstd)
	} else {
		v.Run(MulS, y[:len(x)], x, nil, nil, rstd, 0)
	}
	return rstd
}

// RMSNormGrad computes the gradients of one row of [Vec.RMSNorm]: with
// g = dy*weight and h = x*rstd,
//
//	dx[i] = rstd * (g[i] - h[i] * mean of g*h)
//	dweight[i] += dy[i] * h[i]
//
// weight and dweight may be nil. dx may be dy or x.
func (v *Vec) RMSNormGrad(dx, dy, x, weight, dweight []float32, rstd float32) {
	n := len(x)
	if dweight != nil {
		v.Run(NormFma, dweight[:n], x, dy, dweight, 0, rstd)
	}
	_, sumGX := v.gradSums(dy, x, weight, 0)
	r := float64(rstd)
	v.normalGrad(dx, dy, x, weight, rstd, 0, float32(r*r*r*sumGX/float64(n)), 0)
}

// gradSums returns the sums of g and of g*(x-mean), g = dy*weight, or dy where
// weight is nil.
func (v *Vec) gradSums(dy, x, weight []float32, mean float32) (sumG, sumGX float64) {
	for i := 0; i < len(x); i += blockLen {
		r0, r1 := v.normSums(min(blockLen, len(x)-i), &dy[i], &x[i], address(weight, i), mean)
		sumG += float64(r0)
		sumGX += float64(r1)
	}
	return sumG, sumGX
}

// normalGrad sets dx = scale*g - (x-mean)*slope - shift, g = dy*weight, or dy
// where weight is nil. dx may be dy or x.
func (v *Vec) normalGrad(dx, dy, x, weight []float32, scale, mean, slope, shift float32) {
	grad := v.normGrad[0]
	if weight != nil {
		grad = v.normGrad[1]
	}
	for i := 0; i < len(x); i += maxCall {
		grad(min(maxCall, len(x)-i), &dx[i], &dy[i], &x[i], address(weight, i), nil, nil, scale, mean, slope, shift, 0, 0, 0, 0)
	}
}

// address returns &s[i], or nil for an empty slice.
func address(s []float32, i int) *float32 {
	if len(s) == 0 {
		return nil
	}
	return &s[i]
}
