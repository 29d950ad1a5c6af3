package kernel

import "math"

// An AttentionSpec is attention of H query heads that share G heads of keys
// and values, over B samples of T queries and S keys:
//
//	a[t][s] = Scale * q[t] . k[s], changed and hidden as the fields say
//	out[t]  = sum over s of e^(a[t][s] - lse[t]) v[s]
//
// It is done in blocks of queries by keys; no more than a block of a exists at
// a time for a worker.
type AttentionSpec struct {
	B, T, S, H, G int
	K, V          int // width of a head of q and k, of v
	// LdQ, LdK and LdV are the elements from one position to the next in q, k
	// and v and in their gradients. Heads lie behind each other. Results and
	// their gradients are [B T H V] and [B T H].
	LdQ, LdK, LdV int

	Scale       float32
	Causal      bool    // hides keys behind the query's position
	Windowed    bool    // hides keys further than Left before or Right behind it
	Left, Right int     // at most 2^31-1
	Cap         float32 // a = Cap tanh(a / Cap), unless 0
	// BiasStride and MaskStride are the elements from one sample, head and
	// query to the next, 0 where one serves all.
	BiasStride, MaskStride [3]int
	// Elements whose random bits are below Threshold are dropped, the others
	// multiplied by Keep.
	Threshold uint64
	Keep      float32
}

// AttentionOperands are what the phases read and write whenever they run. What
// is nil does not take part.
type AttentionOperands struct {
	Q, K, V            []float32
	Position, Lengths  []int64 // a sample
	QuerySegs, KeySegs []int64 // [B T] and [B S]
	Mask               []byte
	Bias               []float32
	Slopes, Sinks      []float32                      // a head
	Draw               func(bits []uint32, first int) // random bits of elements of [B H T S] from a multiple of 4 on
	Out, Lse           []float32
	Delta, DOut        []float32 // backward only, as DQ, DK, DV and DBias
	DQ, DK, DV, DBias  []float32
}

// An Attention is a plan, immutable; it may be bound many times.
//
// Every sum has an order that depends on the spec and the set alone: keys are
// taken in order, in blocks of one size; those of a head's queries too.
type Attention struct {
	spec    AttentionSpec
	set     *Set
	workers int
	grad    bool
	general bool // rows need more than scale and order

	keys int // of a block
	ld   int // of a block's rows
	span int // queries of a chunk, forward and where the gradients by queries come apart
	// together says that one chunk makes all gradients of a sample and group.
	together bool
	size     [numRooms]int // floats of a worker's memory
}

// What a worker has memory for.
const (
	roomKeys    = iota // packed keys of a block: panels [K Cols]
	roomValues         // packed values: panels [V Cols]
	roomScores         // [blockQueries ld]
	roomDeltas         // the gradient by the scores
	roomTangent        // what the cap's tanh gave
	roomMax            // largest score of each query so far
	roomSum            // sum of exponentials of each query so far
	roomLine           // 0, 1, 2, ...
	roomSpare          // a row
	roomBits           // a row's random bits
	numRooms
)

const (
	// blockQueries and blockKeys are the most of a block: its scores stay in
	// the second cache. Found with BenchmarkAttention.
	blockQueries = 128
	blockKeys    = 256
	// fewHeads is the number of samples times groups below which work is cut
	// along the time axis too.
	fewHeads = 32
	// smallPairs is the number of scores of a head below which it is not.
	smallPairs = 1 << 15
)

// NewAttention plans the forward pass.
func NewAttention(set *Set, spec AttentionSpec, workers int) *Attention {
	return newAttention(set, spec, workers, false)
}

// NewAttentionGrad plans the backward pass.
func NewAttentionGrad(set *Set, spec AttentionSpec, workers int) *Attention {
	return newAttention(set, spec, workers, true)
}

