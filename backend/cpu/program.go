package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A program is a group of element-wise nodes as instructions over blocks. It
// sees the group's elements as rows of cols elements; a block is some whole
// rows, or a part of one, at most blockLen elements.
type program struct {
	set     *kernel.Set
	workers int
	size    int // elements
	cols    int
	fold    int // rows in a block
	streams []stream
	code    []inst
	regs    int // scratch blocks after the streams

	section, ld int // of a worker's region of a transient stream: elements, and from row to row
}

// blockLen is the length of a block: three or four of them stay in the first
// cache. (proof/kernels: 1024 and 2048 equal, 512 and less slower.)
const blockLen = 1024

// chunkBlocks is the number of blocks that a worker takes at a time.
const chunkBlocks = 16

// serialWork is the number of elements times instructions below which a fork
// costs more than it gains.
const serialWork = 48 << 10

// A stream is a register that stands for memory.
type stream struct {
	ref  ref
	kind operandKind
	elem dtype.DType // in memory; registers hold float32, for a Bool 0 and 1
	out  bool

	transient bool // only the region that is being worked on is there
}

// converts reports whether a block of elements is not read or written where it
// is, but goes through a register.
func (s *stream) converts() bool { return s.kind == full && s.elem != dtype.Float32 }

// An inst is d = op(a, b, c, s0, s1) on registers. A scalar that is known at
// run time only is read through s0From, an index of program.scalars. If rounds
// is a float of 16 bits, the inst is d = a, rounded to that. If withSlope, it
// also sets b to the derivative of op at a.
type inst struct {
	rounds     dtype.DType
	op         kernel.VecOp
	d, a, b, c uint8
	withSlope  bool
	s0, s1     float32
	s0From     int8    // stream that holds s0, or -1
	update     *update // instead of op
}

// An update is the step of an optimizer as one instruction: of the gradient in
// register g, and of p and its state in the registers old, it makes the new
// ones in the registers new. They are the same memory where that is free.
type update struct {
	rule     kernel.UpdateRule
	g        uint8
	old, new []uint8
	s        [8]float32
	from     [8]int8 // stream that holds the scalar, or -1
	gate     float32
	gateFrom int8 // as from
}

var updateRules = map[ops.UpdateFunc]kernel.UpdateRule{
	ops.SGDUpdate: kernel.SGD, ops.SGDMomentumUpdate: kernel.SGDMomentum, ops.SGDNesterovUpdate: kernel.SGDNesterov,
	ops.AdaGradUpdate: kernel.AdaGrad, ops.RMSpropUpdate: kernel.RMSprop, ops.RMSpropCenteredUpdate: kernel.RMSpropCentered,
	ops.RMSpropMomentumUpdate: kernel.RMSpropMomentum, ops.RMSpropCenteredMomentumUpdate: kernel.RMSpropCenteredMomentum,
	ops.AdamUpdate: kernel.Adam,
}

// assembler turns a unit's nodes into a program.
type assembler struct {
	*lowering
	p       *program
	reg     map[*ir.Value]uint8 // where a value is
	stream  map[*ir.Value]uint8
	lastUse map[*ir.Value]int // index of the node that reads it last, in the group
	free    []uint8
}

// assemble compiles the group u. Operands are declared to the lowering.
func (l *lowering) assemble(u *unit) *program {
	besideSlopes(u.nodes)
	first := u.nodes[0].Out(0)
	p := &program{set: l.b.set, workers: l.b.threads, size: first.Shape().Size(), section: u.section, ld: u.ld}
	a := &assembler{lowering: l, p: p, reg: map[*ir.Value]uint8{}, stream: map[*ir.Value]uint8{}, lastUse: map[*ir.Value]int{}}
	p.cols = a.columns(u)
	p.fold = max(1, blockLen/max(p.cols, 1))
	inside := make(map[*ir.Value]bool, len(u.nodes))
	for i, n := range u.nodes {
		for _, v := range n.Outs() {
			inside[v] = true
		}
		for _, v := range n.In() {
			a.lastUse[v] = i
		}
	}
	// Streams come first, so that scratch registers can follow them.
	for _, n := range u.nodes {
		for _, v := range n.In() {
			if !inside[v] {
				a.operand(u, v, first)
			}
		}
	}
	for i, n := range u.nodes {
		for k, v := range n.Outs() {
			if l.escapes(v, u) {
				a.result(u, i, k)
			}
		}
	}
	for i, n := range u.nodes {
		a.node(i, n)
	}
	return p
}

