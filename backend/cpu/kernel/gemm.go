package kernel

// A GemmSpec is a batch of matrix products of row-major float32,
//
//	C[b] = op(A[b]) * op(B[b])      (+ C[b] if Accumulate)
//
// where op(A) has M rows and K columns, op(B) K rows and N columns.
type GemmSpec struct {
	Batch, M, N, K int
	// TransA says that A is stored as K rows of M, TransB that B is stored as
	// N rows of K.
	TransA, TransB bool
	// LdA, LdB and LdC are the elements from one stored row to the next.
	LdA, LdB, LdC int
	// StrideA, StrideB and StrideC are the elements from one matrix of the
	// batch to the next. Zero for A or B: one matrix serves the whole batch.
	StrideA, StrideB, StrideC int
	Accumulate                bool
	// Transient says that nobody but the epilogue reads C. It may then lie in
	// memory that is used again for every region, see [Gemm.SizeC]. It excludes
	// Accumulate.
	Transient bool
	// HalfB says that B is stored in floats of 16 bits, of format FormatB. They
	// are made float32 when B is packed: no bit of the result differs from that
	// of a B in float32.
	HalfB   bool
	FormatB Half
	// PackedB says that B is what [Gemm.PackB] made of it. It excludes HalfB and
	// a StrideB.
	PackedB bool
}

// An Epilogue is called once for every region of the result, after its last
// sum and while it is in cache: rows r0 to r1 and columns c0 to c1 of matrix
// batch. The regions tile the result. It may run on several workers at once.
type Epilogue func(worker, batch, r0, r1, c0, c1 int)

// A Gemm is a planned batch of matrix products. A plan is immutable and may
// be bound many times.
//
// An element of C is summed in blocks of K whose number and size depend on K
// and the set alone. Within a block products are added in order to a sum that
// starts at zero; the blocks are added to C in order. So neither the number
// of workers, nor M, nor N, nor the storage of the operands moves a bit.
type Gemm struct {
	spec    GemmSpec
	tile    *Tile
	workers int

	depth  int // steps of a block of K, the last may be shorter
	blocks int // blocks of K

	way    way
	packsB bool // B is packed, else read in place
	packsA bool // A, transposed, is packed, else read in place; each chunk of strips packs its own
	strips work // strips only: the panels of all batches
	bands  bandPlan

	widen  func(n int, d *float32, s *uint16) // of B stored in 16 bits
	wideAt int                                // where the scratch memory for that begins
}

// A way is how a product is cut. Each has a place for what is used again: the
// sizes decide which of the operands fits in the second cache.
type way int

const (
	// byStrips: columns of C with all rows, in one phase: A stays near.
	byStrips way = iota
	// byBands: rows of C with many columns: B stays near, see gemm_band.go.
	byBands
)

// A work is a number of equal units cut in chunks.
type work struct {
	units, chunks int
}

// span returns the units of a chunk.
func (w work) span(chunk int) (lo, hi int) {
	return chunk * w.units / w.chunks, (chunk + 1) * w.units / w.chunks
}

const (
	// tinyNanos is the work below which a fork costs more than it gains, and
	// leastNanos the least work worth a chunk. Found with BenchmarkGemm.
	tinyNanos  = 10_000
	leastNanos = 5_000
	// chunkNanos is the work of a good chunk.
	chunkNanos = 100_000
)

// cut divides units that take some nanoseconds each among workers.
func cut(units int, nanos float64, workers int) work {
	total := float64(units) * nanos
	if workers == 1 && total <= chunkNanos || total <= tinyNanos || units <= 1 {
		return work{units, 1}
	}
	// Several chunks for each worker, so that one which comes late or is
	// slower takes fewer of them.
	n := max(int(total/chunkNanos), min(4*workers, int(total/leastNanos)))
	if n > workers {
		n = (n + workers - 1) / workers * workers
	}
	return work{units, max(1, min(n, units))}
}

