package kernel

// A regionPlan cuts a product into parts of N of which the packed B fits in
// the scratch memory, and each part into regions of C, one a chunk.
type regionPlan struct {
	partN      int // columns of a part
	rows, cols int // of a region
	sizeA      int // floats of A packed by one worker: a region's rows, one block of K
	sizeB      int // floats of the packed part of B
}

const (
	// partElements bounds the packed B: 16 MiB.
	partElements = 4 << 20
	// regionNanos is the work of a region: long enough to pay for bringing
	// its panels to the cache.
	regionNanos = 800_000
	// regionCols is the most columns of a region, and regionBlocks the blocks
	// of rows that it should have: it packs its rows of A, which are packed
	// again by the region beside it, and brings its panels of B from the last
	// cache, as the region below does. Found with BenchmarkGemm.
	regionCols   = 512
	regionBlocks = 6
	// packedColumns is the least width of a region that pays for packing A.
	packedColumns = 160
)

func (g *Gemm) planRegions() {
	s, t, r := &g.spec, g.tile, &g.plan
	r.partN = s.N
	if depth := g.blocks * g.depth; g.packB {
		r.partN = min(s.N, max(t.Cols, partElements/depth/t.Cols*t.Cols))
		r.sizeB = roundUp(r.partN, t.Cols) * depth
	}

	// Several regions for each worker, the same number for all.
	total := float64(s.M) * float64(r.partN) * float64(s.K) / t.Speed
	regions := min(max(int(total/regionNanos), 4*g.workers), 1+int(total/leastNanos))
	regions = roundUp(regions, g.workers)
	r.cols = min(r.partN, regionCols)
	for r.cols > 4*t.Cols && s.M*ceil(r.partN, r.cols) < regions*regionBlocks*t.Rows {
		r.cols = ceil(r.cols, 2)
	}
	r.cols = roundUp(r.cols, t.Cols)
	down := max(1, regions/ceil(r.partN, r.cols))
	r.rows = roundUp(ceil(s.M, down), t.Rows)
	g.packA = min(r.cols, r.partN) >= packedColumns
	if g.packA {
		r.sizeA = r.rows * g.depth
	}
}

func (g *Gemm) regionScratch() int { return g.plan.sizeB + g.workers*g.plan.sizeA }

// regionPhases lists, for every part of every batch, the packing of what is
// not packed yet and the regions.
func (x *gemmRun) regionPhases() []Phase {
	s, r := &x.spec, &x.plan
	var phases []Phase
	// What the scratch memory holds; -1 for nothing.
	type part struct{ batch, j int }
	held := part{-1, -1}
	for batch := range s.Batch {
		for j := 0; j < s.N; j += r.partN {
			v := &regionRun{gemmRun: x, batch: batch, j: j, n: min(r.partN, s.N-j)}
			want := part{batch, j}
			if s.StrideB == 0 {
				want.batch = 0
			}
			v.down, v.across = ceil(s.M, r.rows), ceil(v.n, r.cols)
			if x.packB && want != held {
				held = want
				v.groups = ceil(v.n, packPanels*x.tile.Cols)
				v.packing = cut(x.blocks*v.groups, float64(x.depth*packPanels*x.tile.Cols)*packNanos, x.workers)
				phases = append(phases, Phase{Chunks: v.packing.chunks, Run: v.pack})
			}
			phases = append(phases, Phase{Chunks: v.down * v.across, Run: v.run})
		}
	}
	return phases
}

// A regionRun computes one part of C: all rows, n columns from j.
type regionRun struct {
	*gemmRun
	batch, j, n int

	groups       int // of panels of B to pack, in each block of K
	packing      work
	down, across int // regions
}

// panelB is a panel of the packed B in block p of K: [depth Cols].
func (v *regionRun) panelB(p, panel int) []float32 {
	size := v.panelSize()
	return v.scratch[(p*ceil(v.n, v.tile.Cols)+panel)*size:][:size]
}

// packPanels is the number of panels of B that are packed together, a few
// rows of each in turn: this reads long runs of memory, which the processor
// fetches ahead, where single panels take a few lines of every row.
const packPanels = 8

func (v *regionRun) pack(_, chunk int) {
	const rows = 8
	t := v.tile
	lo, hi := v.packing.span(chunk)
	for u := lo; u < hi; u++ {
		p, j := u/v.groups, u%v.groups*packPanels*t.Cols
		end := min(j+packPanels*t.Cols, v.n)
		k0, k := v.block(p)
		if v.spec.TransB {
			for ; j < end; j += t.Cols {
				v.copyB(v.panelB(p, j/t.Cols), v.batch, v.j+j, min(t.Cols, v.n-j), k0, k)
			}
			continue
		}
		for r := 0; r < k; r += rows {
			for c := j; c < end; c += t.Cols {
				v.copyB(v.panelB(p, c/t.Cols)[r*t.Cols:], v.batch, v.j+c, min(t.Cols, v.n-c), k0+r, min(rows, k-r))
			}
		}
	}
}

// run computes one region: for each block of K every panel of B meets all
// rows, so that the panel stays in a near cache and A in the second.
func (v *regionRun) run(worker, chunk int) {
	s, t, r := &v.spec, v.tile, &v.plan
	// Neighbouring chunks share their panels of B.
	i0, j0 := chunk%v.down*r.rows, chunk/v.down*r.cols
	m, n := min(r.rows, s.M-i0), min(r.cols, v.n-j0)
	g := &v.segs[worker]
	packed := v.scratch[r.sizeB+worker*r.sizeA:][:r.sizeA]
	for p := range v.blocks {
		k0, k := v.block(p)
		if v.packA {
			v.copyA(packed, v.batch, i0, m, p)
			v.setPacked(g, packed)
		} else {
			v.setA(g, v.batch, i0, k0)
		}
		a := g.a
		for j := j0; j < j0+n; j += t.Cols {
			g.a = a
			if v.packB {
				g.b, g.rsb = at(v.panelB(p, j/t.Cols), 0), t.Cols*floatBytes
				v.fetchAhead(g, j0, n, j, p)
			} else {
				g.b, g.rsb = at(v.b, v.batch*s.StrideB+k0*s.LdB+v.j+j), s.LdB*floatBytes
			}
			v.multiply(g, v.batch, i0, m, v.j+j, min(t.Cols, j0+n-j), p, k)
		}
	}
	g.aheadStep = 0
	if v.after != nil {
		v.after(worker, v.batch, i0, i0+m, v.j+j0, v.j+j0+n)
	}
}

// fetchAhead lets the multiplication of the panel at column j with block p of
// K bring the region's next panel of B to the second cache.
func (v *regionRun) fetchAhead(g *seg, j0, n, j, p int) {
	if j += v.tile.Cols; j >= j0+n {
		p, j = p+1, j0
	}
	g.aheadStep = 0
	if p < v.blocks {
		g.ahead = uintptr(at(v.panelB(p, j/v.tile.Cols), 0))
		g.ahead2 = v.panelSize() / 2 * floatBytes
		g.aheadStep = alignment * floatBytes
	}
}
