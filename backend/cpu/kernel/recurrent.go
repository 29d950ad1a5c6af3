package kernel

import (
	"sync/atomic"
	"unsafe"
)

// A RecurrentSpec is one direction of one recurrent layer over a sequence of T
// steps, for B samples and D units. With G gates, a weight is [G*D D].
type RecurrentSpec struct {
	Cell    Cell
	B, T, D int
	Reverse bool
}

// A Recurrent is a planned recurrent layer, its steps or their gradient. A plan
// is immutable and may be bound many times.
//
// Samples do not depend on one another: where there are enough of them, a chunk
// takes a part of the batch through all steps, and workers never meet. Else, and
// where the weight is too large for the cache of a worker, each step is a phase,
// and a part of the units belongs to a worker, in whose cache its part of the
// weight stays.
//
// Sums over units run in order, those over steps in the order in which steps
// are made, those over samples from the first to the last. So neither the
// number of workers nor the way to cut moves a bit.
type Recurrent struct {
	spec     RecurrentSpec
	set      *Set
	workers  int
	backward bool

	gates, biases int
	panels        int // of Cols units
	inner         int // steps of a sum: D, or G*D backwards
	chunks        int // of the batch, each through all steps; 0: parts of the units
	parts         int
	ldh, ldz      int // floats from one working row to the next
}

const (
	// mostRows and leastRows bound the samples of a chunk: with many the
	// working rows leave the near caches, with few the weight is read too often.
	mostRows, leastRows = 24, 4
	// joinNanos is what it costs to part a step among workers.
	joinNanos = 2_500
	// nearFloats is about the largest part of a weight that stays in the second
	// cache of a worker; farNanos is the time to bring a float from further away.
	// Found with steps of layers of 512 and 1024 units, as BenchmarkRecurrent has
	// them of 256.
	nearFloats, farNanos = 384 << 10, 0.2
)

// NewRecurrent plans the steps of a layer.
func NewRecurrent(set *Set, s RecurrentSpec, workers int) *Recurrent {
	return newRecurrent(set, s, workers, false)
}

// NewRecurrentGrad plans the gradient of a layer.
func NewRecurrentGrad(set *Set, s RecurrentSpec, workers int) *Recurrent {
	return newRecurrent(set, s, workers, true)
}

func newRecurrent(set *Set, s RecurrentSpec, workers int, backward bool) *Recurrent {
	g := &Recurrent{spec: s, set: set, workers: workers, backward: backward, gates: s.Cell.gates(), biases: s.Cell.biases()}
	g.panels = ceil(s.D, set.Tile.Cols)
	g.inner = s.D
	if backward {
		g.inner = g.gates * s.D
	}
	// Rows lie a line apart from what would share a place in the first cache.
	g.ldh, g.ldz = roundUp(s.D, alignment)+alignment, roundUp(g.gates*s.D, alignment)+alignment
	g.chunks = roundUp(ceil(s.B, mostRows), workers)
	rounds := g.chunks / workers
	if s.B < leastRows*g.chunks {
		g.chunks, rounds = max(1, s.B/leastRows), 1
	}
	g.parts = min(workers, g.panels)
	if float64(rounds)*g.stepNanos(ceil(s.B, g.chunks), 1) > g.stepNanos(s.B, g.parts)+joinNanos {
		g.chunks = 0
	}
	return g
}

// stepNanos is about the time of a step of some rows with one of the parts of
// the weight.
func (g *Recurrent) stepNanos(rows, parts int) float64 {
	floats := float64(g.gates*g.spec.D) * float64(g.spec.D) / float64(parts)
	// Few samples take as long as four.
	nanos := float64(max(rows, 4)) * floats / g.set.Tile.Speed
	if floats > nearFloats {
		nanos = max(nanos, floats*farNanos)
	}
	return nanos
}

// panelSize is the number of floats of a packed panel of the weight.
func (g *Recurrent) panelSize() int { return g.inner * g.set.Tile.Cols }

// packed is the number of panels of the weight.
func (g *Recurrent) packed() int {
	if g.backward {
		return g.panels
	}
	return g.panels * g.gates
}