// NewGemm plans a product. The number of workers decides about chunks and
// scratch memory.
func NewGemm(set *Set, spec GemmSpec, workers int) *Gemm {
	t := &set.Tile
	g := &Gemm{spec: spec, tile: t, workers: workers}
	if spec.HalfB {
		g.widen = set.halves.widen[spec.FormatB]
	}
	g.blocks = max(1, ceil(spec.K, t.Depth))
	g.depth = max(8, roundUp(ceil(spec.K, g.blocks), 8))
	g.blocks = max(1, ceil(spec.K, g.depth))

	panels := ceil(spec.N, t.Cols)
	mustPackB := spec.HalfB || spec.TransB
	g.packsB = !spec.PackedB && (mustPackB || collide(spec.LdB) && spec.M > t.Rows)
	// A step of few rows takes as long as one of four.
	nanos := float64(max(spec.M, 4)) * float64(spec.K) * float64(t.Cols) / t.Speed
	if g.packsB {
		nanos += float64(spec.K*t.Cols) * packNanos
	}
	total := nanos * float64(panels*spec.Batch)
	few := panels*spec.Batch < 2*workers
	large := spec.M*min(spec.K, g.depth) > stripElements || total > tinyNanos && few && spec.M > 4*t.Rows
	// C is the largest of the three: each worker writes rows of it. Where C is a
	// weight that an epilogue updates, these are the rows that the worker reads
	// as columns of B in the forward product, so that a weight does not move
	// between the caches of two workers (bench, mlp).
	wide := spec.K < min(spec.M, spec.N) && total > chunkNanos/2
	switch {
	case spec.M > 4*t.Rows && (large || wide || spec.PackedB && spec.N*min(spec.K, g.depth) <= bandElements):
		g.way = byBands
		each := spec.Batch > 1 && spec.StrideB != 0
		long := total > longNanos // enough to pay for a phase of packing
		g.packsB = !spec.PackedB && (mustPackB || long && !each)
		g.packsA = long && spec.TransA && panels > 1
		g.planBands()
		g.wideAt = g.bands.roomB(g.workers) + g.bands.sizeA
	default:
		g.strips = cut(panels*spec.Batch, nanos, workers)
		// The steps of a transposed A are rows of memory; a chunk that uses
		// them often enough packs them first.
		if spec.TransA && collide(spec.LdA) && spec.M > 1 && panels >= 4*workers && total > tinyNanos {
			g.packsA = true
			g.strips.chunks = min(g.strips.chunks, max(workers, panels*spec.Batch/4/workers*workers))
		}
		g.wideAt = workers * g.stripScratch()
	}
	return g
}

const (
	// stripElements is the size of A, within a block of K, up to which it
	// stays in the second cache beside what passes through.
	stripElements = 128 << 10
	// fetchedSteps is the length of a panel that is worth fetching ahead.
	fetchedSteps = 128
	// longNanos is the work of a product that pays for packing what could be
	// read in place (bench, mlp).
	longNanos = 2 * chunkNanos
	// packNanos is the time to pack one float.
	packNanos = 0.2
)

// collide reports whether rows ld floats apart compete for the same lines of
// the first cache, in which lines 4 KiB apart share a place for a few.
func collide(ld int) bool { return ld%(2048/floatBytes) == 0 }

// Scratch returns the number of floats that Bind wants as scratch memory.
func (g *Gemm) Scratch() int {
	if n := g.wideAt + g.workers*g.wideScratch(); n > 0 || g.way != byStrips {
		return n + alignment
	}
	return 0
}

