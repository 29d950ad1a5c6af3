package kernel

import "math"

// An AttentionSpec is attention of H query heads that share G heads of keys
// and values, over B samples of T queries and S keys:
//
//	a[t][s] = Scale * q[t] . k[s], changed and hidden as the fields say
//	out[t]  = sum over s of e^(a[t][s] - lse[t]) v[s]
//
// It is done in blocks of keys by queries; no more than a block of a exists at
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
//
// A block of scores has a row for each key and a column for each query, so that
// the largest score of a query and the sum of its weights are found lane by
// lane, and queries are all that has to be packed: keys and values are read
// where they are. Scores are kept as powers of 2, not of e.
type Attention struct {
	spec    AttentionSpec
	set     *Set
	workers int
	grad    bool

	// A query at position p sees keys from p-left to p+right.
	left, right   int
	keys, queries int // of a block
	ld            int // of a block's rows
	spans         int // the parts that the keys of a group come in, for its gradients
	shared        int // floats that all workers share: sums of dq, one for each span but the first
	size          [numRooms]int
}

// What a worker has memory for.
const (
	roomQueries = iota // packed queries of a block: panels [K scorePanel]
	roomGrads          // packed gradients of the results of queries: panels [V scorePanel]
	roomScores         // [keys ld]
	roomDeltas         // the gradient by the scores
	roomTangent        // what the cap's tanh gave
	roomBias           // a block of the bias
	roomBits           // random bits of a block
	roomRows           // a block [queries keys]
	roomDense          // rows that lie too badly in memory, copied
	roomTop            // largest score of each query so far; backwards lse
	roomSum            // sum of powers of each query so far; backwards delta
	roomLess           // what the sums of a query shrink by
	roomLine           // 0, 1, 2, ...
	roomSpare          // a row
	numRooms
)

const (
	// blockQueries and blockKeys are the most of a block: a panel of its scores
	// stays in the first cache, all of them in the second.
	blockQueries = 128
	blockKeys    = 128
	// fewGroups is the number of samples times groups below which the keys of a
	// group are cut in spans for the gradients, as many as make that number.
	fewGroups = 8
	// unbounded is further than any key.
	unbounded = 1 << 42
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
	x := &Attention{spec: spec, set: set, workers: workers, grad: grad, left: unbounded, right: unbounded, spans: 1}
	if spec.Windowed {
		x.left, x.right = spec.Left, spec.Right
	}
	if spec.Causal {
		x.right = min(x.right, 0)
	}
	x.keys, x.queries = min(spec.S, blockKeys), min(spec.T, blockQueries)
	columns := roundUp(x.queries, scorePanel)
	// Rows an odd number of lines apart don't compete for places in the cache.
	x.ld = columns + alignment
	block := x.keys * x.ld
	x.size = [numRooms]int{
		roomQueries: columns * spec.K, roomScores: block, roomTop: columns, roomSum: columns,
		roomLine: columns, roomSpare: columns,
	}
	if grad {
		x.spans = min(ceil(fewGroups, spec.B*spec.G), ceil(spec.S, x.keys))
		x.shared = (x.spans - 1) * spec.B * spec.T * spec.H * spec.K
		x.size[roomGrads], x.size[roomDeltas] = columns*spec.V, block
		if spec.Cap != 0 {
			x.size[roomTangent] = block
		}
	} else {
		x.size[roomLess] = columns
	}
	if spec.BiasStride[2] != 0 {
		x.size[roomBias] = block
	}
	if spec.Keep != 0 {
		x.size[roomBits] = block
	}
	if spec.Keep != 0 || grad && spec.BiasStride[2] != 0 {
		x.size[roomRows] = x.queries * x.rowLen()
	}
	x.size[roomDense] = max(x.keys, x.queries) * max(spec.K, spec.V)
	for i := range x.size {
		x.size[i] = roundUp(x.size[i], alignment)
	}
	return x
}

// rowLen is from one row of roomRows to the next: bits begin at a multiple of 4.
func (x *Attention) rowLen() int { return roundUp(x.keys+3, alignment) }