func newAttention(set *Set, spec AttentionSpec, workers int, grad bool) *Attention {
	x := &Attention{spec: spec, set: set, workers: workers, grad: grad, span: spec.T}
	x.keys = min(spec.S, blockKeys)
	if grad {
		x.keys = min(spec.S, blockKeys/2)
	}
	// Rows an odd number of lines apart don't compete for places in the cache.
	x.ld = roundUp(x.keys, 2*alignment) + alignment
	few := spec.B*spec.G < fewHeads && spec.T*spec.S > smallPairs
	x.together = !few
	if few {
		parts := ceil(2*fewHeads, spec.B*spec.G)
		x.span = roundUp(ceil(spec.T, parts), blockQueries)
	}
	panel := roundUp(x.keys, set.Tile.Cols)
	block := min(spec.T, blockQueries) * x.ld
	x.size = [numRooms]int{roomKeys: panel * spec.K, roomScores: block, roomLine: x.keys, roomSpare: x.keys, roomBits: x.keys + 8}
	if grad {
		x.size[roomValues], x.size[roomDeltas] = panel*spec.V, block
		if spec.Cap != 0 {
			x.size[roomTangent] = block
		}
	} else {
		rows := min(x.span, spec.T) * (spec.H / spec.G)
		x.size[roomMax], x.size[roomSum] = rows, rows
	}
	for i := range x.size {
		x.size[i] = roundUp(x.size[i], alignment)
	}
	return x
}

// Scratch returns the number of floats that Bind wants as scratch memory.
func (x *Attention) Scratch() int { return x.workers*x.perWorker() + alignment }

func (x *Attention) perWorker() (n int) {
	for _, s := range x.size {
		n += s
	}
	return n
}

// An attentionRun is a plan with its operands.
type attentionRun struct {
	*Attention
	AttentionOperands
	state []attentionWorker
}

// An attentionWorker is the memory of one worker.
type attentionWorker struct {
	seg  seg
	room [numRooms][]float32
	bits []uint32
	// touched tells the blocks of queries of each head, of a chunk, whose sums
	// are there.
	touched []bool
	// Query i of the block sees no keys of the block but those from lo[i] to
	// hi[i]. Both rise by 0 or 1 from a query to the next.
	lo, hi [blockQueries]int
}

// Bind gives the plan its operands; none overlaps another.
func (x *Attention) Bind(o AttentionOperands, scratch []float32) []Phase {
	run := &attentionRun{Attention: x, AttentionOperands: o, state: make([]attentionWorker, x.workers)}
	run.general = o.Mask != nil || o.Bias != nil || o.Slopes != nil || o.QuerySegs != nil || x.spec.Cap != 0
	scratch = align(scratch)
	for i := range run.state {
		w := &run.state[i]
		for k, n := range x.size {
			w.room[k], scratch = scratch[:n:n], scratch[n:]
		}
		w.bits = bitsOf(w.room[roomBits])
		w.touched = make([]bool, x.spec.H/x.spec.G*ceil(x.spec.T, blockQueries))
	}
	line := Phase{Chunks: x.workers, Run: func(_, i int) {
		for j := range run.state[i].room[roomLine] {
			run.state[i].room[roomLine][j] = float32(j)
		}
	}}
	var phases []Phase
	if o.Slopes != nil {
		phases = append(phases, line)
	}
	if x.grad {
		return append(phases, run.gradPhases()...)
	}
	parts := ceil(x.spec.T, x.span)
	return append(phases, Phase{Chunks: x.spec.B * x.spec.G * parts, Run: func(worker, chunk int) {
		run.forward(&run.state[worker], chunk/parts, parts-1-chunk%parts) // the most keys first, if causal
	}})
}

// A block is a block of scores: queries t to t+m of a head and keys s to s+n,
// of one sample.
type attentionBlock struct{ b, h, t, m, s, n int }

// position is where the first query of sample b stands among the keys.
func (x *attentionRun) position(b int) int {
	if x.Position == nil {
		return 0
	}
	const far = 1 << 40 // beyond any key, and no sum with it overflows
	return int(min(max(x.Position[b], -far), far))
}

