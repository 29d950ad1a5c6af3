package kernel

// A bandPlan cuts a product into parts of N of which B, within a block of K,
// stays in the second cache, and each part into bands, rows of C. A block of
// rows of A, in the first cache, meets all panels of the part: A and C are
// walked through in the order of memory.
//
// B is packed part after part: by all workers, which then share the rows of the
// part, or by the one that works on it, see [Gemm.ownParts]. Of a transposed A the
// steps are rows of memory: it is packed as a whole, or in parts of M where that
// would be too large, and then read in the order of memory as well.
type bandPlan struct {
	partM, partN int  // rows and columns of a part
	partK        int  // blocks of K that are packed at a time
	work         work // blocks of rows of a part, of the matrices that are done in one phase
	single       bool // a phase does one matrix of the batch
	sizeA, sizeB int  // floats of the packed parts
	own          bool // a worker packs its own parts of B
	sizeC        int  // floats of a transient band
	long         bool // transient bands of long rows: all of their A stays near
}

const (
	// bandElements is the size of a part of B in a block of K. Found with
	// BenchmarkGemmFar.
	bandElements = 256 << 10
	// longElements is the size of the rows of A of a long band in a block of K.
	longElements = 84 << 10
	// packedElements bounds the packed part of A: 1024 rows, in whole blocks of
	// them, by 1024 steps. PartElements bounds that of B: 16 MiB.
	packedElements = 1032 << 10
	partElements   = 4 << 20
	// ownColumns is the least width of a part that one worker packs for itself.
	ownColumns = 192
	// nearElements is how much of A and C may stay in a worker's caches (bench,
	// gpt and gpt512).
	nearElements = 768 << 10
)

func (g *Gemm) planBands() {
	s, t, b := &g.spec, g.tile, &g.bands
	b.partK = 1
	if s.Transient {
		b.partK = g.blocks // nobody keeps C from block to block
	}
	depth, near := b.partK*g.depth, bandElements/g.depth
	if b.long = s.Transient && s.N > near; b.long {
		near = s.N
	}
	b.partM, b.partN = s.M, evenPart(s.N, t.Cols, min(near, partElements/depth))
	if g.packsA {
		b.partM = evenPart(s.M, t.Rows, packedElements/depth)
		b.sizeA = b.partK * ceil(b.partM, t.Rows) * g.blockSize()
	}
	if b.own = g.ownParts(); b.own {
		parts := roundUp(ceil(s.N, b.partN), g.workers)
		b.partN = evenPart(s.N, t.Cols, roundUp(ceil(s.N, parts), t.Cols))
	}
	if g.packsB {
		b.sizeB = depth * roundUp(b.partN, t.Cols)
	}
	b.single = g.packsA || g.packsB && s.StrideB != 0
	count := s.Batch
	if b.single {
		count = 1
	}
	nanos := float64(t.Rows) * float64(s.K) * float64(b.partN) / t.Speed
	b.work = cut(ceil(b.partM, t.Rows)*count, nanos, g.workers)
	switch {
	case b.long:
		most := max(1, longElements/(g.depth*t.Rows))
		b.work.chunks = min(b.work.units, roundUp(max(4*g.workers, ceil(b.work.units, most)), g.workers))
	case b.partK > 1:
		// Every chunk brings all blocks of B to the second cache.
		b.work.chunks = min(b.work.chunks, 4*g.workers)
	}
	b.sizeC = ceil(b.work.units, b.work.chunks) * t.Rows * roundUp(b.partN, alignment)
}

// ownParts reports whether each worker packs the parts of B that it works on.
// Then no worker waits for another, and B does not move between their caches; but
// all read all of A, and what comes next may read C in rows, which this cuts.
// While those stay in the caches of the workers that wrote them and are larger
// than B, it is B that should move.
func (g *Gemm) ownParts() bool {
	s, b := &g.spec, &g.bands
	if g.workers == 1 || !g.packsB || b.long || b.partK > 1 {
		return false
	}
	sizeB, others := s.K*s.N, s.M*s.K+s.M*s.N
	return sizeB >= bandElements/2 && s.N >= g.workers*ownColumns && (others <= 2*sizeB || others > g.workers*nearElements)
}

// roomB is the number of floats of all packed parts of B.
func (b *bandPlan) roomB(workers int) int {
	if b.own {
		return workers * b.sizeB
	}
	return b.sizeB
}

// evenPart divides n in as few equal parts of at most most as there can be, and
// rounds them up to whole units.
func evenPart(n, unit, most int) int {
	most = max(unit, most/unit*unit)
	if n <= most {
		return n
	}
	return roundUp(ceil(n, ceil(n, most)), unit)
}

