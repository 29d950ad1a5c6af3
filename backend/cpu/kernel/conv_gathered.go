package kernel

// A gatheredConv is a convolution as a matrix product with a packed weight, of
// some images at a time: the pixels that the taps of a result meet are copied to
// a row, tap after tap, with the channels of each.
type gatheredConv struct {
	spec     ConvSpec
	tile     *Tile
	pieces   [2]gatheredPiece // all but the last, and the last
	count    int
	ordering work // channels of the weight's result
}

// A gatheredPiece computes the results of some images.
type gatheredPiece struct {
	images    int
	product   *Gemm
	gathering work // rows of results
}

const (
	// gatheredRows is about the number of results of a piece: enough to pay for
	// fetching the weight, few enough for their pixels to stay near.
	gatheredRows = 192
	// gatheredPixels is the largest result, and gatheredChannels the least number
	// of channels, for which that is faster. Found with BenchmarkPackedConv.
	gatheredPixels   = 64
	gatheredChannels = 96
)

// newGathered plans y; nil where a correlation is as fast. Rows of results that
// are shorter than a block of the tile leave its blocks short, and each row fetches
// the weight again.
func newGathered(set *Set, s ConvSpec, workers int) *gatheredConv {
	pixels := s.Out[0] * s.Out[1] * s.Out[2]
	if s.Groups != 1 || s.Stride == [3]int{1, 1, 1} || s.Out[2] >= set.Tile.Rows || pixels > gatheredPixels ||
		s.C < gatheredChannels || s.N*pixels == 0 {
		return nil
	}
	g := &gatheredConv{spec: s, tile: &set.Tile}
	images := min(s.N, ceil(gatheredRows, pixels))
	g.count = ceil(s.N, images)
	for i, n := range [2]int{images, s.N - (g.count-1)*images} {
		rows, row := n*s.Out[0]*s.Out[1], g.row()
		g.pieces[i] = gatheredPiece{
			images:    n,
			product:   NewGemm(set, GemmSpec{Batch: 1, M: n * pixels, N: s.O, K: row, LdA: row, TransB: true, LdB: row, LdC: s.O, PackedB: true}, workers),
			gathering: cut(rows, float64(s.Out[2]*row)*packNanos, workers),
		}
	}
	g.ordering = cut(s.O, float64(g.row())*packNanos, workers)
	return g
}

// row is the number of pixels' channels that a result is a sum of.
func (g *gatheredConv) row() int { return g.spec.C * g.spec.taps() }

// gathered is the size of the pixels of a piece.
func (g *gatheredConv) gathered() int {
	s := &g.spec
	return roundUp(g.pieces[0].images*s.Out[0]*s.Out[1]*s.Out[2]*g.row(), alignment)
}

// Layout is that of a product: with one tap the weight is the same.
func (g *gatheredConv) Layout() PackLayout {
	l := packedProduct{g.pieces[0].product}.Layout()
	l.taps, l.in = g.spec.Kernel, g.spec.C
	return l
}

func (g *gatheredConv) Packed() int { return g.pieces[0].product.PackedSize() }

func (g *gatheredConv) Scratch() int {
	product := max(g.pieces[0].product.Scratch(), g.pieces[1].product.Scratch())
	return alignment + max(g.gathered()+product, g.spec.O*g.row())
}

// BindWeight brings the weight [O C taps] in the order of the gathered pixels, and
// packs it.
func (g *gatheredConv) BindWeight(weight, packed, scratch []float32) []Phase {
	s, product := &g.spec, g.pieces[0].product
	row, taps := g.row(), s.taps()
	if taps == 1 {
		return product.PackB(weight, packed)
	}
	ordered := align(scratch)[:s.O*row]
	order := Phase{Chunks: g.ordering.chunks, Run: func(_, chunk int) {
		lo, hi := g.ordering.span(chunk)
		for o := lo; o < hi; o++ {
			g.tile.transpose(ordered[o*row:], s.C, weight[o*row:], taps, s.C, taps)
		}
	}}
	return append([]Phase{order}, product.PackB(ordered, packed)...)
}

func (g *gatheredConv) Bind(source, packed, result, scratch []float32, after Epilogue) []Phase {
	s := &g.spec
	scratch = align(scratch)
	pixels, rest := scratch[:g.gathered()], scratch[g.gathered():]
	var phases []Phase
	for i := range g.count {
		p := &g.pieces[0]
		if i == g.count-1 {
			p = &g.pieces[1]
		}
		rows := i * g.pieces[0].images * s.Out[0] * s.Out[1] // before
		phases = append(phases, Phase{Chunks: p.gathering.chunks, Run: func(_, chunk int) {
			lo, hi := p.gathering.span(chunk)
			for y := lo; y < hi; y++ {
				for tap := range s.taps() {
					s.gatherRow(pixels[y*s.Out[2]*g.row()+tap*s.C:], g.row(), source, rows+y, tap)
				}
			}
		}})
		first := rows * s.Out[2]
		moved := after
		if after != nil && first > 0 {
			moved = func(worker, batch, r0, r1, c0, c1 int) { after(worker, batch, first+r0, first+r1, c0, c1) }
		}
		phases = append(phases, p.product.Bind(pixels, packed, result[first*s.O:], rest, moved)...)
	}
	return phases
}

// gatherRow copies the pixels that a tap meets for the results of a row, the rows
// of all images being counted: that of result i to dst[i*ld:], zeros where the
// tap meets padding.
func (s *ConvSpec) gatherRow(dst []float32, ld int, x []float32, row, tap int) {
	var at [3]int // of the tap for the first result
	for d, k := range [3]int{tap / (s.Kernel[1] * s.Kernel[2]), tap / s.Kernel[2] % s.Kernel[1], tap % s.Kernel[2]} {
		at[d] = k*s.Dilation[d] - s.PadLo[d]
	}
	image, z, y := row/(s.Out[0]*s.Out[1]), row/s.Out[1]%s.Out[0]*s.Stride[0]+at[0], row%s.Out[1]*s.Stride[1]+at[1]
	var from []float32
	if z >= 0 && z < s.In[0] && y >= 0 && y < s.In[1] {
		from = x[((image*s.In[0]+z)*s.In[1]+y)*s.In[2]*s.C:][:s.In[2]*s.C]
	}
	for i := range s.Out[2] {
		pixel := dst[i*ld:][:s.C]
		if j := i*s.Stride[2] + at[2]; from == nil || j < 0 || j >= s.In[2] {
			clear(pixel)
		} else {
			copy(pixel, from[j*s.C:])
		}
	}
}
