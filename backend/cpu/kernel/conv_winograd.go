package kernel

// A winograd is a convolution of 3 by 3 by the method of winograd.go, forward
// or, with the weight turned and its channels exchanged, its gradient by the
// input. The sum over the channels of the source is cut in blocks, which are
// added in order.
//
// With many tiles, squares of results, the weight is transformed first, once
// for all, and a unit is some bands: rows of tiles. With few tiles and many
// channels the images are transformed first, and a unit is a panel of channels
// of the result, for which it transforms the weight itself, block by block,
// just before it is used. No bit depends on which it is.
type winograd struct {
	tile       *Tile
	transforms *winogradTransforms
	pixels     tiling // of the source
	workers    int
	input      bool

	size            [2]int // of an image of the result
	images, in, out int    // channels of source and result

	cols, panels  int // of the result
	depth, blocks int // of the source
	byPanel       bool

	count           int // tiles of a unit, or of all images
	bands           int // of a unit
	before, pending work
}

const (
	winogradTaps = 9
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
	if s.Groups != 1 || s.Kernel != [3]int{1, 3, 3} || s.Stride != one || s.Dilation != one || s.PadLo[0] != 0 || s.PadHi[0] != 0 ||
		s.C%winogradLanes != 0 || s.O%winogradLanes != 0 || s.C < set.winograd.least || s.O < set.winograd.least || s.N*s.In[0] == 0 ||
		s.PadLo[1] > 2 || s.PadLo[2] > 2 {
		return nil
	}
	w := &winograd{
		tile: &set.Tile, transforms: &set.winograd, workers: workers, input: input,
		images: s.N * s.In[0], in: s.C, out: s.O,
	}
	for d := range 2 {
		w.pixels.size[d], w.size[d], w.pixels.first[d] = s.In[1+d], s.Out[1+d], -s.PadLo[1+d]
		if input {
			w.pixels.size[d], w.size[d], w.pixels.first[d] = s.Out[1+d], s.In[1+d], s.PadLo[1+d]-2
		}
		w.pixels.tiles[d] = ceil(w.size[d], winogradOut)
	}
	if input {
		w.in, w.out = s.O, s.C
	}
	w.pixels.transform, w.pixels.side, w.pixels.channels = set.winograd.image, winogradIn, w.in
	tiles := w.pixels.tiles
	// Products by the formula, those with padding left out, against those of
	// whole tiles and the transforms.
	plain := float64(9 * w.size[0] * w.size[1])
	for d := range 2 {
		plain *= 1 - float64(2)/float64(3*w.size[d])
	}
	if plain < 1.5*float64(winogradPoints*tiles[0]*tiles[1]) {
		return nil
	}
	t := w.tile
	w.cols = min(t.Cols, w.out)
	w.panels = ceil(w.out, w.cols)
	w.blocks = ceil(w.in, winogradDepth)
	w.depth = roundUp(ceil(w.in, w.blocks), winogradLanes)
	w.blocks = ceil(w.in, w.depth)

	all := w.images * tiles[0] * tiles[1]
	nanos := float64(winogradPoints*w.in*w.out) / t.Speed // of a tile
	weightNanos := float64(w.in*w.out) * winogradPoints / t.Speed
	w.byPanel = winogradPoints*w.in*w.out > winogradWeights && all <= 2*w.out
	if w.byPanel {
		w.count, w.bands = all, 1
		w.before = cut(w.images*tiles[0], float64(tiles[1]*winogradPoints*w.in)/t.Speed*4, workers)
		w.pending = cut(w.panels, (nanos*float64(all)+weightNanos)/float64(w.panels), workers)
		return w
	}
	w.bands = max(1, min(winogradTiles/tiles[1], w.images*tiles[0]))
	w.count = w.bands * tiles[1]
	w.before = cut(w.panels*w.blocks, weightNanos/float64(w.panels*w.blocks), workers)
	w.pending = cut(ceil(w.images*tiles[0], w.bands), nanos*float64(w.count), workers)
	return w
}

// Strides of the points: a cache line more than the numbers of a point, so
// that points don't compete for the same lines of the first cache.
func (w *winograd) imageStep() int   { return w.count*w.in + alignment }
func (w *winograd) weightStep() int  { return w.depth*w.cols + alignment }
func (w *winograd) productStep() int { return w.count*w.cols + alignment }

// weightBlock is the size of a panel of the transformed weight in one block.
func (w *winograd) weightBlock() int { return winogradPoints * w.weightStep() }

// turning is the memory in which taps are brought in order: of some channels
// of a panel.
func (w *winograd) turning() int { return winogradLanes * winogradTaps * w.cols }

// packedAt is where a panel has the taps of a channel in the packed weight:
// [panel channel tap column].
func (w *winograd) packedAt(panel, channel int) int {
	return (panel*w.in + channel) * winogradTaps * w.cols
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

func (w *winograd) scratch() int { return alignment + w.shared() + w.workers*w.own() }

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
	return w.phases(&winogradRun{winograd: w, source: source, weight: weight, result: result, after: after}, scratch)
}