// Scratch returns the number of floats that Bind wants as scratch memory.
func (g *Recurrent) Scratch() int {
	s := &g.spec
	n := g.packed()*g.panelSize() + s.B*g.ldz + g.workers*g.spare() + alignment
	if g.backward {
		return n + s.B*g.ldz + s.B*g.biases*s.D
	}
	return n + 2*s.B*g.ldh
}

// spare is the memory of a worker for what nobody wants, and what passes.
func (g *Recurrent) spare() int { return roundUp((g.gates+1)*g.spec.D, alignment) }

// A recurrentRun is a plan with its weight and scratch memory.
type recurrentRun struct {
	*Recurrent
	weight  []float32
	lengths []int64 // nil without

	pack  []float32
	z     []float32 // [B G*D], the products, or backwards the gradient by them
	spare []float32
	rows  []cellRow // one a worker
	segs  []seg     // one a worker
	next  []fetcher // one a worker
	bands work
	claim []paddedInt // of the parts of the units: steps done
}

type paddedInt struct {
	atomic.Int32
	_ [60]byte
}

func (g *Recurrent) run(weight []float32, lengths []int64, scratch []float32) (x *recurrentRun, rest []float32) {
	x = &recurrentRun{Recurrent: g, weight: weight, lengths: lengths, rows: make([]cellRow, g.workers), segs: make([]seg, g.workers), next: make([]fetcher, g.workers)}
	rest = align(scratch)
	take := func(n int) (s []float32) {
		s, rest = rest[:n:n], rest[n:]
		return s
	}
	x.pack = take(g.packed() * g.panelSize())
	x.z = take(g.spec.B * g.ldz)
	x.spare = take(g.workers * g.spare())
	x.claim = make([]paddedInt, g.parts)
	x.bands = cut(g.packed(), float64(g.panelSize())*packNanos, g.workers)
	return x, rest
}

// packing copies the panels of a chunk. A panel holds, for every step of the
// sum, the elements of up to Cols units.
func (x *recurrentRun) packing(_, chunk int) {
	t, d := &x.set.Tile, x.spec.D
	for lo, hi := x.bands.span(chunk); lo < hi; lo++ {
		dst := x.pack[lo*x.panelSize():]
		if x.backward {
			j := lo * t.Cols
			t.split(dst, t.Cols, 0, x.weight[j:], d, x.inner, min(t.Cols, d-j))
			continue
		}
		j, gate := lo/x.gates*t.Cols, lo%x.gates
		t.transpose(dst, t.Cols, x.weight[(gate*d+j)*d:], d, min(t.Cols, d-j), d)
	}
}

// multiply adds to, or sets, n columns of rows r0 to r1 of c, from a column on,
// by the products of the same rows of a with a panel. Meanwhile it fetches what
// is wanted next.
func (x *recurrentRun) multiply(worker, panel, r0, r1 int, a []float32, lda int, c []float32, ldc, column, n, acc int) {
	t, g := &x.set.Tile, &x.segs[worker]
	g.b, g.rsb = at(x.pack, panel*x.panelSize()), t.Cols*floatBytes
	g.rsa, g.csa, g.ldc = lda*floatBytes, floatBytes, ldc*floatBytes
	g.k, g.nseg, g.acc = x.inner, 1, acc
	blocks := ceil(r1-r0, t.Rows)
	for b := range blocks {
		lo, hi := evenCut(r1-r0, blocks, b)
		g.a, g.c = at(a, (r0+lo)*lda), at(c, (r0+lo)*ldc+column)
		x.next[worker].fetch(g)
		t.blocks(hi-lo, n, 1, g)
	}
	g.aheadStep = 0
}

// A fetcher brings rows of memory to the second cache while blocks of a product
// are computed, the same part of them with each block.
type fetcher struct {
	s                  []float32
	row, stride, width int // of s: the first row, floats from row to row, floats of each
	each               int // floats with a block
	at                 int // floats fetched
}