// SizeC returns the number of floats of the C that Bind wants. If passing, C
// is transient memory: when the epilogue runs, worker w finds row r and column
// c of its region, which begins in row r0 and column c0, at
// w*section + (r-r0)*ld + c-c0.
func (g *Gemm) SizeC() (floats, section, ld int, passing bool) {
	s := &g.spec
	if !s.Transient || g.way != byBands || s.K == 0 {
		return (s.Batch-1)*s.StrideC + s.M*s.LdC, 0, 0, false
	}
	return g.workers * g.bands.sizeC, g.bands.sizeC, roundUp(g.bands.partN, alignment), true
}

// wideSteps is the number of steps of a transposed B that are made float32 at a
// time.
const wideSteps = 64

// wideScratch is the memory of one worker for that.
func (g *Gemm) wideScratch() int {
	if g.spec.HalfB && g.spec.TransB {
		return g.tile.Cols * wideSteps
	}
	return 0
}

// stripScratch is the memory of one worker for strips: a panel of B, and A.
func (g *Gemm) stripScratch() int {
	n := 0
	if g.packsB {
		n += g.panelSize()
	}
	if g.packsA {
		n += ceil(g.spec.M, g.tile.Rows) * g.blockSize()
	}
	return n
}

// panelSize is the number of floats of a packed panel of B in a block of K.
func (g *Gemm) panelSize() int { return g.depth * g.tile.Cols }

// PackedSize is the number of floats of a packed B.
func (g *Gemm) PackedSize() int {
	return alignment + g.blocks*ceil(g.spec.N, g.tile.Cols)*g.panelSize()
}

// PackB packs b, stored as the spec says, for plans with PackedB.
func (g *Gemm) PackB(b, packed []float32) []Phase {
	if g.spec.N == 0 || g.spec.K == 0 {
		return nil
	}
	all := *g
	all.bands.partK = g.blocks
	v := &partRun{gemmRun: &gemmRun{Gemm: &all, b: b, packed: align(packed)}, n: g.spec.N}
	return []Phase{v.packing(v.n, g.tile.Cols, v.packB)}
}

// Bind gives the plan its operands. The phases read and write these slices
// whenever they run; C must not overlap the others. After may be nil.
func (g *Gemm) Bind(a, b, c, scratch []float32, after Epilogue) []Phase {
	return g.bind(&gemmRun{Gemm: g, a: a, b: b, c: c, after: after}, scratch)
}

// BindHalf is Bind for a B stored in floats of 16 bits.
func (g *Gemm) BindHalf(a []float32, b []uint16, c, scratch []float32, after Epilogue) []Phase {
	return g.bind(&gemmRun{Gemm: g, a: a, bits: b, c: c, after: after}, scratch)
}

func (g *Gemm) bind(x *gemmRun, scratch []float32) []Phase {
	s := &g.spec
	if s.Batch == 0 || s.M == 0 || s.N == 0 {
		return nil
	}
	if s.K == 0 {
		return []Phase{{Chunks: 1, Run: func(worker, _ int) { g.empty(worker, x.c, x.after) }}}
	}
	x.scratch, x.segs = align(scratch), make([]seg, g.workers)
	if x.packed = x.scratch; s.PackedB {
		x.packed = align(x.b)
	}
	if g.way == byBands {
		return x.bandPhases()
	}
	return []Phase{{Chunks: g.strips.chunks, Run: x.strip}}
}

// empty is the product of matrices without a common dimension.
func (g *Gemm) empty(worker int, c []float32, after Epilogue) {
	s := &g.spec
	for b := range s.Batch {
		if !s.Accumulate {
			for i := range s.M {
				clear(c[b*s.StrideC+i*s.LdC:][:s.N])
			}
		}
		if after != nil {
			after(worker, b, 0, s.M, 0, s.N)
		}
	}
}

// A gemmRun is a plan with its operands.
type gemmRun struct {
	*Gemm
	a, b, c, scratch []float32
	bits             []uint16  // B, if it is stored in 16 bits
	packed           []float32 // B packed, of the part that is computed
	after            Epilogue
	segs             []seg // one a worker
	held             []int // names the part of B that a worker packed for itself; 0 for none
}

