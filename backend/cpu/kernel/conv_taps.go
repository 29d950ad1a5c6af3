package kernel

// A tapProducts is the gradient by a weight of many channels as a matrix
// product for each tap: of dy, turned, and the pixels that the tap meets, which
// are gathered first. Where the result is large, units of a few rows would
// fetch and store all of it again and again.
type tapProducts struct {
	spec      ConvSpec
	tile      *Tile
	product   *Gemm
	workers   int
	gathering work // rows of results
	turning   work // channels of dy
}

// newTapProducts plans dw; nil where the result is small, or one product
// can't be cut among the workers (BenchmarkConv, resnet50).
func newTapProducts(set *Set, s ConvSpec, workers int) *tapProducts {
	rows := s.N * s.Out[0] * s.Out[1]
	k := rows * s.Out[2]
	if s.Groups > 1 || s.C*s.O < 16<<10 || k > 8<<10 || s.C*s.O < 2*k {
		return nil
	}
	t := &tapProducts{spec: s, tile: &set.Tile, workers: workers}
	t.product = NewGemm(set, GemmSpec{Batch: 1, M: s.O, N: s.C, K: k, TransA: true, LdA: s.O, LdB: s.C, LdC: s.C}, workers)
	t.gathering = cut(rows, float64(s.Out[2]*s.C)*packNanos, workers)
	t.turning = cut(s.O, float64(s.C*s.taps())*packNanos, workers)
	return t
}

// gathered is the size of the pixels of a tap, sums that of the products.
func (t *tapProducts) gathered() int {
	s := &t.spec
	if s.pointwise() {
		return 0
	}
	return roundUp(s.N*s.Out[0]*s.Out[1]*s.Out[2]*s.C, alignment)
}

func (t *tapProducts) sums() int {
	s := &t.spec
	if s.taps() == 1 {
		return 0
	}
	return roundUp(s.taps()*s.O*s.C, alignment)
}

func (t *tapProducts) scratch() int {
	return alignment + t.gathered() + t.sums() + t.product.Scratch()
}

func (t *tapProducts) bind(x, dy, dw, scratch []float32) []Phase {
	s := &t.spec
	scratch = align(scratch)
	pixels, sums := scratch[:t.gathered()], scratch[t.gathered():][:t.sums()]
	rest := scratch[t.gathered()+t.sums():]
	if s.pointwise() {
		return t.product.Bind(dy, x, dw, rest, nil)
	}
	if s.taps() == 1 {
		return append([]Phase{t.gather(x, pixels, 0)}, t.product.Bind(dy, pixels, dw, rest, nil)...)
	}
	var phases []Phase
	for tap := range s.taps() {
		phases = append(phases, t.gather(x, pixels, tap))
		phases = append(phases, t.product.Bind(dy, pixels, sums[tap*s.O*s.C:][:s.O*s.C], rest, nil)...)
	}
	return append(phases, Phase{Chunks: t.turning.chunks, Run: func(_, chunk int) {
		lo, hi := t.turning.span(chunk)
		for o := lo; o < hi; o++ {
			t.tile.transpose(dw[o*s.C*s.taps():], s.taps(), sums[o*s.C:], s.O*s.C, s.taps(), s.C)
		}
	}})
}

// gather copies the pixels that a tap meets, zero where it meets padding.
func (t *tapProducts) gather(x, pixels []float32, tap int) Phase {
	s := &t.spec
	return Phase{Chunks: t.gathering.chunks, Run: func(_, chunk int) {
		lo, hi := t.gathering.span(chunk)
		for row := lo; row < hi; row++ {
			s.gatherRow(pixels[row*s.Out[2]*s.C:], s.C, x, row, tap)
		}
	}}
}
