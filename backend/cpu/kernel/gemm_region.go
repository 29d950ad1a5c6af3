package kernel

// A regionPlan cuts a product into parts of N of which the packed B fits in
// the scratch memory, and each part into regions of C, one a chunk.
type regionPlan struct {
	partN      int // columns of a part
	down       int // regions below each other
	rows, cols int // most of a region
	sizeA      int // floats of A packed by one worker: a region's rows, one block of K
	sizeB      int // floats of the packed part of B
	sizeC, ldC int // floats of a transient region, and from one of its rows to the next
}

const (
	// partElements bounds the packed B: 16 MiB.
	partElements = 4 << 20
	// regionElements is the size of the rows of A of a region, in a block of K:
	// packed, they stay in the second cache beside the panels of B that pass
	// by, once for every region. Found with BenchmarkGemm.
	regionElements = 84 << 10
	// packedColumns is the least width of a region that pays for packing A.
	packedColumns = 160
)

func (g *Gemm) planRegions() {
	s, t, r := &g.spec, g.tile, &g.regions
	r.partN = s.N
	if depth := g.blocks * g.depth; g.packB {
		r.partN = min(s.N, max(t.Cols, partElements/depth/t.Cols*t.Cols))
		r.sizeB = roundUp(r.partN, t.Cols) * depth
	}

	// Several regions for each worker, the same number for all. They are as
	// wide as the part, since a region packs its rows of A, unless there would
	// be too few.
	total := float64(s.M) * float64(r.partN) * float64(s.K) / t.Speed
	least := min(4*g.workers, 1+int(total/leastNanos))
	blocks := ceil(s.M, t.Rows)
	r.down = ceil(blocks, max(1, regionElements/(g.depth*t.Rows)))
	r.down = min(blocks, roundUp(r.down, g.workers))
	r.cols = max(4*t.Cols, roundUp(ceil(r.partN, ceil(least, r.down)), t.Cols))
	r.rows = ceil(blocks, r.down) * t.Rows
	width := min(r.cols, r.partN)
	r.ldC = roundUp(width, alignment)
	r.sizeC = r.rows * r.ldC
	g.packA = width >= packedColumns || s.TransA && collide(s.LdA) && width > t.Cols
	if g.packA {
		r.sizeA = r.rows * g.depth
	}
}

// regionPhases lists, for every part of every batch, the packing of what is
// not packed yet and the regions.
func (x *gemmRun) regionPhases() []Phase {
	s, r := &x.spec, &x.regions
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
			v.across = ceil(v.n, r.cols)
			if x.packB && want != held {
				held = want
				phases = append(phases, v.packing())
			}
			phases = append(phases, Phase{Chunks: r.down * v.across, Run: v.run})
		}
	}
	return phases
}

// A regionRun computes one part of C: all rows, n columns from j.
type regionRun struct {
	*gemmRun
	batch, j, n int

	groups int  // of panels of B to pack, in each block of K
	packs  work // those of all blocks
	across int  // regions beside each other
}

// packing is the phase that packs the part's columns of B.
func (v *regionRun) packing() Phase {
	group := packPanels * v.tile.Cols
	v.groups = ceil(v.n, group)
	v.packs = cut(v.blocks*v.groups, float64(v.depth*group)*packNanos, v.workers)
	return Phase{Chunks: v.packs.chunks, Run: v.pack}
}

// panelsB is the packed B, of n columns, in block p of K from a panel on, each
// [depth Cols].
func (x *gemmRun) panelsB(n, p, panel int) []float32 {
	return x.packed[(p*ceil(n, x.tile.Cols)+panel)*x.panelSize():]
}

// packPanels is the number of panels of B that are packed together, a row of
// each in turn: this reads long runs of memory, which the processor fetches
// ahead, where single panels take a few lines of every row.
const packPanels = 8