// columns picks the row length that the first row or column vector asks for.
func (a *assembler) columns(u *unit) int {
	s := u.nodes[0].Out(0).Shape()
	for _, n := range u.nodes {
		for _, v := range n.In() {
			if k := classify(v, s); k.kind == rowVector || k.kind == colVector {
				return k.cols
			}
		}
	}
	if u.anchor != nil {
		return u.anchor.Out(0).Dim(-1)
	}
	return min(s.Size(), blockLen)
}

// operand makes a stream for a value from outside the group.
func (a *assembler) operand(u *unit, v, first *ir.Value) {
	if _, ok := a.stream[v]; ok {
		return
	}
	k := classify(v, first.Shape())
	s := stream{kind: k.kind, elem: v.DType()}
	switch k.kind {
	case constant:
		return
	case rowVector, colVector:
		if k.cols != a.p.cols || k.kind == rowVector && s.elem == dtype.Bool {
			s.kind, k.v = full, v
		}
	case general:
		s.kind, k.v = full, v
	}
	s.ref = a.read(k.v)
	s.transient = u.transient && plain(k.v) == u.anchor.Out(0)
	a.stream[v] = uint8(len(a.p.streams))
	a.p.streams = append(a.p.streams, s)
}

// result makes a stream for result k of node i of the group, a value that is
// wanted outside: in the memory of an operand that nobody reads later, if there
// is one. The step of an optimizer may write over what it replaces alone.
func (a *assembler) result(u *unit, i, k int) {
	n := u.nodes[i]
	v := n.Out(k)
	replaced := func(*ir.Value) bool { return true }
	if _, ok := n.Op().(ops.UpdateOp); ok {
		old := n.In()[0]
		if k > 0 {
			old = n.In()[1+k]
		}
		replaced = func(in *ir.Value) bool { return in == old }
	}
	safe := map[ref]bool{}
	for in, r := range a.stream {
		s := a.p.streams[r]
		if s.out {
			safe[s.ref] = false
			continue
		}
		ok := s.kind == full && !s.transient && a.lastUse[in] <= i && replaced(in)
		if old, seen := safe[s.ref]; seen {
			ok = ok && old
		}
		safe[s.ref] = ok
	}
	if u.anchor != nil { // it reads its operands while results are written
		for _, in := range u.anchor.In() {
			safe[a.read(stored(in))] = false
		}
	}
	s := stream{kind: full, elem: v.DType(), out: true, ref: a.writeOver(v, safe)}
	a.stream[v] = uint8(len(a.p.streams))
	a.p.streams = append(a.p.streams, s)
}

func (a *assembler) scratchReg() uint8 {
	if n := len(a.free); n > 0 {
		r := a.free[n-1]
		a.free = a.free[:n-1]
		return r
	}
	a.p.regs++
	return uint8(len(a.p.streams) + a.p.regs - 1)
}

// vector returns a register that holds v for a whole block.
func (a *assembler) vector(v *ir.Value) uint8 {
	if r, ok := a.reg[v]; ok {
		return r
	}
	c, src, isScalar := a.scalar(v)
	if !isScalar {
		r := a.stream[v]
		a.reg[v] = r
		return r
	}
	r := a.scratchReg()
	a.emit(inst{op: kernel.Fill, d: r, s0: c, s0From: src})
	a.reg[v] = r
	return r
}

// scalar returns v as a number: a constant, or the stream to read it from.
func (a *assembler) scalar(v *ir.Value) (c float32, from int8, ok bool) {
	if r, inside := a.reg[v]; inside && int(r) >= len(a.p.streams) {
		return 0, -1, false
	}
	s, ok := a.stream[v]
	if !ok {
		if op, isConst := constantOf(v); isConst {
			return constantValue(op), -1, true
		}
		return 0, -1, false
	}
	if a.p.streams[s].kind == scalarRef {
		return 0, int8(s), true
	}
	return 0, -1, false
}

// constantOf returns the constant that v is, broadcast or not.
func constantOf(v *ir.Value) (ops.ConstantOp, bool) {
	if _, ok := v.Node().Op().(ops.BroadcastOp); ok {
		v = v.Node().In()[0]
	}
	c, ok := v.Node().Op().(ops.ConstantOp)
	return c, ok
}

