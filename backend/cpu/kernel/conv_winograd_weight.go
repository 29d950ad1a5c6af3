package kernel

// A winogradWeight is the gradient by a weight by the method of
// winograd.go: for each point a product of the transformed pixels, turned, and
// the transformed dy, whose sum runs over the tiles.
//
// A small gradient is summed in slices, some bands of tiles each, by one worker
// from the pixels to the products; then the slices are added in order. A large
// one is cut in blocks, some channels of x by a panel of dy's, and the bands
// in rounds, of which everything is transformed first.
type winogradWeight struct {
	x, dy   tiling
	tile    *Tile
	form    *winogradForm
	workers int

	bands int // of all images
	step  int // bands of a slice that are transformed at a time, or of a round
	count int // tiles of these

	slices, rounds int // one of them is 0
	rows, cols     int // of a block
	down, panels   int // blocks

	transforming, multiplying, finishing work
}

const (
	// winogradRound is the most tiles of a round.
	winogradRound = 512
	// winogradSlice is the number of tiles that pay for one more slice to add
	// up, winogradSlices the most slices (BenchmarkConv, resnet).
	winogradSlice  = 64
	winogradSlices = 8
	// winogradRows is the most channels of x in a block, so that its products
	// stay in the second cache.
	winogradRows = 48
)

// newWinogradWeight plans dw; nil where the sum by its formula is as fast.
func newWinogradWeight(set *Set, s ConvSpec, workers int) *winogradWeight {
	forward := newWinograd(set, s, false, workers)
	if forward == nil {
		return nil
	}
	w := &winogradWeight{tile: &set.Tile, form: forward.form, workers: workers, x: forward.from, dy: forward.to}
	w.dy.transform = w.form.spread
	across := w.x.tiles[1]
	w.bands = forward.images * w.x.tiles[0]
	pieces := s.C / winogradLanes
	if size := winogradPoints * s.C * s.O; size <= winogradWeights {
		w.step = min(w.bands, max(1, winogradTiles/across))
		w.slices = max(1, min(winogradSlices, w.bands*across/winogradSlice, ceil(w.bands, w.step)))
		w.rows, w.cols, w.down, w.panels = s.C, s.O, 1, 1
		w.multiplying = work{w.slices, w.slices}
		w.finishing = cut(pieces, float64((w.slices+3)*size/pieces)*packNanos, workers)
	} else {
		w.down = ceil(s.C, winogradRows)
		w.rows = roundUp(ceil(s.C, w.down), winogradLanes)
		w.down = ceil(s.C, w.rows)
		w.cols = w.tile.Cols
		w.panels = ceil(s.O, w.cols)
		w.setRounds(ceil(w.bands*across, winogradRound))
		return w
	}
	w.count = w.step * across
	return w
}

// setRounds cuts the bands in about n rounds.
func (w *winogradWeight) setRounds(n int) {
	w.step = ceil(w.bands, n)
	w.rounds = ceil(w.bands, w.step)
	across, blocks := w.x.tiles[1], w.down*w.panels
	w.count = w.step * across
	channels := w.x.channels + w.dy.channels
	w.transforming = cut(2*w.step, float64(across*winogradPoints*channels)*packNanos/2, w.workers)
	products := float64(winogradPoints*w.count) * float64(w.x.channels*w.dy.channels)
	w.multiplying = cut(blocks, products/w.tile.Speed/float64(blocks), w.workers)
}

func (w *winogradWeight) xStep() int     { return w.count*w.x.channels + alignment }
func (w *winogradWeight) dyStep() int    { return w.count*w.dy.channels + alignment }
func (w *winogradWeight) blockStep() int { return w.rows*w.cols + alignment }

// squares is the size of all that is transformed at a time.
func (w *winogradWeight) squares() int { return winogradPoints * (w.xStep() + w.dyStep()) }

// block is the size of the products of a block.
func (w *winogradWeight) block() int { return winogradPoints * w.blockStep() }

// taps is the memory of a worker for the taps of one channel of x.
func (w *winogradWeight) taps() int { return w.form.taps() * w.cols }

// sizes returns the scratch memory that all share, and that of a worker.
func (w *winogradWeight) sizes() (shared, own int) {
	switch {
	case w.slices > 0:
		return w.slices * w.block(), max(w.squares(), w.taps())
	case w.rounds > 1:
		return w.squares() + w.down*w.panels*w.block(), w.taps()
	}
	return w.squares(), w.block() + w.taps()
}

func (w *winogradWeight) scratch() int {
	shared, own := w.sizes()
	return alignment + shared + w.workers*own
}

// A winogradWeightRun is a plan with its operands.
type winogradWeightRun struct {
	*winogradWeight
	xs, dys, dw []float32
	shared      []float32
	own         [][]float32 // one a worker
	segs        []seg       // one a worker
}