// see returns the first and the end of the keys s to s+n, counted from s, that
// query t of sample b may see.
func (x *attentionRun) see(b, t, s, n int) (lo, hi int) {
	z := &x.spec
	p := x.position(b) + t - s
	lo, hi = 0, n
	if z.Causal {
		hi = min(hi, p+1)
	}
	if z.Windowed {
		lo, hi = max(lo, p-z.Left), min(hi, p+z.Right+1)
	}
	if x.Lengths != nil {
		hi = min(hi, int(min(max(x.Lengths[b]-int64(s), 0), int64(n))))
	}
	lo = min(max(lo, 0), n)
	return lo, max(min(hi, n), lo)
}

// sees reports whether a query from ta to tb may see a key of s to s+n.
func (x *attentionRun) sees(b, ta, tb, s, n int) bool {
	lo, _ := x.see(b, ta, s, n)
	_, hi := x.see(b, tb-1, s, n)
	return lo < hi
}

// intervals sets what each query of a block sees and reports whether any sees
// something.
func (x *attentionRun) intervals(w *attentionWorker, k attentionBlock) bool {
	if !x.sees(k.b, k.t, k.t+k.m, k.s, k.n) {
		return false
	}
	some := false
	for i := range k.m {
		w.lo[i], w.hi[i] = x.see(k.b, k.t+i, k.s, k.n)
		some = some || w.lo[i] < w.hi[i]
	}
	return some
}

// pack copies n rows of width numbers, ld apart, to panels: columns of Cols
// rows each, one number of each row beside the other.
func (x *Attention) pack(dst, src []float32, n, width, ld int) {
	t := &x.set.Tile
	for j := 0; j < n; j += t.Cols {
		t.transpose(dst[j*width:], t.Cols, src[j*ld:], ld, min(t.Cols, n-j), width)
	}
}

// packKeys packs keys s to s+n of a group, scaled.
func (x *attentionRun) packKeys(w *attentionWorker, b, g, s, n int) {
	z := &x.spec
	dst := w.room[roomKeys]
	x.pack(dst, x.K[(b*z.S+s)*z.LdK+g*z.K:], n, z.K, z.LdK)
	if z.Scale != 1 {
		dst = dst[:roundUp(n, x.set.Tile.Cols)*z.K]
		x.set.Vec.Run(MulS, dst, dst, nil, nil, z.Scale, 0)
	}
}

// byKeys multiplies the queries of a block, rows of that width which start at
// a and are ld apart, with packed keys, and writes what is seen to c.
func (x *attentionRun) byKeys(w *attentionWorker, k attentionBlock, c, a []float32, ld int, packed []float32, width int) {
	t, g := &x.set.Tile, &w.seg
	g.rsa, g.csa, g.stepA = ld*floatBytes, floatBytes, t.Rows*ld*floatBytes
	g.rsb, g.ldc = t.Cols*floatBytes, x.ld*floatBytes
	g.k, g.nseg, g.acc = width, 1, 0
	for j := 0; j < k.n; j += t.Cols {
		first, end := w.rows(k.m, j, min(j+t.Cols, k.n))
		if first == end {
			continue
		}
		g.a, g.b, g.c = at(a, first*ld), at(packed, j*width), at(c, first*x.ld+j)
		t.rows(end-first, min(t.Cols, k.n-j), g)
	}
}

// rows returns the queries, of m, that see something of keys j0 to j1.
func (w *attentionWorker) rows(m, j0, j1 int) (first, end int) {
	for first < m && w.hi[first] <= j0 {
		first++
	}
	for end = m; end > first && w.lo[end-1] >= j1; {
		end--
	}
	return first, end
}