// constantValue is the element of a constant as a register holds it.
func constantValue(op ops.ConstantOp) float32 {
	switch op.DType {
	case dtype.BFloat16:
		return float32(dtype.NewBF16(op.Float()).Float())
	case dtype.Float16:
		return float32(dtype.NewF16(op.Float()).Float())
	}
	return float32(op.Float())
}

func (a *assembler) emit(i inst) { a.p.code = append(a.p.code, i) }

// node emits the instruction of one node and releases registers that no later
// node reads.
func (a *assembler) node(i int, n *ir.Node) {
	if op, ok := n.Op().(ops.UpdateOp); ok {
		a.update(i, n, op)
		return
	}
	f, _ := vecOf(n)
	in := n.In()
	x := inst{op: f.op, s0From: -1}
	switch op := n.Op().(type) {
	case ops.ClampOp:
		x.s0, x.s1 = float32(op.Lo), float32(op.Hi)
	case ops.HardtanhOp:
		x.s0, x.s1 = float32(op.Lo), float32(op.Hi)
	case ops.HardtanhGradOp:
		x.s0, x.s1 = float32(op.Lo), float32(op.Hi)
	}
	switch {
	case len(in) == 2 && f.scalarY != noForm && a.isScalar(in[1]):
		x.op = f.scalarY
		x.s0, x.s0From, _ = a.scalar(in[1])
		x.a = a.vector(in[0])
	case len(in) == 2 && f.scalarX != noForm && a.isScalar(in[0]):
		x.op = f.scalarX
		x.s0, x.s0From, _ = a.scalar(in[0])
		x.a = a.vector(in[1])
	case f.op == kernel.Pow && isShortPower(in[1]):
		x.op, x.a = shortPower(in[1]), a.vector(in[0])
	case f.op == kernel.ReluGrad || f.op == kernel.ClampGrad:
		x.a, x.b = a.vector(in[1]), a.vector(in[0])
	default:
		x.a = a.vector(in[0])
		if len(in) > 1 {
			x.b = a.vector(in[1])
		}
		if len(in) > 2 {
			x.c = a.vector(in[2])
		}
	}
	for _, v := range in {
		a.release(v, i)
	}
	out := n.Out(0)
	if s, ok := a.stream[out]; ok {
		x.d = s
	} else {
		x.d = a.scratchReg()
	}
	a.reg[out] = x.d
	if a.rounds(n) {
		x.rounds = out.DType()
	}
	if !a.slope(x) && !a.mulAdd(n, x) && !a.afterAdd(x) {
		a.emit(x)
	}
}

// besideSlopes moves the slope of a curve, and the curve, beside each other, so
// that one instruction makes both: behind the one of them that comes first.
func besideSlopes(nodes []*ir.Node) {
	for i, n := range nodes {
		f, _ := vecOf(n)
		if f.op < kernel.Gelu || f.op > kernel.SiluSlope {
			continue
		}
		for j := i + 2; j < len(nodes); j++ {
			g, _ := vecOf(nodes[j])
			if nodes[j].In()[0] == n.In()[0] && (curveOf(f.op, g.op) || curveOf(g.op, f.op)) {
				m := nodes[j]
				copy(nodes[i+2:j+1], nodes[i+1:j])
				nodes[i+1] = m
				break
			}
		}
	}
}

// curveOf reports whether slope is the derivative of op.
func curveOf(op, slope kernel.VecOp) bool { return slope != noForm && op.Slope() == slope }

// slope joins the instruction before and x, a curve and its derivative at one
// place in any order.
func (a *assembler) slope(x inst) bool {
	if len(a.p.code) == 0 {
		return false
	}
	m := &a.p.code[len(a.p.code)-1]
	if m.update != nil || m.rounds != 0 || m.a != x.a || m.d == m.a {
		return false
	}
	switch {
	case curveOf(m.op, x.op):
		m.b = x.d
	case curveOf(x.op, m.op):
		m.op, m.d, m.b = x.op, x.d, m.d
	default:
		return false
	}
	m.withSlope = true
	return true
}