// block returns the steps of block p of K.
func (g *Gemm) block(p int) (k0, k int) {
	k0 = p * g.depth
	return k0, min(g.depth, g.spec.K-k0)
}

// strip computes the panels of a chunk, all rows of each.
func (x *gemmRun) strip(worker, chunk int) {
	s, t := &x.spec, x.tile
	panels := ceil(s.N, t.Cols)
	lo, hi := x.strips.span(chunk)
	for lo < hi {
		// The panels of the chunk that belong to one matrix.
		batch, first := lo/panels, lo%panels
		count := min(hi-lo, panels-first)
		j0, j1 := first*t.Cols, min((first+count)*t.Cols, s.N)
		mine := j1 // columns that this worker is likely to compute
		if !x.lastOfShare(chunk) {
			mine = s.N
		}
		for p := range x.blocks {
			x.stripBlock(worker, batch, j0, j1, mine, p)
		}
		if x.after != nil {
			x.after(worker, batch, 0, s.M, j0, j1)
		}
		lo += count
	}
}

// lastOfShare reports whether the chunk is the last one of a worker's share, see
// package pool. What another worker writes should not come to this one's cache.
func (x *gemmRun) lastOfShare(chunk int) bool {
	n := x.strips.chunks
	share := ceil((chunk+1)*x.workers, n)
	return share*n/x.workers == chunk+1
}

// stripBlock adds block p of K to columns j0 to j1 of C, and fetches the panels
// behind each, up to column mine.
func (x *gemmRun) stripBlock(worker, batch, j0, j1, mine, p int) {
	s, t, g := &x.spec, x.tile, &x.segs[worker]
	k0, k := x.block(p)
	scratch := x.scratch[worker*x.stripScratch():]
	x.setA(g, batch, 0, k0)
	if x.packsA {
		packed := scratch[x.stripScratch()-ceil(s.M, t.Rows)*x.blockSize():]
		x.copyA(packed, batch, 0, s.M, p)
		x.setPacked(g, packed)
	}
	a := g.a
	for j := j0; j < j1; j += t.Cols {
		n := min(t.Cols, j1-j)
		g.a = a
		if s.PackedB {
			g.b, g.rsb = at(x.panelsB(s.N, p, j/t.Cols), 0), t.Cols*floatBytes
		} else if x.packsB {
			x.copyB(worker, scratch, batch, j, n, p)
			g.b, g.rsb = at(scratch, 0), t.Cols*floatBytes
		} else {
			g.b, g.rsb = at(x.b, batch*s.StrideB+k0*s.LdB+j), s.LdB*floatBytes
		}
		if left := mine - j - t.Cols; left > 0 && k >= fetchedSteps {
			x.fetchPanel(g, batch, j+t.Cols, min(left, t.Cols), p)
		}
		x.multiply(g, batch, 0, s.M, j, n, p, k)
		g.aheadStep, g.aheadReps = 0, 0
	}
}

// fetchPanel lets the next multiplication fetch n columns of B from column j on
// to the second cache.
func (x *gemmRun) fetchPanel(g *seg, batch, j, n, p int) {
	s, t := &x.spec, x.tile
	k0, k := x.block(p)
	g.k = k
	switch {
	case s.PackedB:
		g.fetch(uintptr(at(x.panelsB(s.N, p, j/t.Cols), 0)), k*t.Cols*floatBytes)
	case s.HalfB || s.TransB && k != s.LdB:
	case s.TransB:
		g.fetch(uintptr(at(x.b, batch*s.StrideB+j*s.LdB)), k*n*floatBytes)
	default:
		// A row after the other, two lines of each.
		g.ahead, g.aheadStep = uintptr(at(x.b, batch*s.StrideB+k0*s.LdB+j)), s.LdB*floatBytes
		g.ahead2, g.aheadReps = alignment*floatBytes, 4
	}
}