// Scratch returns the number of floats that Bind wants as scratch memory.
func (x *Attention) Scratch() int { return x.shared + x.workers*x.perWorker() + alignment }

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
	state  []attentionWorker
	shared []float32
	// general tells that scores need more than scale and order. Then the columns
	// of a block are all done together, else in panels.
	general bool
	step    int // columns done together
}

// An attentionWorker is the memory of one worker.
type attentionWorker struct {
	seg  seg
	room [numRooms][]float32
	// packed is the block whose queries the memory holds.
	packed attentionBlock
}

// Bind gives the plan its operands; none overlaps another.
func (x *Attention) Bind(o AttentionOperands, scratch []float32) []Phase {
	run := &attentionRun{Attention: x, AttentionOperands: o, state: make([]attentionWorker, x.workers), step: scorePanel}
	if o.Mask != nil || o.Bias != nil || o.Slopes != nil || o.QuerySegs != nil || o.Draw != nil || x.spec.Cap != 0 {
		run.general, run.step = true, blockQueries
	}
	scratch = align(scratch)
	run.shared, scratch = scratch[:x.shared], scratch[x.shared:]
	for i := range run.state {
		w := &run.state[i]
		for k, n := range x.size {
			w.room[k], scratch = scratch[:n:n], scratch[n:]
		}
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
	parts := ceil(x.spec.T, x.queries)
	return append(phases, Phase{Chunks: x.spec.B * x.spec.H * parts, Run: func(worker, chunk int) {
		head := chunk / parts
		t := (parts - 1 - chunk%parts) * x.queries // the most keys first, if causal
		run.forward(&run.state[worker], head/x.spec.H, head%x.spec.H, t)
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

// length is the number of keys that sample b has.
func (x *attentionRun) length(b int) int {
	if x.Lengths == nil {
		return x.spec.S
	}
	return int(min(max(x.Lengths[b], 0), int64(x.spec.S)))
}

// keysOf returns the first and the end of the keys of block k, counted from its
// first, that its queries from i on, n of them, see: each key that one of them
// sees, and none before or behind these.
func (x *attentionRun) keysOf(k attentionBlock, i, n int) (lo, hi int) {
	p := x.position(k.b) + k.t + i - k.s
	lo = min(max(p-x.left, 0), k.n)
	hi = min(p+n+x.right, x.length(k.b)-k.s, k.n)
	return lo, max(lo, hi)
}

// queriesOf returns the first and the end of the queries of block k, counted
// from its first, that see its keys from j on, n of them, as keysOf.
func (x *attentionRun) queriesOf(k attentionBlock, j, n int) (lo, hi int) {
	q := k.s + j - x.position(k.b) - k.t
	lo, hi = min(max(q-x.right, 0), k.m), min(q+n+x.left, k.m)
	return lo, max(lo, hi)
}

// whole reports whether all queries of a block from i on, n of them, see all of
// its keys from lo to hi, which are what keysOf tells.
func (x *attentionRun) whole(k attentionBlock, i, n, lo, hi int) bool {
	p := x.position(k.b) + k.t + i - k.s
	return p+n-1-x.left <= lo && p+x.right+1 >= hi
}

// pack copies n rows of width numbers, ld apart, to panels: columns of
// scorePanel rows each, one number of each row beside the other, times scale.
func (x *Attention) pack(dst, src []float32, n, width, ld int, scale float32) {
	t := &x.set.Tile
	for j := 0; j < n; j += scorePanel {
		t.transpose(dst[j*width:], scorePanel, src[j*ld:], ld, min(scorePanel, n-j), width)
	}
	if scale != 1 {
		dst = dst[:roundUp(n, scorePanel)*width]
		x.set.Vec.Run(MulS, dst, dst, nil, nil, scale, 0)
	}
}

// dense returns n rows of that width, ld apart, where a product reads them well:
// a copy, if they collide.
func (x *attentionRun) dense(w *attentionWorker, rows []float32, n, width, ld int) ([]float32, int) {
	if !collide(ld) {
		return rows, ld
	}
	for i := range n {
		copy(w.room[roomDense][i*width:][:width], rows[i*ld:])
	}
	return w.room[roomDense], width
}

// packQueries packs the queries of a block, scaled.
func (x *attentionRun) packQueries(w *attentionWorker, k attentionBlock) {
	z := &x.spec
	x.pack(w.room[roomQueries], x.Q[z.query(k.b, k.t, k.h, z.LdQ, z.K):], k.m, z.K, z.LdQ, z.Scale*math.Log2E)
}

// byQueries multiplies keys lo to hi of a block, rows of that width which start
// at a with the first key of the block and are ld apart, with packed rows of its
// queries from j on, n of them, and writes the products to c, where the row of
// the first key begins.
func (x *attentionRun) byQueries(w *attentionWorker, lo, hi, j, n int, c, a []float32, ld int, packed []float32, width int) {
	t, g := &x.set.Tile, &w.seg
	g.rsa, g.csa, g.stepA = ld*floatBytes, floatBytes, t.Rows*ld*floatBytes
	g.rsb, g.ldc = scorePanel*floatBytes, x.ld*floatBytes
	g.k, g.nseg, g.acc = width, 1, 0
	for i := 0; i < n; i += scorePanel {
		panel := packed[(j+i)*width:]
		for q := 0; q < min(scorePanel, n-i); q += t.Cols {
			g.a, g.b, g.c = at(a, lo*ld), at(panel, q), at(c, lo*x.ld+i+q)
			t.rows(hi-lo, min(t.Cols, scorePanel-q, n-i-q), g)
		}
	}
}

// overKeys adds to c, rows of queries from j on, n of them, ldc apart, the rows
// of y, which starts with the first key of the block, ldy apart, with weights p:
// keys lo to hi of a block. If fresh, there is nothing yet that it could add to.
func (x *attentionRun) overKeys(w *attentionWorker, k attentionBlock, lo, hi, j, n int, fresh bool, c []float32, ldc int, p, y []float32, ldy, width int) {
	t, g := &x.set.Tile, &w.seg
	g.rsa, g.csa, g.stepA = floatBytes, x.ld*floatBytes, t.Rows*floatBytes
	g.rsb, g.ldc = ldy*floatBytes, ldc*floatBytes
	g.nseg, g.acc = 1, accumulate(fresh)
	rows := n
	if !x.whole(k, j, n, lo, hi) {
		rows = t.Rows
	}
	for i := 0; i < n; i += rows {
		m := min(rows, n-i)
		lo, hi := x.keysOf(k, j+i, m)
		if lo == hi {
			if fresh {
				clearRows(c[i*ldc:], ldc, m, width)
			}
			continue
		}
		g.k = hi - lo
		for q := 0; q < width; q += t.Cols {
			g.a, g.b, g.c = at(p, lo*x.ld+i), at(y, lo*ldy+q), at(c, i*ldc+q)
			t.rows(m, min(t.Cols, width-q), g)
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

// hidden returns, for scores of keys lo to hi by queries from j on, the number
// of keys that the first of these queries sees and the last of the queries that
// don't see the key behind those, as attentionKernels have it.
func (x *attentionRun) hidden(k attentionBlock, lo, hi, j int) (plain int, bound float32) {
	c := k.s - x.position(k.b) - x.right - k.t - j - 1 // hidden from key 0
	plain = min(max(-c-lo, 0), hi-lo)
	if plain == hi-lo {
		return plain, 0
	}
	return plain, float32(lo + plain + c)
}

// hideLeft sets scores to -Inf, of queries from j on, n of them, whose window
// begins behind the key.
func (x *attentionRun) hideLeft(k attentionBlock, lo, hi, j, n int, c []float32) {
	for s := lo; s < hi; s++ {
		end := k.s + s - x.position(k.b) + x.left + 1 - k.t - j
		if end >= n {
			return
		}
		row := c[s*x.ld:][max(0, end):n]
		x.set.Vec.Run(Fill, row, nil, nil, nil, negInf, 0)
	}
}

// query is the place of query t of head h, of a sample, in a tensor of which
// each position has ld numbers and each head width.
func (z *AttentionSpec) query(b, t, h, ld, width int) int { return (b*z.T+t)*ld + h*width }

func (z *AttentionSpec) key(b, s, g, ld, width int) int { return (b*z.S+s)*ld + g*width }

// forward computes a block of queries from t on of a sample and head.
func (x *attentionRun) forward(w *attentionWorker, b, h, t int) {
	z := &x.spec
	k := attentionBlock{b, h, t, min(x.queries, z.T-t), 0, z.S}
	x.packQueries(w, k)
	x.begin(w, k)
	first, end := x.keysOf(k, 0, k.m)
	for s := first / x.keys * x.keys; s < end; s += x.keys {
		k.s, k.n = s, min(x.keys, z.S-s)
		values, ld := x.dense(w, x.V[z.key(k.b, k.s, k.h/(z.H/z.G), z.LdV, z.V):], k.n, z.V, z.LdV)
		for j := 0; j < k.m; j += x.step {
			x.forwardPanel(w, k, j, min(x.step, k.m-j), values, ld)
		}
	}
	k.s, k.n = 0, z.S
	x.end(w, k)
}

// begin prepares the sums of the queries of a block.
func (x *attentionRun) begin(w *attentionWorker, k attentionBlock) {
	top, sum := negInf, float32(0)
	if x.Sinks != nil && x.Sinks[k.h] != negInf {
		top, sum = x.Sinks[k.h]*math.Log2E, 1
	}
	for i := range w.room[roomTop] {
		w.room[roomTop][i], w.room[roomSum][i] = top, sum
	}
}

// forwardPanel adds to the sums of n queries of a block, from j on, or starts
// them.
func (x *attentionRun) forwardPanel(w *attentionWorker, k attentionBlock, j, n int, values []float32, ld int) {
	z, v := &x.spec, &x.set.Vec
	lo, hi := x.keysOf(k, j, n)
	if lo == hi {
		return
	}
	fresh := x.position(k.b)+k.t+j-x.left >= k.s || k.s == 0 // their first keys
	a, g := w.room[roomScores], k.h/(z.H/z.G)
	x.byQueries(w, lo, hi, j, n, a, x.K[z.key(k.b, k.s, g, z.LdK, z.K):], z.LdK, w.room[roomQueries], z.K)
	if x.general {
		x.adjust(w, k, lo, hi, j, n, a, nil)
	}
	x.hideLeft(k, lo, hi, j, n, a)
	plain, bound := x.hidden(k, lo, hi, j)
	top, sum, less := w.room[roomTop][j:], w.room[roomSum][j:], w.room[roomLess][j:]
	v.attention.softmax(hi-lo, plain, x.ld, roundUp(n, scorePanel), bound, &a[lo*x.ld], &top[0], &sum[0], &less[0])
	ldo := z.H * z.V
	out := x.Out[z.query(k.b, k.t+j, k.h, ldo, z.V):]
	if !fresh && shrinks(less[:n]) {
		v.attention.scale(n, z.V, ldo, &out[0], &less[0])
	}
	if x.Draw != nil {
		x.draw(w, k, lo, hi, j, n)
		x.drop(w, lo, hi, n, a)
	}
	x.overKeys(w, k, lo, hi, j, n, fresh, out, ldo, a, values, ld, z.V)
}

// shrinks reports whether there is something else than 1.
func shrinks(less []float32) bool {
	for _, f := range less {
		if f != 1 {
			return true
		}
	}
	return false
}

// end divides by the sums.
func (x *attentionRun) end(w *attentionWorker, k attentionBlock) {
	z, v := &x.spec, &x.set.Vec
	ldo := z.H * z.V
	top, sum, by := w.room[roomTop][:k.m], w.room[roomSum][:k.m], w.room[roomLess][:k.m]
	out := x.Out[z.query(k.b, k.t, k.h, ldo, z.V):]
	for j := 0; j < k.m; j += x.step {
		n := min(x.step, k.m-j)
		if lo, hi := x.keysOf(k, j, n); lo == hi {
			clearRows(out[j*ldo:], ldo, n, z.V)
		}
	}
	for i, s := range sum {
		by[i] = 0
		if s != 0 {
			by[i] = 1 / s
		}
	}
	v.attention.scale(k.m, z.V, ldo, &out[0], &by[0])
	// lse = (top + log2(sum)) ln(2)
	v.Run(Log2, sum, sum, nil, nil, 0, 0)
	v.Run(Add, sum, sum, top, nil, 0, 0)
	lse := x.Lse[z.query(k.b, k.t, k.h, z.H, 1):]
	for i, s := range sum {
		lse[i*z.H] = s * math.Ln2
	}
}
