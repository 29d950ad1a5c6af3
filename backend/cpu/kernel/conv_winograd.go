package kernel

// A winograd is a convolution by the method of winograd.go, forward or its
// gradient by the input. The sum over the channels of the source is cut in
// blocks, which are added in order.
//
// A gradient is a convolution too, with the weight turned and its channels
// exchanged. Where the results of the convolution are small images and those of
// the gradient larger, by what padding does not make good, the gradient takes
// fewer squares if each of dy is spread to one of 6 by 6 pixels, and these are
// added where they overlap: tile after tile, all tiles of an image by one worker.
//
// With many tiles, squares of results, the weight is transformed first, once
// for all, and a unit is some bands: rows of tiles. With few tiles and many
// channels the images are transformed first, and a unit is a panel of channels
// of the result, for which it transforms the weight itself, block by block,
// just before it is used. No bit depends on which it is.
type winograd struct {
	tile      *Tile
	form      *winogradForm
	from, to  tiling // of source and result
	workers   int
	exchanged bool // the channels of the weight, for a gradient
	turned    bool // its taps too
	overlaps  bool // squares of the result, which are added

	images, in, out int // channels of source and result

	cols, panels  int // of the result
	depth, blocks int // of the source
	byPanel       bool

	count           int // tiles of a unit, or of all images
	bands           int // of a unit
	before, pending work
}

const (
	// winogradDepth is the most channels in a block of the sum.
	winogradDepth = 64
	// winogradTiles is the number of tiles of a unit: few enough for its
	// transformed images and products to stay in the second cache, enough to
	// pay for the weight that each unit reads (BenchmarkConv, resnet).
	winogradTiles = 48
	// winogradWeights is the size of a transformed weight, in floats, that
	// stays in the second cache.
	winogradWeights = 256 << 10
)

// newWinograd plans y from x, or with input dx from dy; nil where the sum by
// its formula is as fast: few channels, or images that fill few tiles.
func newWinograd(set *Set, s ConvSpec, input bool, workers int) *winograd {
	one := [3]int{1, 1, 1}
	f := set.winograd.form(s.Kernel[1])
	if f == nil || s.Groups != 1 || s.Kernel != [3]int{1, f.kernel, f.kernel} || s.Stride != one || s.Dilation != one || s.PadLo[0] != 0 || s.PadHi[0] != 0 ||
		s.C%winogradLanes != 0 || s.O%winogradLanes != 0 || s.C < f.least || s.O < f.least || s.N*s.In[0] == 0 ||
		s.PadLo[1] >= f.kernel || s.PadLo[2] >= f.kernel {
		return nil
	}
	w := &winograd{
		tile: &set.Tile, form: f, workers: workers, exchanged: input, turned: input,
		images: s.N * s.In[0], in: s.C, out: s.O,
	}
	w.from, w.to = f.cut(set, s.In, s.Out, s.PadLo)
	if input {
		x, y := w.from, w.to
		w.in, w.out = s.O, s.C
		w.from, w.to = f.cut(set, s.Out, s.In, [3]int{0, f.kernel - 1 - s.PadLo[1], f.kernel - 1 - s.PadLo[2]})
		if n := y.count(); n < w.to.count() && n <= winogradTiles {
			w.from, w.to, w.turned, w.overlaps = y, x, false, true
			w.from.transform, w.to.transform = f.spread, set.winograd.overlay
		}
	}
	w.from.channels, w.to.channels = w.in, w.out
	// Products by the formula, those with padding left out, against those of
	// whole tiles and the transforms.
	if float64(s.inside(1)*s.inside(2)) < 1.5*float64(winogradPoints*w.from.count()) {
		return nil
	}
	t := w.tile
	w.cols = min(t.Cols, w.out)
	w.panels = ceil(w.out, w.cols)
	w.blocks = ceil(w.in, winogradDepth)
	w.depth = roundUp(ceil(w.in, w.blocks), winogradLanes)
	w.blocks = ceil(w.in, w.depth)

	tiles := w.from.tiles
	all := w.images * w.from.count()
	nanos := float64(winogradPoints*w.in*w.out) / t.Speed // of a tile
	weightNanos := float64(w.in*w.out) * winogradPoints / t.Speed
	w.byPanel = !w.small() && all <= 2*w.out
	if w.byPanel {
		w.count, w.bands = all, 1
		w.before = cut(w.images*tiles[0], float64(tiles[1]*winogradPoints*w.in)/t.Speed*4, workers)
		w.pending = cut(w.panels, (nanos*float64(all)+weightNanos)/float64(w.panels), workers)
		return w
	}
	together := 1 // bands
	if w.overlaps {
		together = tiles[0]
	}
	w.bands = together * max(1, min(winogradTiles/(together*tiles[1]), ceil(w.images*tiles[0]/together, workers)))
	w.count = w.bands * tiles[1]
	w.before = cut(w.panels*w.blocks, weightNanos/float64(w.panels*w.blocks), workers)
	w.pending = cut(ceil(w.images*tiles[0], w.bands), nanos*float64(w.count), workers)
	return w
}

