package kernel

// A PackedConv is a planned convolution of which the weight is packed once and
// serves many images.
type PackedConv interface {
	// Layout is the form of the packed weight.
	Layout() PackLayout
	// Packed and Scratch return the numbers of floats that the packed weight and
	// scratch memory take.
	Packed() int
	Scratch() int
	// BindWeight packs the weight.
	BindWeight(weight, packed, scratch []float32) []Phase
	// Bind is [Conv.Bind] with the packed weight.
	Bind(source, packed, result, scratch []float32, after Epilogue) []Phase
}

// NewPackedConv plans y = conv(x, weight); nil where a Conv does not profit from
// a weight that is packed: depthwise and narrow ones. It gives the bits of a
// [Conv], unless it has a stride and small images of many channels: a sum of
// those is one of a matrix product.
func NewPackedConv(set *Set, s ConvSpec, workers int) PackedConv {
	p, ok := direct(set, s, false, workers)
	if w, winograd := p.direct.(*winograd); winograd {
		if w.form.kernel == 5 && w.small() {
			return transformedWinograd{w}
		}
		return packedWinograd{w}
	}
	if _, product := p.direct.(pointwise); ok && !product {
		return nil
	}
	// Within one block of channels the product has the bits of the correlation.
	if s.pointwise() && (s.pixels() <= pointwisePixels || s.C <= set.Tile.Depth) {
		g := pointwiseSpec(s, false)
		g.PackedB = true
		return packedProduct{NewGemm(set, g, workers)}
	}
	if g := newGathered(set, s, workers); g != nil {
		return g
	}
	return packedCorrelation{newForward(set, s, workers)}
}

// A PackLayout is the form of a packed weight: equal ones are the same bytes of the
// same weight, whatever the images and the number of workers.
type PackLayout struct {
	cols, depth, groups, in, out int
	taps                         [3]int
	tapsInside                   bool // of a channel
	transformed                  bool
}

// A packedProduct is a convolution whose taps meet one pixel.
type packedProduct struct{ *Gemm }

func (p packedProduct) Layout() PackLayout {
	return PackLayout{cols: p.tile.Cols, depth: p.depth, groups: 1, in: p.spec.K, out: p.spec.N, taps: [3]int{1, 1, 1}}
}

func (p packedProduct) Packed() int { return p.PackedSize() }

func (p packedProduct) BindWeight(weight, packed, _ []float32) []Phase {
	return p.PackB(weight, packed)
}

type packedCorrelation struct{ correlation }

func (c packedCorrelation) Layout() PackLayout {
	return PackLayout{cols: c.tile.Cols, groups: c.groups, in: c.in, out: c.out, taps: c.taps}
}

func (c packedCorrelation) Packed() int { return c.packedSize() }

func (c packedCorrelation) Scratch() int { return c.spareSize() }

func (c packedCorrelation) BindWeight(weight, packed, scratch []float32) []Phase {
	packing, _ := c.bindParts(nil, weight, nil, packed, scratch, nil, (*correlationRun).packForward)
	return packing
}

func (c packedCorrelation) Bind(source, packed, result, scratch []float32, after Epilogue) []Phase {
	_, product := c.bindParts(source, nil, result, packed, scratch, after, nil)
	return product
}

// A packedWinograd has its taps in order. They are transformed in each run: of a
// kernel of 3 by 3 that takes less time than to fetch four times as many numbers.
type packedWinograd struct{ *winograd }

func (w packedWinograd) Layout() PackLayout {
	return PackLayout{cols: w.cols, groups: 1, in: w.in, out: w.out, taps: [3]int{1, w.form.kernel, w.form.kernel}, tapsInside: true}
}

func (w packedWinograd) Packed() int { return alignment + w.packedAt(w.panels, 0) }

func (w packedWinograd) Scratch() int { return w.scratch() }

func (w packedWinograd) BindWeight(weight, packed, _ []float32) []Phase {
	packed = align(packed)
	slices := w.in / winogradLanes
	turning := cut(w.panels*slices, float64(w.turning())*packNanos, w.workers)
	return []Phase{{Chunks: turning.chunks, Run: func(_, chunk int) {
		lo, hi := turning.span(chunk)
		for u := lo; u < hi; u++ {
			panel, channel := u/slices, u%slices*winogradLanes
			w.turn(packed[w.packedAt(panel, channel):], weight, panel, channel)
		}
	}}}
}

func (w packedWinograd) Bind(source, packed, result, scratch []float32, after Epilogue) []Phase {
	packed = align(packed)[:w.packedAt(w.panels, 0)]
	return (&winogradRun{winograd: w.winograd, source: source, packed: packed, result: result, after: after}).phases(scratch)
}

// A transformedWinograd has its weight transformed: of a kernel of 5 by 5 that is
// 1.4 times as many numbers as its taps.
type transformedWinograd struct{ *winograd }

func (w transformedWinograd) Layout() PackLayout {
	return PackLayout{cols: w.cols, depth: w.depth, groups: 1, in: w.in, out: w.out, taps: [3]int{1, w.form.kernel, w.form.kernel}, transformed: true}
}

func (w transformedWinograd) Packed() int { return alignment + w.shared() }

func (w transformedWinograd) Scratch() int { return alignment + w.workers*w.own() }

func (w transformedWinograd) BindWeight(weight, packed, scratch []float32) []Phase {
	before, _ := (&winogradRun{winograd: w.winograd, weight: weight}).parts(packed, scratch)
	return before
}

func (w transformedWinograd) Bind(source, packed, result, scratch []float32, after Epilogue) []Phase {
	_, results := (&winogradRun{winograd: w.winograd, source: source, result: result, after: after}).parts(packed, scratch)
	return results
}