func (w *winogradWeight) bind(x, dy, dw, scratch []float32) []Phase {
	shared, own := w.sizes()
	scratch = align(scratch)
	r := &winogradWeightRun{winogradWeight: w, xs: x, dys: dy, dw: dw, shared: scratch[:shared], segs: make([]seg, w.workers)}
	for i := range w.workers {
		r.own = append(r.own, scratch[shared+i*own:][:own])
	}
	if w.slices > 0 {
		return []Phase{{Chunks: w.multiplying.chunks, Run: r.slice}, {Chunks: w.finishing.chunks, Run: r.add}}
	}
	var phases []Phase
	for round := range w.rounds {
		lo, hi := round*w.step, min((round+1)*w.step, w.bands)
		phases = append(phases, Phase{Chunks: w.transforming.chunks, Run: func(_, chunk int) {
			b0, b1 := w.transforming.span(chunk)
			for b := b0; b < b1; b++ {
				if band := lo + b/2; band < hi {
					r.transform(r.shared, b%2, b/2, band, band+1)
				}
			}
		}}, Phase{Chunks: w.multiplying.chunks, Run: func(worker, chunk int) {
			b0, b1 := w.multiplying.span(chunk)
			for b := b0; b < b1; b++ {
				r.roundBlock(worker, b, round, (hi-lo)*w.x.tiles[1])
			}
		}})
	}
	return phases
}

// transform transforms bands lo to hi, of x if which is 0, else of dy, to
// squares from band first on.
func (r *winogradWeightRun) transform(squares []float32, which, first, lo, hi int) {
	if which == 0 {
		r.x.bands(r.xs, squares, r.xStep(), first*r.x.tiles[1], lo, hi)
	} else {
		r.dy.bands(r.dys, squares[winogradPoints*r.xStep():], r.dyStep(), first*r.x.tiles[1], lo, hi)
	}
}

// slice sums up one slice.
func (r *winogradWeightRun) slice(worker, slice int) {
	squares := r.own[worker]
	lo, hi := evenCut(r.bands, r.slices, slice)
	for b := lo; b < hi; b += r.step {
		end := min(b+r.step, hi)
		r.transform(squares, 0, 0, b, end)
		r.transform(squares, 1, 0, b, end)
		r.products(worker, r.shared[slice*r.block():], squares, 0, 0, (end-b)*r.x.tiles[1], b > lo)
	}
}

// add adds the slices, and stores the gradient of some channels of x.
func (r *winogradWeightRun) add(worker, chunk int) {
	lo, hi := r.finishing.span(chunk)
	lo, hi = lo*winogradLanes, hi*winogradLanes
	for s := 1; s < r.slices; s++ {
		for p := range winogradPoints {
			from := p*r.blockStep() + lo*r.cols
			n := (hi - lo) * r.cols
			r.tile.add(r.shared[from:][:n], r.shared[s*r.block()+from:])
		}
	}
	r.store(worker, r.shared, 0, 0, lo, hi)
}

// roundBlock adds a round of count tiles to a block and, after the last round,
// stores its gradient.
func (r *winogradWeightRun) roundBlock(worker, block, round, count int) {
	products := r.own[worker][r.taps():]
	if r.rounds > 1 {
		products = r.shared[r.squares()+block*r.block():]
	}
	c, o := block/r.panels*r.rows, block%r.panels*r.cols
	r.products(worker, products, r.shared, c, o, count, round > 0)
	if round == r.rounds-1 {
		r.store(worker, products, c, o, 0, min(r.rows, r.x.channels-c))
	}
}

// products sets or adds to the products of a block, which begins at channel c
// of x and o of dy, those of count tiles: [point row column].
func (r *winogradWeightRun) products(worker int, products, squares []float32, c, o, count int, add bool) {
	t, g := r.tile, &r.segs[worker]
	rows := min(r.rows, r.x.channels-c)
	g.rsa, g.csa, g.rsb, g.ldc = floatBytes, r.x.channels*floatBytes, r.dy.channels*floatBytes, r.cols*floatBytes
	g.k, g.nseg, g.acc = count, 1, 0
	if add {
		g.acc = 1
	}
	for p := range winogradPoints {
		for j := 0; j < r.cols && o+j < r.dy.channels; j += t.Cols {
			n := min(t.Cols, r.cols-j, r.dy.channels-o-j)
			g.b = at(squares, winogradPoints*r.xStep()+p*r.dyStep()+o+j)
			a, to := p*r.xStep()+c, p*r.blockStep()+j
			t.evenRows(rows, n, squares[a:], products[to:], g)
		}
	}
}

// store stores the gradient of rows lo to hi of a block, which begins at
// channel c of x and o of dy, as [o c tap].
func (r *winogradWeightRun) store(worker int, products []float32, c, o, lo, hi int) {
	side, taps := r.form.kernel, r.form.taps()
	n := min(r.cols, r.dy.channels-o)
	sums := r.own[worker][:r.taps()]
	step := r.blockStep()
	for i := lo; i < hi; i++ {
		r.form.gather(n, ^uint64(0), 0, &products[i*r.cols], winogradIn*step, step, &sums[0], side*r.cols, r.cols)
		r.tile.transpose(r.dw[(o*r.x.channels+c+i)*taps:], r.x.channels*taps, sums, r.cols, taps, n)
	}
}