// afterAdd joins the instruction before, a sum that only x reads, with x.
func (a *assembler) afterAdd(x inst) bool {
	if len(a.p.code) == 0 {
		return false
	}
	m := &a.p.code[len(a.p.code)-1]
	if x.op == kernel.Add && x.b == m.d {
		x.a, x.b = x.b, x.a
	}
	if m.update != nil || m.op != kernel.Add || m.d != x.a || int(m.d) < len(a.p.streams) || !a.dead(m.d, x.d) {
		return false
	}
	switch {
	case x.op == kernel.Relu:
		m.op = kernel.AddRelu
	case x.op == kernel.ReluGrad && x.b != m.d:
		m.op, m.c = kernel.AddReluGrad, x.b
	case x.op == kernel.Add && x.b != m.d:
		m.op, m.c = kernel.Add3, x.b
	default:
		return false
	}
	m.d = x.d
	return true
}

// update emits the step of an optimizer.
func (a *assembler) update(i int, n *ir.Node, op ops.UpdateOp) {
	in := n.In()
	states := op.F.States()
	u := &update{rule: updateRules[op.F], g: a.vector(in[1]), old: []uint8{a.vector(in[0])}, gate: 1, gateFrom: -1}
	for _, v := range in[2 : 2+states] {
		u.old = append(u.old, a.vector(v))
	}
	number := func(v *ir.Value) (float32, int8) {
		c, from, ok := a.scalar(v)
		if !ok {
			panic("cpu: internal error: a scalar of an optimizer is no scalar")
		}
		return c, from
	}
	scalars := in[2+states:]
	if last := len(scalars) - 1; op.Gated {
		u.gate, u.gateFrom = number(scalars[last])
		scalars = scalars[:last]
	}
	for k := range u.from {
		u.from[k] = -1
	}
	for k, v := range scalars {
		u.s[k], u.from[k] = number(v)
	}
	for _, v := range n.Outs() {
		r, ok := a.stream[v]
		if !ok {
			r = a.scratchReg()
		}
		u.new = append(u.new, r)
		a.reg[v] = r
	}
	for _, v := range in {
		a.release(v, i)
	}
	a.emit(inst{update: u})
}

// rounds reports whether n is a cast to a float of 16 bits whose result the
// group reads: registers hold more bits than the type, which no arithmetic
// minds, but a cast is there to lose them. What is only stored is rounded then.
func (a *assembler) rounds(n *ir.Node) bool {
	_, isCast := n.Op().(ops.CastOp)
	_, read := a.lastUse[n.Out(0)]
	return isCast && read && n.Out(0).DType().IsHalf() && n.In()[0].DType() != dtype.Bool
}

func (a *assembler) isScalar(v *ir.Value) bool {
	_, _, ok := a.scalar(v)
	return ok
}

func (a *assembler) release(v *ir.Value, i int) {
	r, ok := a.reg[v]
	if ok && a.lastUse[v] == i && int(r) >= len(a.p.streams) {
		a.lastUse[v] = -1 // an operand that is named twice is released once
		a.free = append(a.free, r)
	}
}

// mulAdd joins the instruction before, a product that only x reads, with x, a
// sum, to one that rounds once.
func (a *assembler) mulAdd(n *ir.Node, x inst) bool {
	if x.op != kernel.Add || len(a.p.code) == 0 || n.Out(0).DType() == dtype.Bool {
		return false
	}
	m := &a.p.code[len(a.p.code)-1]
	if m.update != nil || m.op != kernel.MulS && m.op != kernel.Mul || int(m.d) < len(a.p.streams) || x.a == x.b {
		return false
	}
	other := x.b
	switch m.d {
	case x.a:
	case x.b:
		other = x.a
	default:
		return false
	}
	// The product's register was free to be reused as x.d: then nobody else
	// reads it. Otherwise it is still wanted.
	if !a.dead(m.d, x.d) {
		return false
	}
	if m.op == kernel.MulS {
		m.op, m.b = kernel.Axpy, other
	} else {
		m.op, m.c = kernel.Fma, other
	}
	m.d = x.d
	return true
}

// dead reports whether scratch register r is free, or has just become d.
func (a *assembler) dead(r, d uint8) bool {
	if r == d {
		return true
	}
	for _, f := range a.free {
		if f == r {
			return true
		}
	}
	return false
}

// scratchFloats is the memory a program wants: tiled row vectors, and blocks
// for each worker.
func (p *program) scratchFloats() int {
	return p.tiles()*p.tileLen() + p.workers*p.blocks()*p.blockFloats()
}

func (p *program) tiles() (n int) {
	for _, s := range p.streams {
		if s.kind == rowVector {
			n++
		}
	}
	return n
}