// setA points g at row i and step k0 of A where it is stored.
func (x *gemmRun) setA(g *seg, batch, i, k0 int) {
	s := &x.spec
	if s.TransA {
		g.a, g.rsa, g.csa = at(x.a, batch*s.StrideA+k0*s.LdA+i), floatBytes, s.LdA*floatBytes
	} else {
		g.a, g.rsa, g.csa = at(x.a, batch*s.StrideA+i*s.LdA+k0), s.LdA*floatBytes, floatBytes
	}
	g.stepA = x.tile.Rows * g.rsa
}

// copyA packs m rows of a transposed A from row i on, block p of K, by blocks of
// rows: [m/Rows depth Rows].
func (x *gemmRun) copyA(packed []float32, batch, i, m, p int) {
	s, t := &x.spec, x.tile
	k0, k := x.block(p)
	t.split(packed, t.Rows, x.blockSize(), x.a[batch*s.StrideA+k0*s.LdA+i:], s.LdA, k, m)
}

// setPacked points g at packed rows of A.
func (x *gemmRun) setPacked(g *seg, packed []float32) {
	g.a = at(packed, 0)
	g.rsa, g.csa, g.stepA = floatBytes, x.tile.Rows*floatBytes, x.blockSize()*floatBytes
}

// copyB packs n columns of B from column j on, block p of K, by panels:
// [n/Cols depth Cols].
func (x *gemmRun) copyB(worker int, packed []float32, batch, j, n, p int) {
	s, t := &x.spec, x.tile
	k0, k := x.block(p)
	if !s.TransB && !s.HalfB {
		t.split(packed, t.Cols, x.panelSize(), x.b[batch*s.StrideB+k0*s.LdB+j:], s.LdB, k, n)
		return
	}
	for c := 0; c < n; c += t.Cols {
		panel, cols := packed[c/t.Cols*x.panelSize():], min(t.Cols, n-c)
		if s.HalfB {
			x.widenB(worker, panel, batch, j+c, cols, k0, k)
		} else {
			t.transpose(panel, t.Cols, x.b[batch*s.StrideB+(j+c)*s.LdB+k0:], s.LdB, cols, k)
		}
	}
}

// widenB is copyB for a B stored in 16 bits.
func (x *gemmRun) widenB(worker int, panel []float32, batch, j, n, k0, k int) {
	s, t := &x.spec, x.tile
	b := x.bits[batch*s.StrideB:]
	if !s.TransB {
		for p := range k {
			x.widen(n, &panel[p*t.Cols], &b[(k0+p)*s.LdB+j])
		}
		return
	}
	wide := x.scratch[x.wideAt+worker*x.wideScratch():][:x.wideScratch()]
	for p := 0; p < k; p += wideSteps {
		steps := min(wideSteps, k-p)
		for c := range n {
			x.widen(steps, &wide[c*wideSteps], &b[(j+c)*s.LdB+k0+p])
		}
		t.transpose(panel[p*t.Cols:], t.Cols, wide, wideSteps, n, steps)
	}
}

// multiply adds block p of K, of k steps, to m rows from i and n columns from
// j of C, n at most a panel. A and B are set.
func (x *gemmRun) multiply(g *seg, batch, i, m, j, n, p, k int) {
	x.setC(g, batch, i, j, p, k)
	x.tile.rows(m, n, g)
}

// setC points g at row i and column j of C, to which the k steps of block p of
// K are added.
func (x *gemmRun) setC(g *seg, batch, i, j, p, k int) {
	s := &x.spec
	g.k, g.nseg, g.acc = k, 1, 0
	if s.Accumulate || p > 0 {
		g.acc = 1
	}
	g.c, g.ldc = at(x.c, batch*s.StrideC+i*s.LdC+j), s.LdC*floatBytes
}

func ceil(a, b int) int { return (a + b - 1) / b }

func roundUp(a, b int) int { return ceil(a, b) * b }