// bandPhases lists, for every part, the packing of what is not packed yet and
// the bands. Parts that workers pack for themselves are one phase.
func (x *gemmRun) bandPhases() []Phase {
	s, b := &x.spec, &x.bands
	batches, matrices := 1, s.Batch
	if b.single {
		batches, matrices = s.Batch, 1
	}
	type part struct{ batch, first, block int }
	heldA, heldB := part{-1, -1, -1}, part{-1, -1, -1} // what is packed; -1 for nothing
	var phases []Phase
	if b.own {
		x.held = make([]int, x.workers)
		phases = append(phases, Phase{Chunks: 1, Run: func(int, int) { clear(x.held) }})
	}
	for batch := range batches {
		for p := 0; p < x.blocks; p += b.partK {
			for i := 0; i < s.M; i += b.partM {
				v := partRun{gemmRun: x, batch: batch, i: i, m: min(b.partM, s.M-i), p: p}
				v.work.units = ceil(v.m, x.tile.Rows) * matrices
				v.work.chunks = min(b.work.chunks, v.work.units)
				if a := (part{batch * min(1, s.StrideA), i, p}); x.packsA && a != heldA {
					heldA = a
					phases = append(phases, v.packing(v.m, x.tile.Rows, v.packA))
				}
				if parts := ceil(s.N, b.partN); b.own {
					w := &ownRun{v, 1 + len(phases)*parts}
					phases = append(phases, Phase{Chunks: parts * v.work.chunks, Run: w.run})
					continue
				}
				for j := 0; j < s.N; j += b.partN {
					v := v
					v.j, v.n = j, min(b.partN, s.N-j)
					if b := (part{batch * min(1, s.StrideB), j, p}); x.packsB && b != heldB {
						heldB = b
						phases = append(phases, v.packing(v.n, x.tile.Cols, v.packB))
					}
					phases = append(phases, Phase{Chunks: v.work.chunks, Run: v.run})
				}
			}
		}
	}
	return phases
}

// An ownRun computes all parts of N. Each worker packs those that it comes to.
type ownRun struct {
	partRun
	first int // names the first part, as none of another phase
}

// run computes the bands of a chunk: some rows of one part. Those of a part follow
// each other, and mostly are one worker's.
func (o *ownRun) run(worker, chunk int) {
	v, size, part := o.partRun, o.bands.partN, chunk/o.work.chunks
	v.j, v.n = part*size, min(size, v.spec.N-part*size)
	v.atB = worker * v.bands.sizeB
	if v.held[worker] != o.first+part {
		v.packB(worker, 0, v.n, 0)
		v.held[worker] = o.first + part
	}
	v.run(worker, chunk%o.work.chunks)
}

// A partRun adds partK blocks of K from p on to m rows from i on and n columns
// from j on of C, of the matrices of the batch from batch on.
type partRun struct {
	*gemmRun
	batch, i, m, j, n, p int
	work                 work // blocks of rows
	atB                  int  // where the packed part of B begins
}

// run computes the bands of a chunk.
func (v *partRun) run(worker, chunk int) {
	t := v.tile
	blocks := ceil(v.m, t.Rows)
	lo, hi := v.work.span(chunk)
	g := &v.segs[worker]
	g.far = 1
	for lo < hi {
		// The blocks of the chunk that belong to one matrix.
		batch, first := v.batch+lo/blocks, lo%blocks
		count := min(hi-lo, blocks-first)
		i0, i1 := v.i+first*t.Rows, v.i+min((first+count)*t.Rows, v.m)
		for p := range v.bands.partK {
			if v.bands.long {
				v.longBand(worker, batch, i0, i1-i0, p)
				continue
			}
			for i := i0; i < i1; i += t.Rows {
				v.band(worker, batch, i, min(t.Rows, i1-i), i-i0, p)
			}
		}
		if v.after != nil && v.p+v.bands.partK == v.blocks {
			v.after(worker, batch, i0, i1, v.j, v.j+v.n)
		}
		lo += count
	}
	g.aheadStep, g.aheadReps = 0, 0
}

// band adds block v.p+p of K to m rows of C, a block of rows, from row i on.
// They begin in row r of a transient band.
func (v *partRun) band(worker, batch, i, m, r, p int) {
	s, t, g := &v.spec, v.tile, &v.segs[worker]
	k0, k := v.block(v.p + p)
	g.aheadStep, g.aheadReps = 0, 0
	if v.packsA {
		block := (i - v.i) / t.Rows
		v.setPacked(g, v.panelsA(v.m, p, block))
		if i+t.Rows < v.i+v.m {
			g.fetch(uintptr(at(v.panelsA(v.m, p, block+1), 0)), k*t.Rows*floatBytes)
		}
	} else {
		v.setA(g, batch, i, k0)
		if !s.TransA && k == s.LdA && i+2*t.Rows <= s.M {
			g.fetch(uintptr(at(v.a, batch*s.StrideA+(i+t.Rows)*s.LdA)), t.Rows*k*floatBytes)
		}
	}
	v.setB(g, batch, 0, p)
	if _, section, ld, passing := v.SizeC(); passing {
		g.k, g.nseg, g.acc = k, 1, min(p, 1)
		g.c, g.ldc = at(v.c, worker*section+r*ld), ld*floatBytes
	} else {
		v.setC(g, batch, i, v.j, v.p+p, k)
	}
	t.columns(m, v.n, g)
}