func (p *program) tileLen() int { return p.fold * p.cols }

func (p *program) blockFloats() int { return min(max(p.tileLen(), 1), blockLen) }

// blocks counts the scratch blocks of a worker: registers, and streams whose
// elements are not float32 in memory one by one.
func (p *program) blocks() (n int) {
	for i := range p.streams {
		if s := &p.streams[i]; s.converts() || s.kind == colVector {
			n++
		}
	}
	return n + p.regs
}

// machine runs a program on bound memory.
type machine struct {
	*program
	f32   [][]float32 // by stream: memory of float32
	half  [][]uint16  // by stream: memory of floats of 16 bits
	bytes [][]byte    // by stream: memory of bools
	tile  [][]float32 // by stream: the row vector, repeated
	reg   [][][]float32
}

// bind gives a program its memory.
func (p *program) bind(m *memory, scratch []float32) *machine {
	n := len(p.streams)
	x := &machine{program: p, f32: make([][]float32, n), half: make([][]uint16, n), bytes: make([][]byte, n), tile: make([][]float32, n)}
	take := func(n int) []float32 {
		b := scratch[:n:n]
		scratch = scratch[n:]
		return b
	}
	for i, s := range p.streams {
		switch {
		case s.elem == dtype.Bool:
			x.bytes[i] = m.bytes(s.ref)
		case s.elem.IsHalf():
			x.half[i] = view[uint16](m.bytes(s.ref))
		default:
			x.f32[i] = m.f32(s.ref)
		}
		if s.kind == rowVector {
			x.tile[i] = take(p.tileLen())
		}
	}
	for range p.workers {
		regs := make([][]float32, len(p.streams)+p.regs)
		for i := range regs {
			if i >= len(p.streams) || p.streams[i].converts() || p.streams[i].kind == colVector {
				regs[i] = take(p.blockFloats())
			}
		}
		x.reg = append(x.reg, regs)
	}
	return x
}

// prepare repeats row vectors, so that one block can be several rows. It
// returns no phase when there are none.
func (x *machine) prepare() []kernel.Phase {
	if x.tiles() == 0 {
		return nil
	}
	return []kernel.Phase{{Chunks: 1, Run: func(_, _ int) {
		for i, t := range x.tile {
			if len(t) == 0 {
				continue
			}
			x.load(t[:x.cols], i, 0)
			for at := x.cols; at < len(t); at += x.cols {
				copy(t[at:], t[:x.cols])
			}
		}
	}}}
}

// phases runs the program over all its elements.
func (x *machine) phases() []kernel.Phase {
	if x.size == 0 {
		return nil
	}
	step := x.fold * x.cols // elements of a full block
	if x.cols > blockLen {
		step = x.cols
	}
	blocks := (x.size + step - 1) / step
	per := max(1, chunkBlocks*blockLen/step)
	if x.size*len(x.code) < serialWork {
		per = blocks
	}
	run := func(worker, chunk int) {
		for b := chunk * per; b < min((chunk+1)*per, blocks); b++ {
			x.flat(worker, b*step, min((b+1)*step, x.size), 0)
		}
	}
	return append(x.prepare(), kernel.Phase{Chunks: (blocks + per - 1) / per, Run: run})
}

// region runs the program over rows r0..r1 and columns c0..c1; it serves as
// the epilogue of a product, whose matrices of rows lie one after another.
func (x *machine) region(worker, r0, r1, c0, c1 int) {
	at := worker * x.section // in a transient stream
	if c0 == 0 && c1 == x.cols && (x.ld == 0 || x.ld == x.cols) {
		step := x.fold * x.cols
		for lo := r0 * x.cols; lo < r1*x.cols; lo += step {
			x.flat(worker, lo, min(lo+step, r1*x.cols), at+lo-r0*x.cols)
		}
		return
	}
	for r := r0; r < r1; r++ {
		for c := c0; c < c1; c += blockLen {
			x.block(worker, r*x.cols+c, r*x.cols+min(c+blockLen, c1), c, at+(r-r0)*x.ld+c-c0)
		}
	}
}

// flat runs whole rows, or one long row in parts.
func (x *machine) flat(worker, lo, hi, passing int) {
	if x.cols <= blockLen {
		x.block(worker, lo, hi, 0, passing)
		return
	}
	for at := lo; at < hi; at += blockLen {
		x.block(worker, at, min(at+blockLen, hi), at-lo, passing+at-lo)
	}
}