// overKeys adds to c, rows of queries ldc apart, the rows of y, ldy apart, with
// the weights p of a block. If fresh, there is nothing yet that it could add to.
func (x *attentionRun) overKeys(w *attentionWorker, k attentionBlock, fresh bool, c []float32, ldc int, p, y []float32, ldy, width int) {
	t, g := &x.set.Tile, &w.seg
	g.rsa, g.csa, g.stepA = x.ld*floatBytes, floatBytes, t.Rows*x.ld*floatBytes
	g.rsb, g.ldc = ldy*floatBytes, ldc*floatBytes
	g.nseg, g.acc = 1, accumulate(fresh)
	rows := t.Rows
	if w.lo[0] == w.lo[k.m-1] && w.hi[0] == w.hi[k.m-1] {
		rows = k.m // all see the same
	}
	for j := 0; j < width; j += t.Cols {
		for i := 0; i < k.m; i += rows {
			m := min(rows, k.m-i)
			lo, hi := w.lo[i], w.hi[i+m-1]
			if lo >= hi {
				if fresh && j == 0 {
					clearRows(c[i*ldc:], ldc, m, width)
				}
				continue
			}
			g.k = hi - lo
			g.a, g.b, g.c = at(p, i*x.ld+lo), at(y, lo*ldy+j), at(c, i*ldc+j)
			t.rows(m, min(t.Cols, width-j), g)
		}
	}
}

// accumulate is what a seg says about C.
func accumulate(fresh bool) int {
	if fresh {
		return 0
	}
	return 1
}

// clearRows zeroes n rows of that width, ld apart.
func clearRows(c []float32, ld, n, width int) {
	for i := range n {
		clear(c[i*ld:][:width])
	}
}

// overQueries adds to c, rows of keys ldc apart, the rows of y, of queries ldy
// apart, with the weights p of a block. If fresh, there is nothing yet that it
// could add to.
func (x *attentionRun) overQueries(w *attentionWorker, k attentionBlock, fresh bool, c []float32, ldc int, p, y []float32, ldy, width int) {
	t, g := &x.set.Tile, &w.seg
	g.rsa, g.csa, g.stepA = floatBytes, x.ld*floatBytes, t.Rows*floatBytes
	g.rsb, g.ldc = ldy*floatBytes, ldc*floatBytes
	g.nseg, g.acc = 1, accumulate(fresh)
	keys, from, to := t.Rows, 0, k.n
	if w.lo[0] == w.lo[k.m-1] && w.hi[0] == w.hi[k.m-1] {
		from, to = w.lo[0], w.hi[0] // all see the same
		keys = to - from
		if fresh {
			clearRows(c, ldc, from, width)
			clearRows(c[min(to, k.n-1)*ldc:], ldc, k.n-to, width)
		}
	}
	for i := from; i < to; i += keys {
		n := min(keys, to-i)
		first, end := w.rows(k.m, i, i+n)
		if first == end {
			if fresh {
				clearRows(c[i*ldc:], ldc, n, width)
			}
			continue
		}
		g.k = end - first
		for j := 0; j < width; j += t.Cols {
			g.a, g.b, g.c = at(p, first*x.ld+i), at(y, first*ldy+j), at(c, i*ldc+j)
			t.rows(n, min(t.Cols, width-j), g)
		}
	}
}

// hide zeroes the weights beside those that query i sees, as far as products
// of whole groups of rows or keys read them.
func (x *attentionRun) hide(w *attentionWorker, row []float32, i int) {
	lo, hi, margin := w.lo[i], w.hi[i], x.set.Tile.Rows
	clear(row[max(0, lo-margin):lo])
	clear(row[hi:min(len(row), hi+margin)])
}

// forward computes part of the queries of a sample and group.
func (x *attentionRun) forward(w *attentionWorker, group, part int) {
	z, heads := &x.spec, x.spec.H/x.spec.G
	b, g := group/z.G, group%z.G
	ta, tb := part*x.span, min((part+1)*x.span, z.T)
	x.begin(w, g, ta, tb)
	for s := 0; s < z.S; s += x.keys {
		n := min(x.keys, z.S-s)
		if !x.sees(b, ta, tb, s, n) {
			continue
		}
		x.packKeys(w, b, g, s, n)
		for r := range heads {
			for t := ta; t < tb; t += blockQueries {
				k := attentionBlock{b, g*heads + r, t, min(blockQueries, tb-t), s, n}
				if x.intervals(w, k) {
					at := r*(tb-ta) + t - ta
					x.forwardBlock(w, k, w.touch(r, ta, t, tb), w.room[roomMax][at:], w.room[roomSum][at:])
				}
			}
		}
	}
	x.end(w, b, g, ta, tb)
}