// aim lets the next so many blocks fetch rows r0 to r1 of s.
func (f *fetcher) aim(s []float32, first, stride, width, rows, blocks int) {
	*f = fetcher{s: s, row: first, stride: stride, width: width, each: ceil(rows*width, blocks)}
}

// fetch sets what the next block fetches: two runs, half of its part each.
func (f *fetcher) fetch(g *seg) {
	g.aheadStep = 0
	at := f.row + f.at/max(f.width, 1)*f.stride + f.at%max(f.width, 1)
	if g.k < 4 || at >= len(f.s) {
		return
	}
	g.ahead = uintptr(unsafe.Pointer(&f.s[at]))
	g.ahead2 = f.each / 2 * floatBytes
	g.aheadStep = ceil(g.ahead2, g.k/4)
	f.at += f.each
}

// time is where step i, of those that are made one after another, lies in time.
func (x *recurrentRun) time(i int) int {
	if x.spec.Reverse != x.backward {
		return x.spec.T - 1 - i
	}
	return i
}

// fetchRows lets the products of a step, with some panels, fetch what the cells
// of step i read of s, gates or what they are made of.
func (x *recurrentRun) fetchRows(worker int, s []float32, i, r0, r1, p0, p1, panels int) {
	f := &x.next[worker]
	*f = fetcher{}
	if width := x.gates * x.spec.D; i < x.spec.T && p1-p0 == x.panels {
		f.aim(s, (r0*x.spec.T+x.time(i))*width, x.spec.T*width, width, r1-r0, panels*ceil(r1-r0, x.set.Tile.Rows))
	}
}

// there reports whether sample b has a step at time t.
func (x *recurrentRun) there(b, t int) bool { return x.lengths == nil || int64(t) < x.lengths[b] }

// at returns the address of unit u of a row of width elements, or of spare
// memory where nobody wants the row.
func (x *recurrentRun) at(worker int, s []float32, row, width, u int) *float32 {
	if s == nil {
		return &x.spare[worker*x.Recurrent.spare()+u]
	}
	return &s[row*width+u]
}

// phases lists the work: packing, then parts of the batch through all steps, or
// all steps, each in parts of the units.
func (x *recurrentRun) phases(steps int, begin func(r0, r1 int), step func(worker, i, r0, r1, p0, p1 int)) []Phase {
	b := x.spec.B
	pack := Phase{Chunks: x.bands.chunks, Run: x.packing}
	if x.chunks > 0 {
		return []Phase{pack, {Chunks: min(x.chunks, b), Run: func(worker, chunk int) {
			r0, r1 := evenCut(b, min(x.chunks, b), chunk)
			begin(r0, r1)
			for i := range steps {
				step(worker, i, r0, r1, 0, x.panels)
			}
		}}}
	}
	list := []Phase{pack, {Chunks: 1, Run: func(_, _ int) {
		begin(0, b)
		for i := range x.parts {
			x.claim[i].Store(0)
		}
	}}}
	for i := range steps {
		list = append(list, Phase{Chunks: x.parts, Run: func(worker, _ int) {
			// A worker takes the part that it had before, if it is free.
			for k := range x.parts {
				p := (worker + k) % x.parts
				if x.claim[p].CompareAndSwap(int32(i), int32(i+1)) {
					p0, p1 := evenCut(x.panels, x.parts, p)
					step(worker, i, 0, b, p0, p1)
					return
				}
			}
		}})
	}
	return list
}

// A RecurrentOperands holds what [Recurrent.Bind] reads and writes. What is
// written may be nil if nobody wants it.
type RecurrentOperands struct {
	Weight, Bias, H0, C0 []float32 // [G*D D], [D...], [B D], [B D]
	Lengths              []int64   // [B], nil without
	X, Gates             []float32 // [B T G*D]; may be the same memory
	Tape                 []float32 // [B T D], as Prev and Y
	Prev, Y              []float32 // states before and after each step
	H, C                 []float32 // [B D], the last states
}