func (w *winograd) phases(x *winogradRun, scratch []float32) []Phase {
	x.segs = make([]seg, w.workers)
	scratch = align(scratch)
	x.shared, scratch = scratch[:w.shared()], scratch[w.shared():]
	for i := range w.workers {
		x.own = append(x.own, scratch[i*w.own():][:w.own()])
	}
	if w.byPanel {
		return []Phase{{Chunks: w.before.chunks, Run: x.transformBands}, {Chunks: w.pending.chunks, Run: x.runPanels}}
	}
	return []Phase{{Chunks: w.before.chunks, Run: x.transformWeights}, {Chunks: w.pending.chunks, Run: x.runBands}}
}

// transformBands transforms the images of some bands.
func (x *winogradRun) transformBands(_, chunk int) {
	lo, hi := x.before.span(chunk)
	x.pixels.bands(x.source, x.shared, x.imageStep(), lo*x.pixels.tiles[1], lo, hi)
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
	const taps = winogradTaps
	t, cols, step := x.tile, x.cols, x.weightStep()
	n := min(cols, x.out-panel*cols)
	c0 := block * x.depth
	c1 := min(c0+x.depth, x.in)
	if x.input {
		for c := c0; c < c1; c++ {
			t.transpose(turned, cols, x.weight[(c*x.out+panel*cols)*taps:], taps, n, taps)
			x.transforms.weight(n, ^uint64(0), &turned[0], (taps-1)*cols, -3*cols, -cols, &dst[(c-c0)*cols], winogradIn*step, step)
		}
		return
	}
	for c := c0; c < c1; c += winogradLanes {
		from := turned
		if x.packed != nil {
			from = x.packed[x.packedAt(panel, c):]
		} else {
			x.turn(turned, x.weight, panel, c)
		}
		for i := range winogradLanes {
			x.transforms.weight(n, ^uint64(0), &from[i*taps*cols], 0, 3*cols, cols, &dst[(c-c0+i)*cols], winogradIn*step, step)
		}
	}
}

// turn brings the taps of a panel and winogradLanes channels in order: [channel
// tap column].
func (w *winograd) turn(dst, weight []float32, panel, channel int) {
	n := min(w.cols, w.out-panel*w.cols)
	w.tile.transpose(dst, w.cols, weight[(panel*w.cols*w.in+channel)*winogradTaps:], w.in*winogradTaps, n, winogradLanes*winogradTaps)
}

// runBands computes the units of a chunk, some bands each.
func (x *winogradRun) runBands(worker, chunk int) {
	own := x.own[worker]
	products := own[winogradPoints*x.imageStep():]
	lo, hi := x.pending.span(chunk)
	for u := lo; u < hi; u++ {
		b0 := u * x.bands
		b1 := min(b0+x.bands, x.images*x.pixels.tiles[0])
		x.pixels.bands(x.source, own, x.imageStep(), 0, b0, b1)
		for p := range x.panels {
			for b := range x.blocks {
				x.multiply(worker, products, own, x.shared[(p*x.blocks+b)*x.weightBlock():], (b1-b0)*x.pixels.tiles[1], p, b)
			}
			x.results(products, p, b0, b1)
		}
		if x.after != nil {
			x.after(worker, 0, x.pixel(b0), x.pixel(b1), 0, x.out)
		}
	}
}

// pixel is the first pixel of a band.
func (x *winogradRun) pixel(band int) int {
	return (band/x.pixels.tiles[0]*x.size[0] + band%x.pixels.tiles[0]*winogradOut) * x.size[1]
}

// runPanels computes the panels of a chunk for all images.
func (x *winogradRun) runPanels(worker, chunk int) {
	own := x.own[worker]
	products := own[x.weightBlock()+x.turning():]
	bands := x.images * x.pixels.tiles[0]
	lo, hi := x.pending.span(chunk)
	for p := lo; p < hi; p++ {
		for b := range x.blocks {
			x.weights(own, own[x.weightBlock():], p, b)
			x.multiply(worker, products, x.shared, own, x.count, p, b)
		}
		x.results(products, p, 0, bands)
		if x.after != nil {
			x.after(worker, 0, 0, x.pixel(bands), p*x.cols, min((p+1)*x.cols, x.out))
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
	next := x.packedAt(panel, block*x.depth) + x.depth*winogradTaps*x.cols
	if block == x.blocks-1 {
		next = x.packedAt(panel+1, 0)
	}
	if next >= len(x.packed) {
		return 0
	}
	// Two halves side by side.
	const line = alignment * floatBytes
	half := ceil(x.depth*winogradTaps*x.cols, 2*alignment)
	g.ahead = uintptr(at(x.packed, next))
	g.ahead2, g.aheadStep = half*line, line
	return ceil(half, ceil(count, x.tile.Rows)*(g.k/4))
}

// results transforms the products of bands lo to hi to the results of a panel.
func (x *winogradRun) results(products []float32, panel, lo, hi int) {
	n := min(x.cols, x.out-panel*x.cols)
	row, step := x.size[1]*x.out, x.productStep()
	results := tiling{side: winogradOut, size: x.size}
	tile := 0
	for band := lo; band < hi; band++ {
		i := band % x.pixels.tiles[0] * winogradOut
		for tx := range x.pixels.tiles[1] {
			j := tx * winogradOut
			x.transforms.result(n, results.valid(i, j), &products[tile*x.cols], 0, winogradIn*step, step,
				&x.result[(x.pixel(band)+j)*x.out+panel*x.cols], row, x.out)
			tile++
		}
	}
}