// blockOf is the number of the block of queries from t on, of head r of a chunk
// of queries ta to tb.
func blockOf(r, ta, t, tb int) int { return r*ceil(tb-ta, blockQueries) + (t-ta)/blockQueries }

// touch notes that a block gets its first sums and reports whether it did.
func (w *attentionWorker) touch(r, ta, t, tb int) (fresh bool) {
	i := blockOf(r, ta, t, tb)
	fresh = !w.touched[i]
	w.touched[i] = true
	return fresh
}

// query is the place of query t of head h, of a sample, in a tensor of which
// each position has ld numbers and each head width.
func (z *AttentionSpec) query(b, t, h, ld, width int) int { return (b*z.T+t)*ld + h*width }

func (z *AttentionSpec) key(b, s, g, ld, width int) int { return (b*z.S+s)*ld + g*width }

// begin prepares the sums of queries ta to tb.
func (x *attentionRun) begin(w *attentionWorker, g, ta, tb int) {
	heads := x.spec.H / x.spec.G
	for r := range heads {
		top, sum := float32(math.Inf(-1)), float32(0)
		if x.Sinks != nil && !math.IsInf(float64(x.Sinks[g*heads+r]), -1) {
			top, sum = x.Sinks[g*heads+r], 1
		}
		for t := ta; t < tb; t++ {
			w.room[roomMax][r*(tb-ta)+t-ta], w.room[roomSum][r*(tb-ta)+t-ta] = top, sum
		}
	}
	clear(w.touched)
}

// forwardBlock adds a block to the sums of its queries, or starts them.
func (x *attentionRun) forwardBlock(w *attentionWorker, k attentionBlock, fresh bool, top, sum []float32) {
	z, v := &x.spec, &x.set.Vec
	a := w.room[roomScores]
	g := k.h / (z.H / z.G)
	ldo := z.H * z.V
	x.byKeys(w, k, a, x.Q[z.query(k.b, k.t, k.h, z.LdQ, z.K):], z.LdQ, w.room[roomKeys], z.K)
	out := x.Out[z.query(k.b, k.t, k.h, ldo, z.V):]
	for i := range k.m {
		row := a[i*x.ld:][:k.n]
		x.hide(w, row, i)
		seen := row[w.lo[i]:w.hi[i]]
		if len(seen) == 0 {
			continue
		}
		if x.general {
			x.adjust(w, k, i, seen, nil)
		}
		old := top[i]
		m := larger(v.Max(seen), old)
		shift := m
		if m < -math.MaxFloat32 { // all are -Inf
			shift = 0
		}
		if m != old {
			top[i] = m
			if old >= -math.MaxFloat32 { // there were keys before, or a sink
				less := exp32(old - shift)
				sum[i] *= less
				if !fresh {
					o := out[i*ldo:][:z.V]
					v.Run(MulS, o, o, nil, nil, less, 0)
				}
			}
		}
		sum[i] += float32(v.expSum(seen, seen, shift))
		if x.Draw != nil {
			x.draw(w, k, i)
			x.drop(w, seen)
		}
	}
	x.overKeys(w, k, fresh, out, ldo, a, x.V[z.key(k.b, k.s, g, z.LdV, z.V):], z.LdV, z.V)
}

// end divides by the sums.
func (x *attentionRun) end(w *attentionWorker, b, g, ta, tb int) {
	z, v, heads := &x.spec, &x.set.Vec, x.spec.H/x.spec.G
	for r := range heads {
		for t := ta; t < tb; t++ {
			top, sum := w.room[roomMax][r*(tb-ta)+t-ta], w.room[roomSum][r*(tb-ta)+t-ta]
			h := g*heads + r
			out := x.Out[z.query(b, t, h, z.H*z.V, z.V):][:z.V]
			if !w.touched[blockOf(r, ta, t, tb)] {
				clear(out)
			}
			lse := float32(math.Inf(-1))
			if sum != 0 {
				v.Run(MulS, out, out, nil, nil, 1/sum, 0)
				lse = top + logPositive(float64(sum))
			}
			x.Lse[z.query(b, t, h, z.H, 1)] = lse
		}
	}
}