// cut cuts the images of a convolution in squares of pixels, and its results in
// those that are made of them.
func (f *winogradForm) cut(set *Set, in, out, padding [3]int) (pixels, results tiling) {
	pixels = tiling{transform: set.winograd.image, side: winogradIn, apart: f.out}
	results = tiling{transform: f.result, side: f.out, apart: f.out}
	for d := range 2 {
		pixels.size[d], pixels.first[d], results.size[d] = in[1+d], -padding[1+d], out[1+d]
		pixels.tiles[d] = ceil(out[1+d], f.out)
	}
	results.tiles = pixels.tiles
	return pixels, results
}

// inside is the number of taps along axis d that meet a pixel, for all results
// of a convolution with strides and dilation 1.
func (s *ConvSpec) inside(d int) (n int) {
	for k := range s.Kernel[d] {
		n += max(0, min(s.Out[d], s.In[d]+s.PadLo[d]-k)-max(0, s.PadLo[d]-k))
	}
	return n
}

// small reports whether the transformed weight stays in the second cache.
func (w *winograd) small() bool { return winogradPoints*w.in*w.out <= winogradWeights }

// Strides of the points: a cache line more than the numbers of a point, so
// that points don't compete for the same lines of the first cache.
func (w *winograd) imageStep() int   { return w.count*w.in + alignment }
func (w *winograd) weightStep() int  { return w.depth*w.cols + alignment }
func (w *winograd) productStep() int { return w.count*w.cols + alignment }

// weightBlock is the size of a panel of the transformed weight in one block.
func (w *winograd) weightBlock() int { return winogradPoints * w.weightStep() }

// turning is the memory in which taps are brought in order: of some channels
// of a panel.
func (w *winograd) turning() int { return winogradLanes * w.form.taps() * w.cols }

// packedAt is where a panel has the taps of a channel in the packed weight:
// [panel channel tap column].
func (w *winograd) packedAt(panel, channel int) int {
	return (panel*w.in + channel) * w.form.taps() * w.cols
}

// shared is the scratch memory of all workers, own that of one.
func (w *winograd) shared() int {
	if w.byPanel {
		return winogradPoints * w.imageStep()
	}
	return w.panels * w.blocks * w.weightBlock()
}

func (w *winograd) own() int {
	n := winogradPoints * w.productStep()
	if w.byPanel {
		return n + w.weightBlock() + w.turning()
	}
	return max(n+winogradPoints*w.imageStep(), w.turning())
}

func (w *winograd) scratch() int { return 2*alignment + w.shared() + w.workers*w.own() }

// A winogradRun is a plan with its operands.
type winogradRun struct {
	*winograd
	source, weight, result []float32
	shared                 []float32
	packed                 []float32   // the weight in order, if it was packed once, see turn
	own                    [][]float32 // one a worker
	after                  Epilogue
	segs                   []seg // one a worker
}

func (w *winograd) bind(source, weight, result, scratch []float32, after Epilogue) []Phase {
	return (&winogradRun{winograd: w, source: source, weight: weight, result: result, after: after}).phases(scratch)
}

func (x *winogradRun) phases(scratch []float32) []Phase {
	at := alignment + x.winograd.shared()
	before, results := x.parts(scratch[:at], scratch[at:])
	return append(before, results...)
}

// parts returns the phase that transforms the weight, or by panel the images, to
// shared, and that of the results.
func (x *winogradRun) parts(shared, own []float32) (before, results []Phase) {
	w := x.winograd
	x.segs = make([]seg, w.workers)
	x.shared, own = align(shared)[:w.shared()], align(own)
	for i := range w.workers {
		x.own = append(x.own, own[i*w.own():][:w.own()])
	}
	if w.byPanel {
		return []Phase{{Chunks: w.before.chunks, Run: x.transformBands}}, []Phase{{Chunks: w.pending.chunks, Run: x.runPanels}}
	}
	return []Phase{{Chunks: w.before.chunks, Run: x.transformWeights}}, []Phase{{Chunks: w.pending.chunks, Run: x.runBands}}
}

// transformBands transforms the images of some bands.
func (x *winogradRun) transformBands(_, chunk int) {
	lo, hi := x.before.span(chunk)
	x.from.bands(x.source, x.shared, x.imageStep(), lo*x.from.tiles[1], lo, hi)
}

// transformWeights transforms some panels and blocks of the weight.
func (x *winogradRun) transformWeights(worker, chunk int) {
	lo, hi := x.before.span(chunk)
	for u := lo; u < hi; u++ {
		x.weights(x.shared[u*x.weightBlock():], x.own[worker], u/x.blocks, u%x.blocks)
	}
}