func (v *regionRun) pack(worker, chunk int) {
	s, t := &v.spec, v.tile
	lo, hi := v.packs.span(chunk)
	for u := lo; u < hi; u++ {
		p, j := u/v.groups, u%v.groups*packPanels*t.Cols
		end := min(j+packPanels*t.Cols, v.n)
		k0, k := v.block(p)
		if !s.TransB && !s.HalfB {
			t.split(v.panelsB(v.n, p, j/t.Cols), t.Cols, v.panelSize(), v.b[v.batch*s.StrideB+k0*s.LdB+v.j+j:], s.LdB, k, end-j)
			continue
		}
		for ; j < end; j += t.Cols {
			v.copyB(worker, v.panelsB(v.n, p, j/t.Cols), v.batch, v.j+j, min(t.Cols, v.n-j), k0, k)
		}
	}
}

// run computes one region: for each block of K every panel of B meets all
// rows, so that the panel stays in a near cache and A in the second.
func (v *regionRun) run(worker, chunk int) {
	s, t, r := &v.spec, v.tile, &v.regions
	i0, j0, m, n := v.region(chunk)
	g := &v.segs[worker]
	g.far = 1
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
			if v.packB || s.PackedB {
				g.b, g.rsb = at(v.panelsB(v.n, p, j/t.Cols), 0), t.Cols*floatBytes
				v.fetchAhead(g, chunk, j, p)
			} else {
				g.b, g.rsb = at(v.b, v.batch*s.StrideB+k0*s.LdB+v.j+j), s.LdB*floatBytes
			}
			if s.Transient {
				g.k, g.nseg, g.acc = k, 1, min(p, 1)
				g.c, g.ldc = at(v.c, worker*r.sizeC+j-j0), r.ldC*floatBytes
				t.rows(m, min(t.Cols, j0+n-j), g)
				continue
			}
			v.multiply(g, v.batch, i0, m, v.j+j, min(t.Cols, j0+n-j), p, k)
		}
	}
	g.aheadStep = 0
	if v.after != nil {
		v.after(worker, v.batch, i0, i0+m, v.j+j0, v.j+j0+n)
	}
}

// region returns the rows and columns of a chunk within the part.
// Neighbouring chunks share their panels of B.
func (v *regionRun) region(chunk int) (i0, j0, m, n int) {
	t, r := v.tile, &v.regions
	lo, hi := evenCut(ceil(v.spec.M, t.Rows), r.down, chunk%r.down)
	i0, j0 = lo*t.Rows, chunk/r.down*r.cols
	return i0, j0, min(hi*t.Rows, v.spec.M) - i0, min(r.cols, v.n-j0)
}

// fetchAhead lets the multiplication of the panel at column j with block p of
// K bring to the second cache what is wanted next: the next panel of B and,
// with the first panels, the rows of A of the chunk that this worker is likely
// to take next.
func (v *regionRun) fetchAhead(g *seg, chunk, j, p int) {
	const line = alignment * floatBytes
	s, t, r := &v.spec, v.tile, &v.regions
	i0, j0, m, n := v.region(chunk)
	next, nextP := j+t.Cols, p
	if next >= j0+n {
		next, nextP = j0, p+1
	}
	g.aheadStep = 0
	if nextP == v.blocks {
		return
	}
	fetched := ceil(m, t.Rows) * v.depth / 4 * line
	g.ahead = uintptr(at(v.panelsB(v.n, nextP, next/t.Cols), 0))
	g.ahead2, g.aheadStep = fetched, line
	if s.TransA || s.LdA != s.K || p > 0 {
		return
	}
	if i := i0 + v.workers*m; i < s.M && chunk+v.workers < r.down*v.across {
		from := (j - j0) / t.Cols * fetched
		if from < m*s.K*floatBytes {
			g.ahead2 = int(uintptr(at(v.a, v.batch*s.StrideA+i*s.LdA))) + from - int(g.ahead)
		}
	}
}
