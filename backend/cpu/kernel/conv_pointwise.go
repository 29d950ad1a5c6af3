package kernel

// pointwisePixels is the largest image for which a matrix product over the
// pixels of all images is faster than units of rows of one (BenchmarkConv,
// resnet50).
const pointwisePixels = 256

// pixels is the number of pixels of an image.
func (s *ConvSpec) pixels() int { return s.In[0] * s.In[1] * s.In[2] }

// pointwise reports whether y is a matrix product of pixels and weight.
func (s *ConvSpec) pointwise() bool {
	return s.Groups == 1 && s.taps() == 1 && s.In == s.Out && s.PadLo == [3]int{} && s.PadHi == [3]int{} && s.Stride == [3]int{1, 1, 1}
}

// A pointwise convolution is a matrix product: y = x * weight', or with input
// dx = dy * weight.
type pointwise struct{ *Gemm }

func newPointwise(set *Set, s ConvSpec, input bool, workers int) pointwise {
	return pointwise{NewGemm(set, pointwiseSpec(s, input), workers)}
}

func pointwiseSpec(s ConvSpec, input bool) GemmSpec {
	g := GemmSpec{Batch: 1, M: s.N * s.pixels(), N: s.O, K: s.C, LdA: s.C, TransB: true, LdB: s.C, LdC: s.O}
	if input {
		g.N, g.K, g.LdA, g.TransB, g.LdC = s.C, s.O, s.O, false, s.C
	}
	return g
}

func (p pointwise) scratch() int { return p.Scratch() }

func (p pointwise) bind(source, weight, result, scratch []float32, after Epilogue) []Phase {
	return p.Bind(source, weight, result, scratch, after)
}