// Bind gives the plan of the steps its operands: the arithmetic is that of the
// cells, see [Cell]; a sample beyond its length keeps its states and gets 0 in
// what is written for the step.
func (g *Recurrent) Bind(o RecurrentOperands, scratch []float32) []Phase {
	x, rest := g.run(o.Weight, o.Lengths, scratch)
	f := &recurrentForward{recurrentRun: x, RecurrentOperands: o}
	n := g.spec.B * g.ldh
	f.h = [2][]float32{rest[:n], rest[n : 2*n]}
	return x.phases(g.spec.T, f.begin, f.step)
}

type recurrentForward struct {
	*recurrentRun
	RecurrentOperands
	h [2][]float32 // [B D] before and after a step, by turns
}

func (f *recurrentForward) begin(r0, r1 int) {
	d := f.spec.D
	for r := r0; r < r1; r++ {
		copy(f.h[0][r*f.ldh:][:d], f.H0[r*d:])
	}
	if f.spec.Cell == LSTMCell {
		copy(f.C[r0*d:r1*d], f.C0[r0*d:])
	}
}

// step does step i for samples r0 to r1 and the units of panels p0 to p1.
func (f *recurrentForward) step(worker, i, r0, r1, p0, p1 int) {
	s, cols := &f.spec, f.set.Tile.Cols
	d, t, before, after := s.D, f.time(i), f.h[i&1], f.h[(i+1)&1]
	f.fetchRows(worker, f.X, i+1, r0, r1, p0, p1, (p1-p0)*f.gates)
	for p := p0; p < p1; p++ {
		for k := range f.gates {
			f.multiply(worker, p*f.gates+k, r0, r1, before, f.ldh, f.z, f.ldz, k*d+p*cols, min(cols, d-p*cols), 0)
		}
	}
	u0, u1 := p0*cols, min(p1*cols, d)
	row := &f.rows[worker]
	row.n, row.stride = u1-u0, d*floatBytes
	row.bias = &f.Bias[u0]
	for r := r0; r < r1; r++ {
		e := r*s.T + t
		h, next := before[r*f.ldh+u0:][:u1-u0], after[r*f.ldh+u0:][:u1-u0]
		if f.there(r, t) {
			if f.Prev != nil {
				copy(f.Prev[e*d+u0:], h)
			}
			row.z, row.x = &f.z[r*f.ldz+u0], &f.X[e*f.gates*d+u0]
			row.gates = row.z
			if f.Gates != nil {
				row.gates = &f.Gates[e*f.gates*d+u0]
			}
			row.state = &h[0]
			if s.Cell == LSTMCell {
				row.state = &f.C[r*d+u0]
			}
			row.tape, row.y = f.at(worker, f.Tape, e, d, u0), f.at(worker, f.Y, e, d, u0)
			row.h = &next[0]
			f.set.Vec.cellForward(s.Cell, row)
		} else {
			copy(next, h)
			for _, to := range [...][]float32{f.Prev, f.Tape, f.Y} {
				if to != nil {
					clear(to[e*d+u0:][:u1-u0])
				}
			}
			if f.Gates != nil {
				for k := range f.gates {
					clear(f.Gates[(e*f.gates+k)*d+u0:][:u1-u0])
				}
			}
		}
		if i == s.T-1 {
			copy(f.H[r*d+u0:], next)
		}
	}
}

// A RecurrentGradOperands holds what [Recurrent.BindGrad] reads and writes.
// What is written may be nil if nobody wants it, but DH0 and DC0.
type RecurrentGradOperands struct {
	Weight          []float32 // [G*D D]
	Lengths         []int64   // [B], nil without
	Gates, DX       []float32 // [B T G*D]; may be the same memory. Y in place of the gates of a simple cell
	Tape, Prev      []float32 // [B T D], as DY
	DY, DH, DC      []float32 // the gradients by outputs and by last states [B D]
	DQ              []float32 // [B T G*D], the gradient by the products with Weight, of a GRU
	DBias, DH0, DC0 []float32 // [D...], [B D], [B D]
}