// longBand adds block v.p+p of K to the m rows of a transient band, of row i and
// those behind it. The epilogue of such a band goes over large arrays: it has
// long rows for their sake. So the rows of A stay in the second cache, and the
// panels of B pass by.
func (v *partRun) longBand(worker, batch, i, m, p int) {
	t, g := v.tile, &v.segs[worker]
	k0, k := v.block(v.p + p)
	g.k, g.nseg, g.acc = k, 1, min(p, 1)
	if v.packsA {
		v.setPacked(g, v.panelsA(v.m, p, (i-v.i)/t.Rows))
	} else {
		v.setA(g, batch, i, k0)
	}
	_, section, ld, _ := v.SizeC()
	a := g.a
	g.ldc = ld * floatBytes
	for j := 0; j < v.n; j += t.Cols {
		g.a, g.c = a, at(v.c, worker*section+j)
		g.aheadStep, g.aheadReps = 0, 0
		v.setB(g, batch, j, p)
		if v.packsB && j+t.Cols < v.n {
			g.fetch(uintptr(at(v.partB(p, j/t.Cols+1), 0)), k*t.Cols*floatBytes)
		}
		t.rows(m, min(t.Cols, v.n-j), g)
	}
}

// setB points g at column j of the part of B in block v.p+p of K, and leads from
// there by panels.
func (v *partRun) setB(g *seg, batch, j, p int) {
	s, t := &v.spec, v.tile
	g.rsb, g.stepB = t.Cols*floatBytes, v.panelSize()*floatBytes
	switch k0, _ := v.block(v.p + p); {
	case s.PackedB:
		g.b = at(v.panelsB(s.N, v.p+p, (v.j+j)/t.Cols), 0)
	case v.packsB:
		g.b = at(v.partB(p, j/t.Cols), 0)
	default:
		g.b, g.rsb, g.stepB = at(v.b, batch*s.StrideB+k0*s.LdB+v.j+j), s.LdB*floatBytes, t.Cols*floatBytes
	}
}

// fetch lets the next blocks fetch bytes of memory from an address on to the
// second cache.
func (s *seg) fetch(from uintptr, bytes int) {
	const line = alignment * floatBytes
	half := roundUp(bytes, 2*line) / 2
	s.ahead, s.ahead2, s.aheadStep = from, half, line
	s.aheadReps = ceil(half/line, max(1, s.k/4))
}

// blockSize is the number of floats of a packed block of rows of A in a block of K.
func (g *Gemm) blockSize() int { return g.depth*g.tile.Rows + alignment }

// panelsA is the packed A, of m rows, in the packed block p of K from a block of
// rows on, each [depth Rows].
func (x *gemmRun) panelsA(m, p, block int) []float32 {
	return x.packed[x.bands.roomB(x.workers)+(p*ceil(m, x.tile.Rows)+block)*x.blockSize():]
}

// panelsB is the packed B, of n columns, in the packed block p of K from a panel
// on, each [depth Cols].
func (x *gemmRun) panelsB(n, p, panel int) []float32 {
	return x.packed[(p*ceil(n, x.tile.Cols)+panel)*x.panelSize():]
}

// partB is the packed part of B in the packed block p of K from a panel on.
func (v *partRun) partB(p, panel int) []float32 { return v.panelsB(v.n, p, panel)[v.atB:] }

// packPanels is the number of panels that are packed together, a row of each in
// turn: this reads long runs of memory, which the processor fetches ahead, where
// single panels take a few lines of every row.
const packPanels = 8

// packing is the phase that packs a part of A or B of n rows or columns, so many
// of them in a panel.
func (v *partRun) packing(n, panel int, pack func(worker, first, n, p int)) Phase {
	group := min(packPanels, ceil(ceil(n, panel), v.workers)) * panel
	groups := ceil(n, group)
	w := cut(v.bands.partK*groups, float64(v.depth*min(n, group))*packNanos, v.workers)
	return Phase{Chunks: w.chunks, Run: func(worker, chunk int) {
		for u, hi := w.span(chunk); u < hi; u++ {
			first := u % groups * group
			pack(worker, first, min(group, n-first), u/groups)
		}
	}}
}

// packA packs m rows of A from row i of the part on, in block v.p+p of K.
func (v *partRun) packA(_, i, m, p int) {
	v.copyA(v.panelsA(v.m, p, i/v.tile.Rows), v.batch, v.i+i, m, v.p+p)
}

// packB packs n columns of B from column j of the part on, in block v.p+p of K.
func (v *partRun) packB(worker, j, n, p int) {
	v.copyB(worker, v.partB(p, j/v.tile.Cols), v.batch, v.j+j, n, v.p+p)
}