// weights transforms one block of a panel to dst: [point channel column].
func (x *winogradRun) weights(dst, turned []float32, panel, block int) {
	side, taps, cols, step := x.form.kernel, x.form.taps(), x.cols, x.weightStep()
	n := min(cols, x.out-panel*cols)
	c0 := block * x.depth
	c1 := min(c0+x.depth, x.in)
	if !x.exchanged {
		for c := c0; c < c1; c += winogradLanes {
			from := turned
			if x.packed != nil {
				from = x.packed[x.packedAt(panel, c):]
			} else {
				x.turn(turned, x.weight, panel, c)
			}
			for i := range winogradLanes {
				x.form.weight(n, ^uint64(0), 0, &from[i*taps*cols], side*cols, cols, &dst[(c-c0+i)*cols], winogradIn*step, step)
			}
		}
		return
	}
	first, next := 0, cols // tap
	if x.turned {
		first, next = (taps-1)*cols, -cols
	}
	for c := c0; c < c1; c++ {
		x.tile.transpose(turned, cols, x.weight[(c*x.out+panel*cols)*taps:], taps, n, taps)
		x.form.weight(n, ^uint64(0), 0, &turned[first], side*next, next, &dst[(c-c0)*cols], winogradIn*step, step)
	}
}

// turn brings the taps of a panel and winogradLanes channels in order: [channel
// tap column].
func (w *winograd) turn(dst, weight []float32, panel, channel int) {
	n := min(w.cols, w.out-panel*w.cols)
	taps := w.form.taps()
	w.tile.transpose(dst, w.cols, weight[(panel*w.cols*w.in+channel)*taps:], w.in*taps, n, winogradLanes*taps)
}

// runBands computes the units of a chunk, some bands each.
func (x *winogradRun) runBands(worker, chunk int) {
	own := x.own[worker]
	products := own[winogradPoints*x.imageStep():]
	lo, hi := x.pending.span(chunk)
	for u := lo; u < hi; u++ {
		b0 := u * x.bands
		b1 := min(b0+x.bands, x.images*x.from.tiles[0])
		x.from.bands(x.source, own, x.imageStep(), 0, b0, b1)
		for p := range x.panels {
			for b := range x.blocks {
				x.multiply(worker, products, own, x.shared[(p*x.blocks+b)*x.weightBlock():], (b1-b0)*x.from.tiles[1], p, b)
			}
			x.results(products, p, b0, b1)
		}
		if x.after != nil {
			x.after(worker, 0, x.to.pixel(b0), x.to.pixel(b1), 0, x.out)
		}
	}
}

// runPanels computes the panels of a chunk for all images.
func (x *winogradRun) runPanels(worker, chunk int) {
	own := x.own[worker]
	products := own[x.weightBlock()+x.turning():]
	bands := x.images * x.from.tiles[0]
	lo, hi := x.pending.span(chunk)
	for p := lo; p < hi; p++ {
		for b := range x.blocks {
			x.weights(own, own[x.weightBlock():], p, b)
			x.multiply(worker, products, x.shared, own, x.count, p, b)
		}
		x.results(products, p, 0, bands)
		if x.after != nil {
			x.after(worker, 0, 0, x.to.pixel(bands), p*x.cols, min((p+1)*x.cols, x.out))
		}
	}
}

// multiply adds a block of channels to the products of count tiles with a
// panel: [point tile column].
func (x *winogradRun) multiply(worker int, products, images, weights []float32, count, panel, block int) {
	t, g := x.tile, &x.segs[worker]
	n := min(x.cols, x.out-panel*x.cols)
	c := block * x.depth
	g.rsa, g.csa, g.rsb, g.ldc = x.in*floatBytes, floatBytes, x.cols*floatBytes, x.cols*floatBytes
	g.k, g.nseg, g.acc = min(x.depth, x.in-c), 1, min(block, 1)
	points := x.fetchAhead(g, count, panel, block)
	for p := range winogradPoints {
		if p == points {
			g.aheadStep = 0
		}
		g.b = at(weights, p*x.weightStep())
		t.evenRows(count, n, images[p*x.imageStep()+c:], products[p*x.productStep():], g)
	}
	g.aheadStep = 0
}

// fetchAhead lets the products of a block bring the packed weight of the next one
// to the second cache, where that is transformed just before it is used. It
// returns the number of points that do.
func (x *winogradRun) fetchAhead(g *seg, count, panel, block int) int {
	g.aheadStep = 0
	if !x.byPanel || x.packed == nil {
		return 0
	}
	next := x.packedAt(panel, block*x.depth) + x.depth*x.form.taps()*x.cols
	if block == x.blocks-1 {
		next = x.packedAt(panel+1, 0)
	}
	if next >= len(x.packed) {
		return 0
	}
	// Two halves side by side.
	const line = alignment * floatBytes
	half := ceil(x.depth*x.form.taps()*x.cols, 2*alignment)
	g.ahead = uintptr(at(x.packed, next))
	g.ahead2, g.aheadStep = half*line, line
	return ceil(half, ceil(count, x.tile.Rows)*(g.k/4))
}

// results transforms the products of bands lo to hi to the results of a panel.
func (x *winogradRun) results(products []float32, panel, lo, hi int) {
	c := panel * x.cols
	n := min(x.cols, x.out-c)
	if x.overlaps {
		for pixel := x.to.pixel(lo); pixel < x.to.pixel(hi); pixel++ {
			clear(x.result[pixel*x.out+c:][:n])
		}
	}
	x.to.results(products, x.productStep(), x.cols, x.result, c, n, lo, hi)
}