// block runs the program over elements lo..hi, the first of which is in column
// col. They are within one row or begin a row. Passing is where they begin in a
// transient stream.
func (x *machine) block(worker, lo, hi, col, passing int) {
	regs, n := x.reg[worker], hi-lo
	for i := range x.streams {
		s := &x.streams[i]
		switch {
		case s.kind == scalarRef || s.out && s.converts():
		case s.kind == rowVector:
			regs[i] = x.tile[i][col : col+n]
		case s.kind == colVector:
			x.spread(regs[i], i, lo, n)
		case s.converts():
			x.load(regs[i][:n], i, lo)
		case s.transient:
			regs[i] = x.f32[i][passing : passing+n]
		default:
			regs[i] = x.f32[i][lo:hi]
		}
	}
	v := &x.set.Vec
	for i := range x.code {
		c := &x.code[i]
		if c.update != nil {
			x.update(c.update, regs, n)
			continue
		}
		if f, ok := halfOf(c.rounds); ok {
			x.set.RoundHalf(f, regs[c.d][:n], regs[c.a])
			continue
		}
		s0 := c.s0
		if c.s0From >= 0 {
			s0 = x.number(int(c.s0From))
		}
		if c.withSlope {
			v.WithSlope(c.op, regs[c.d][:n], regs[c.b][:n], regs[c.a][:n])
			continue
		}
		v.Run(c.op, regs[c.d][:n], regs[c.a], regs[c.b], regs[c.c], s0, c.s1)
	}
	for i := range x.streams {
		if s := &x.streams[i]; s.out && s.converts() {
			x.store(i, lo, regs[i][:n])
		}
	}
}

// update runs the step of an optimizer, which works in place, on what it is to
// replace.
func (x *machine) update(u *update, regs [][]float32, n int) {
	var t [4][]float32 // p and its state
	for k, r := range u.new {
		t[k] = regs[r][:n]
		if old := regs[u.old[k]]; &old[0] != &t[k][0] {
			copy(t[k], old)
		}
	}
	if u.gateFrom >= 0 && x.number(int(u.gateFrom)) == 0 || u.gateFrom < 0 && u.gate == 0 {
		return
	}
	s := u.s
	for k, from := range u.from {
		if from >= 0 {
			s[k] = x.number(int(from))
		}
	}
	x.set.Vec.Update(u.rule, t[0], regs[u.g], t[1], t[2], t[3], &s)
}

// load reads elements of a stream from lo on.
func (x *machine) load(dst []float32, stream, lo int) {
	s := &x.streams[stream]
	if f, ok := halfOf(s.elem); ok {
		x.set.Widen(f, dst, x.half[stream][lo:])
		return
	}
	if s.elem == dtype.Bool {
		for j, b := range x.bytes[stream][lo : lo+len(dst)] {
			dst[j] = float32(b)
		}
		return
	}
	copy(dst, x.f32[stream][lo:])
}

// store writes elements of a stream that converts, from lo on.
func (x *machine) store(stream, lo int, src []float32) {
	if f, ok := halfOf(x.streams[stream].elem); ok {
		x.set.Narrow(f, x.half[stream][lo:lo+len(src)], src)
		return
	}
	for j, v := range src {
		b := byte(0)
		if v != 0 {
			b = 1
		}
		x.bytes[stream][lo+j] = b
	}
}

// number is the element of a stream that has but one.
func (x *machine) number(stream int) float32 { return x.element(stream, 0) }

// element is element i of a stream.
func (x *machine) element(stream, i int) float32 {
	switch x.streams[stream].elem {
	case dtype.BFloat16:
		return float32(dtype.BF16(x.half[stream][i]).Float())
	case dtype.Float16:
		return float32(dtype.F16(x.half[stream][i]).Float())
	case dtype.Bool:
		return float32(x.bytes[stream][i])
	}
	return x.f32[stream][i]
}

// spread fills a block with the values of a column vector: one for each row.
func (x *machine) spread(dst []float32, stream, lo, n int) {
	for at := 0; at < n; {
		row := (lo + at) / x.cols
		end := min(n, (row+1)*x.cols-lo)
		x.set.Vec.Run(kernel.Fill, dst[at:end], nil, nil, nil, x.element(stream, row), 0)
		at = end
	}
}
