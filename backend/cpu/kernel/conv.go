package kernel

// A ConvSpec is a convolution of channels-last images, as torch.nn.ConvNd
// defines it apart from the layout:
//
//	x [N In[0] In[1] In[2] C], y [N Out[0] Out[1] Out[2] O]
//	weight [O C/Groups Kernel[0] Kernel[1] Kernel[2]]
//	y[n p o] = sum over c, k of x[n, p*Stride - PadLo + k*Dilation, c] * weight[o c k]
//
// where x is zero outside the image. Images of fewer than three dimensions
// have leading sizes of 1 (and kernels 1, strides 1, padding 0, dilation 1).
// Out is (In + PadLo + PadHi - Dilation*(Kernel-1) - 1)/Stride + 1, rounded
// down.
//
// The order of every sum depends on the spec and the set alone. A product
// with padding may or may not be formed: infinite or NaN weights give NaN at
// the border, or don't. Kernels of 3 by 3 and 5 by 5 over many channels are
// computed by Winograd's method, in which an infinite pixel or a NaN spreads over
// the square of results around it, 4 by 4 or 2 by 2, and errors are in proportion
// to the largest of these.
type ConvSpec struct {
	N, C, O, Groups                                 int
	In, Out, Kernel, Stride, PadLo, PadHi, Dilation [3]int
}

func (s *ConvSpec) taps() int { return s.Kernel[0] * s.Kernel[1] * s.Kernel[2] }

// flat returns the spec with the pixels of an image as one row, where no tap
// looks at a neighbour: short rows would leave blocks short.
func (s ConvSpec) flat() ConvSpec {
	pixels := s.pixels()
	if s.taps() == 1 && s.In == s.Out && s.PadLo == [3]int{} && pixels <= flatPixels {
		s.In, s.Out = [3]int{1, 1, pixels}, [3]int{1, 1, pixels}
		s.Stride, s.PadHi = [3]int{1, 1, 1}, [3]int{}
	}
	return s
}

// flatPixels is the largest image that is not cut in rows.
const flatPixels = 1024

// forward returns the axes along which y gathers from x.
func (s *ConvSpec) forward() (axes [3]axis) {
	for d := range axes {
		axes[d] = forwardAxis(s.In[d], s.Out[d], s.Kernel[d], s.Stride[d], s.PadLo[d], s.Dilation[d])
	}
	return axes
}

// backward returns the axes along which dx gathers from dy.
func (s *ConvSpec) backward() (axes [3]axis) {
	for d := range axes {
		axes[d] = inputAxis(s.In[d], s.Out[d], s.Kernel[d], s.Stride[d], s.PadLo[d], s.Dilation[d])
	}
	return axes
}

// A Conv is a planned convolution, y from x and weight.
type Conv struct{ planned }

// A planned convolution is a correlation, or a depthwise, narrow or Winograd one.
type planned struct {
	correlation
	pack   func(x *correlationRun, spare []float32, group, panel, c0, c1 int)
	direct interface { // nil for a correlation
		scratch() int
		bind(source, weight, result, scratch []float32, after Epilogue) []Phase
	}
}

// Scratch returns the number of floats that Bind wants as scratch memory.
func (c *planned) Scratch() int {
	if c.direct != nil {
		return c.direct.scratch()
	}
	return c.correlation.Scratch()
}

// Bind gives the plan its operands and its result. After may be nil; its rows
// are the pixels of the result and its columns the channels.
func (c *planned) Bind(source, weight, result, scratch []float32, after Epilogue) []Phase {
	if c.direct != nil {
		return c.direct.bind(source, weight, result, scratch, after)
	}
	return c.bind(source, weight, result, scratch, after, c.pack)
}

// direct plans y from x, or with input dx from dy, where that is no
// correlation; false where it is.
func direct(set *Set, s ConvSpec, input bool, workers int) (p planned, ok bool) {
	if s.depthwise() {
		return planned{direct: newDepthwise(set, s, input, workers)}, true
	}
	if n := newNarrow(set, s, input, workers); n != nil {
		return planned{direct: n}, true
	}
	if s.pointwise() && s.pixels() <= pointwisePixels {
		return planned{direct: newPointwise(set, s, input, workers)}, true
	}
	if w := newWinograd(set, s, input, workers); w != nil {
		return planned{direct: w}, true
	}
	return p, false
}

// NewConv plans y = conv(x, weight). The number of workers decides about
// chunks and scratch memory.
func NewConv(set *Set, s ConvSpec, workers int) *Conv {
	if p, ok := direct(set, s, false, workers); ok {
		return &Conv{p}
	}
	return &Conv{planned{correlation: newForward(set, s, workers), pack: (*correlationRun).packForward}}
}

// newForward plans y as a correlation.
func newForward(set *Set, s ConvSpec, workers int) correlation {
	s = s.flat()
	return newCorrelation(&set.Tile, workers, s.N, s.Groups, s.C/s.Groups, s.O/s.Groups, s.forward())
}

// A ConvInput is a planned gradient of a convolution by its input.
type ConvInput struct{ planned }

// NewConvInput plans dx from dy and weight. With a stride above 1, each
// residue of the coordinates of dx gathers from dy by taps of its own.
func NewConvInput(set *Set, s ConvSpec, workers int) *ConvInput {
	if p, ok := direct(set, s, true, workers); ok {
		return &ConvInput{p}
	}
	s = s.flat()
	return &ConvInput{planned{
		correlation: newCorrelation(&set.Tile, workers, s.N, s.Groups, s.O/s.Groups, s.C/s.Groups, s.backward()),
		pack:        (*correlationRun).packInput,
	}}
}