// BindGrad gives the plan of the gradient its operands. At steps beyond its
// length the gradients by the states of a sample stay, and its DX and DQ are 0.
func (g *Recurrent) BindGrad(o RecurrentGradOperands, scratch []float32) []Phase {
	x, rest := g.run(o.Weight, o.Lengths, scratch)
	f := &recurrentBackward{recurrentRun: x, RecurrentGradOperands: o}
	n := g.spec.B * g.ldz
	f.dz = [2][]float32{x.z, rest[:n]}
	f.db = rest[n:][:g.spec.B*g.biases*g.spec.D]
	list := x.phases(g.spec.T+1, f.begin, f.step)
	if o.DBias != nil {
		f.sums = cut(ceil(len(o.DBias), blockLen), float64(g.spec.B*blockLen)*packNanos, g.workers)
		list = append(list, Phase{Chunks: f.sums.chunks, Run: f.sum})
	}
	return list
}

type recurrentBackward struct {
	*recurrentRun
	RecurrentGradOperands
	dz   [2][]float32 // the gradient by the products, of steps by turns
	db   []float32    // of each sample
	sums work
}

func (f *recurrentBackward) begin(r0, r1 int) {
	d := f.spec.D
	copy(f.DH0[r0*d:r1*d], f.DH[r0*d:])
	if f.spec.Cell == LSTMCell {
		copy(f.DC0[r0*d:r1*d], f.DC[r0*d:])
	}
	clear(f.db[r0*f.biases*d : r1*f.biases*d])
}

// step does step i, counted from the last one, for samples r0 to r1 and the
// units of panels p0 to p1: what reaches h by the products of the step before,
// then the cell. After the last step only the first half is left.
func (f *recurrentBackward) step(worker, i, r0, r1, p0, p1 int) {
	s, cols := &f.spec, f.set.Tile.Cols
	d := s.D
	before, z := f.dz[(i+1)&1], f.dz[i&1]
	if i > 0 {
		f.fetchRows(worker, f.Gates, i, r0, r1, p0, p1, p1-p0)
		for p := p0; p < p1; p++ {
			f.multiply(worker, p, r0, r1, before, f.ldz, f.DH0, d, p*cols, min(cols, d-p*cols), 1)
		}
	}
	if i == s.T {
		return
	}
	t := f.time(i)
	u0, u1 := p0*cols, min(p1*cols, d)
	row := &f.rows[worker]
	row.n, row.stride = u1-u0, d*floatBytes
	spare := f.spare[worker*f.Recurrent.spare():]
	row.tmp = &spare[f.gates*d+u0]
	for r := r0; r < r1; r++ {
		e := r*s.T + t
		if !f.there(r, t) {
			for k := range f.gates {
				clear(z[r*f.ldz+k*d+u0:][:u1-u0])
				for _, to := range [...][]float32{f.DX, f.DQ} {
					if to != nil {
						clear(to[(e*f.gates+k)*d+u0:][:u1-u0])
					}
				}
			}
			continue
		}
		row.z, row.gates = &z[r*f.ldz+u0], &f.Gates[e*f.gates*d+u0]
		row.dy, row.dh, row.db = &f.DY[e*d+u0], &f.DH0[r*d+u0], &f.db[r*f.biases*d+u0]
		row.dx, row.dq = f.at(worker, f.DX, e, f.gates*d, u0), f.at(worker, f.DQ, e, f.gates*d, u0)
		switch s.Cell {
		case LSTMCell:
			row.tape, row.dc = &f.Tape[e*d+u0], &f.DC0[r*d+u0]
		case GRUCell:
			row.tape, row.state = &f.Tape[e*d+u0], &f.Prev[e*d+u0]
		}
		f.set.Vec.cellBackward(s.Cell, row)
	}
}

// sum adds up the samples' gradients by the bias.
func (f *recurrentBackward) sum(_, chunk int) {
	lo, hi := f.sums.span(chunk)
	lo, hi = lo*blockLen, min(hi*blockLen, len(f.DBias))
	dst := f.DBias[lo:hi]
	copy(dst, f.db[lo:])
	for b := 1; b < f.spec.B; b++ {
		f.set.Vec.AddTo(dst, f.db[b*len(f.DBias)+lo:][:hi-lo])
	}
}
