package cpu

import (
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/backend/cpu/plan"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A Lower turns one node into steps. It declares what the steps read and
// write through the Lowering and gives each a function that binds it.
type Lower func(l *Lowering, n *ir.Node)

// A Lowering is the view of the compiler that lowerings get.
type Lowering struct{ *lowering }

// A ref names planned memory: a variable, an argument, or a part of the arena.
type ref int

// A slot is memory as the planner sees it.
type slot struct {
	typ         ir.Type
	node        *ir.Node // that makes the value; nil for scratch
	bytes       int
	place       place
	index       int // of the variable or argument
	first, last int // units between which it is wanted, for the arena
	offset      int
}

type place uint8

const (
	inArena place = iota
	inVariable
	inArgument
	inKept   // memory of the executable's own, see kept.go
	inPacked // memory of the variable's backend, see packed.go
)

// A step is one bound kernel: phases that run one after another, or a loop
// over steps of its own.
type step struct {
	name string
	node *ir.Node
	unit int // that it is part of; the number of units for copies at the end
	bind func(m *memory) []kernel.Phase
	loop func(m *memory) func() error
	kept bool // runs only when variables have changed
	pack int  // it packs variable pack-1 of the lowering's packs; 0 for other steps
}

// lowering is the state of a compilation after fusion.
type lowering struct {
	b        *Backend
	g        *ir.Graph
	units    []*unit
	slots    []slot
	refs     map[*ir.Value]ref // of values in memory, reshapes resolved
	lastRead map[*ir.Value]int // unit that reads the value last; len(units) for outputs
	readIn   map[*ir.Value][]int
	unitOf   map[*ir.Node]int
	updateOf map[*ir.Value]*ir.Value // new value → variable, for updates in place
	steps    []step
	unit     int          // being lowered
	traffic  []int64      // bytes that each unit reads and writes
	counted  map[ref]bool // memory that the unit is known to read
	checked  bool         // every value in memory of its own, variables unchanged to the end
	inner    int          // steps within steps
	fallback []string
	copies   []copyBack  // updates that could not be made in place
	fixed    []bool      // nodes, by id, of which results may be kept; nil for none
	kept     int         // bytes of what is kept
	packs    []pack      // of variables
	once     []*ir.Value // virtual values that the present unit wrote out, if it is kept
}

type copyBack struct{ dst, src ref }

// forever is the last unit of values that outlive the run.
const forever = math.MaxInt

// lower plans the graph: units in order, each lowered to steps. The nodes that
// fixed tells run only when variables have changed.
func (b *Backend) lower(g *ir.Graph, checked bool, fixed []bool) *lowering {
	l := &lowering{b: b, g: g, checked: checked, fixed: fixed, counted: map[ref]bool{}, refs: map[*ir.Value]ref{}, lastRead: map[*ir.Value]int{}, readIn: map[*ir.Value][]int{}, unitOf: map[*ir.Node]int{}, updateOf: map[*ir.Value]*ir.Value{}}
	vars, args := 0, 0
	for _, v := range g.Inputs() {
		s := slot{typ: v.Type(), bytes: v.Type().SizeBytes(), place: inVariable, index: vars}
		if v.Node().Op().(ir.Input).Kind == ir.Arg {
			s.place, s.index = inArgument, args
			args++
		} else {
			vars++
		}
		l.refs[v] = l.slot(s)
	}
	if checked {
		l.units = apart(g)
	} else {
		l.units = fuse(g, canAnchor, fixed)
	}
	l.traffic = make([]int64, len(l.units)+1)
	for i, u := range l.units {
		for _, n := range u.nodes {
			l.unitOf[n] = i
		}
		if u.anchor != nil {
			l.unitOf[u.anchor] = i
		}
	}
	for i, u := range l.units {
		for _, n := range u.nodes {
			l.countReads(n, i)
		}
		if u.anchor != nil {
			l.countReads(u.anchor, i)
		}
	}
	for _, v := range g.Outputs() {
		l.touch(v, forever)
	}
	for _, u := range g.Updates() {
		l.touch(u.New, forever)
		if !checked {
			l.updateOf[plain(u.New)] = u.Variable
		}
	}
	for _, u := range g.Updates() {
		if !checked {
			l.updateChain(plain(u.New), u.Variable)
		}
	}
	for i, u := range l.units {
		l.unit = i
		clear(l.counted)
		l.lowerUnit(u)
		for _, v := range l.once {
			delete(l.refs, v) // not there in runs without this unit
		}
		l.once = l.once[:0]
	}
	l.unit = len(l.units)
	for _, v := range g.Outputs() {
		l.read(v)
	}
	for _, u := range g.Updates() {
		if src := l.read(u.New); src != l.refs[u.Variable] {
			l.copies = append(l.copies, copyBack{l.refs[u.Variable], src})
		}
	}
	l.overlappingCopies()
	return l
}

// updateChain lets updates of parts of a variable, one after another, all
// happen in it: the value before the last is a new value of the variable too,
// if only the last reads it.
func (l *lowering) updateChain(v, variable *ir.Value) {
	for {
		if _, ok := v.Node().Op().(ops.DynamicUpdateOp); !ok {
			return
		}
		x := plain(v.Node().In()[0])
		if _, ok := l.updateOf[x]; ok || len(l.readIn[x]) != 1 || virtual(x.Node()) {
			return
		}
		l.updateOf[x] = variable
		v = x
	}
}

// overlappingCopies gives copies back a temporary where one would overwrite
// what another still has to read: variables that swap values.
func (l *lowering) overlappingCopies() {
	written := map[ref]bool{}
	for _, c := range l.copies {
		written[c.dst] = true
	}
	for i, c := range l.copies {
		if l.slots[c.src].place == inVariable && written[c.src] {
			tmp := l.slot(slot{typ: l.slots[c.src].typ, bytes: l.slots[c.src].bytes, first: l.unit, last: forever})
			l.copyStep("copy", tmp, c.src)
			l.copies[i].src = tmp
		}
	}
}

func (l *lowering) slot(s slot) ref {
	l.slots = append(l.slots, s)
	return ref(len(l.slots) - 1)
}

// countReads notes that unit i reads the operands of n, and what virtual
// operands are made of.
func (l *lowering) countReads(n *ir.Node, i int) {
	for _, v := range n.In() {
		l.touch(v, i)
	}
}

func (l *lowering) touch(v *ir.Value, i int) {
	v = plain(v)
	l.lastRead[v] = max(l.lastRead[v], i)
	l.readIn[v] = append(l.readIn[v], i)
	if virtual(v.Node()) {
		l.countReads(v.Node(), i)
	}
}

// escapes reports whether a value made in u is read by another unit or
// outlives the run.
func (l *lowering) escapes(v *ir.Value, u *unit) bool {
	for _, i := range l.readIn[v] {
		if i == forever || l.units[i] != u {
			return true
		}
	}
	return l.reshaped(v, u)
}

// reshaped reports whether u itself reads v under another shape, which its
// registers can't give.
func (l *lowering) reshaped(v *ir.Value, u *unit) bool {
	for _, n := range u.nodes {
		for _, in := range n.In() {
			if in != v && plain(in) == v {
				return true
			}
		}
	}
	return false
}

// lowerUnit lowers a group, a product with its epilogue, or a single node.
func (l *lowering) lowerUnit(u *unit) {
	if u.fused {
		l.group(u)
		return
	}
	n := u.nodes[0]
	if f := l.b.kernels[reflect.TypeOf(n.Op())]; f != nil {
		f(&Lowering{l}, n)
		return
	}
	if op, ok := n.Op().(ir.Probe); ok {
		lowerProbe(l, n, op)
		return
	}
	l.interpret(n)
}

// group lowers a fused unit.
func (l *lowering) group(u *unit) {
	if u.anchor != nil {
		if l.addsUp(u) {
			return
		}
		// Its result lives at least while the epilogue runs; declared first,
		// so that the group can write over it.
		y := l.passes(u)
		if !u.transient {
			y = l.write(u.anchor.Out(0))
		}
		p := l.assemble(u)
		scratch := l.scratch(p.scratchFloats())
		after := func(m *memory) (*machine, []kernel.Phase) {
			x := p.bind(m, m.f32(scratch))
			return x, x.prepare()
		}
		if l.product(u.anchor, y, after) {
			return
		}
		panic("cpu: internal error: an anchor without a product")
	}
	p := l.assemble(u)
	scratch := l.scratch(p.scratchFloats())
	l.step("fused", u.nodes[len(u.nodes)-1], func(m *memory) []kernel.Phase {
		return p.bind(m, m.f32(scratch)).phases()
	})
}

// addsUp lowers a product that is added to a variable, whose new value that is,
// as one that adds to the variable where it lies: a sum of gradients over the
// iterations of a loop. It reports whether u is one.
func (l *lowering) addsUp(u *unit) bool {
	op, ok := u.anchor.Op().(ops.DotOp)
	sum := u.nodes[len(u.nodes)-1]
	if !ok || len(u.nodes) != 1 || sum.Op() != (ops.BinaryOp{F: ops.AddFunc}) {
		return false
	}
	variable := l.updateOf[sum.Out(0)]
	y := u.anchor.Out(0)
	one := sum.In()[0] == y && sum.In()[1] == variable
	other := sum.In()[1] == y && sum.In()[0] == variable
	if variable == nil || !one && !other || len(l.readIn[variable]) != 1 || l.escapes(y, u) {
		return false
	}
	to := l.read(variable)
	l.traffic[l.unit] += int64(variable.Type().SizeBytes())
	l.refs[sum.Out(0)] = to
	u.sums = true
	l.dot(u.anchor, op, to, nil)
	return true
}

// passes makes memory for a gradient that goes from the product which makes it
// to the update of a parameter and nowhere else: a region for each worker. If
// there is no such memory, u is not transient.
func (l *lowering) passes(u *unit) (y ref) {
	op, ok := u.anchor.Op().(ops.DotOp)
	if !ok || !slices.ContainsFunc(u.nodes, isUpdate) || l.escapes(u.anchor.Out(0), u) {
		return 0
	}
	k, _ := l.gemm(u.anchor, op, true, false)
	floats, section, ld, ok := k.SizeC()
	if !ok {
		return 0
	}
	u.transient, u.section, u.ld = true, section, ld
	y = l.scratch(floats)
	l.refs[u.anchor.Out(0)] = y
	return y
}

func isUpdate(n *ir.Node) bool {
	_, ok := n.Op().(ops.UpdateOp)
	return ok
}

// step adds a step.
func (l *lowering) step(name string, n *ir.Node, bind func(m *memory) []kernel.Phase) {
	l.steps = append(l.steps, step{name: name, node: n, unit: l.unit, bind: bind, kept: l.keeps()})
}

// loop adds a step that runs on the caller what it is bound to.
func (l *lowering) loop(n *ir.Node, bind func(m *memory) func() error) {
	l.steps = append(l.steps, step{name: n.Op().Name(), node: n, unit: l.unit, loop: bind, kept: l.keeps()})
}

// read declares that the steps of this unit read v, and returns its memory. A
// broadcast or constant is written out before.
func (l *lowering) read(v *ir.Value) ref {
	v = plain(v)
	r, ok := l.refs[v]
	if !ok {
		r = l.writeOut(v)
	}
	if s := &l.slots[r]; s.place == inArena {
		s.last = max(s.last, l.endOf(v))
	}
	if !l.counted[r] {
		l.counted[r] = true
		l.traffic[l.unit] += int64(l.slots[r].bytes)
	}
	return r
}

// wanted reports whether anybody reads v.
func (l *lowering) wanted(v *ir.Value) bool {
	_, read := l.lastRead[plain(v)]
	return read
}

// endOf is the unit up to which a value must stay.
func (l *lowering) endOf(v *ir.Value) int {
	return max(l.lastRead[v], l.unit)
}

// write declares that this unit makes v, in new memory or, for the new value
// of a variable that nobody reads any more, in the variable's.
func (l *lowering) write(v *ir.Value) ref {
	return l.writeOver(v, nil)
}

// writeOver is write; safe holds the memory that the unit reads and may
// overwrite, true, or must not, false.
func (l *lowering) writeOver(v *ir.Value, safe map[ref]bool) ref {
	l.traffic[l.unit] += int64(v.Type().SizeBytes())
	if l.checked {
		safe = nil
	}
	if l.keeps() && l.readByOthers(v) && !virtual(v.Node()) {
		r := l.keep(v.Type(), v.Type().SizeBytes())
		l.refs[v] = r
		return r
	}
	if variable := l.updateOf[v]; variable != nil {
		r := l.refs[variable]
		last, read := l.lastRead[variable]
		if !read || last < l.unit || last == l.unit && safe[r] {
			l.refs[v] = r
			return r
		}
	}
	for _, cand := range sortedRefs(safe) {
		s := l.slots[cand]
		if safe[cand] && s.place == inArena && s.bytes == v.Type().SizeBytes() && s.last == l.unit {
			l.slots[cand].last = l.endOf(v)
			l.refs[v] = cand
			return cand
		}
	}
	r := l.slot(slot{typ: v.Type(), node: v.Node(), bytes: v.Type().SizeBytes(), first: l.unit, last: l.endOf(v)})
	l.refs[v] = r
	return r
}

func sortedRefs(m map[ref]bool) []ref {
	rs := make([]ref, 0, len(m))
	for r := range m {
		rs = append(rs, r)
	}
	slices.Sort(rs)
	return rs
}

// scratch declares memory for this unit alone.
func (l *lowering) scratch(floats int) ref {
	return l.slot(slot{typ: ir.Type{DType: dtype.Float32}, bytes: 4 * floats, first: l.unit, last: l.unit})
}

// writeOut makes memory for a virtual value.
func (l *lowering) writeOut(v *ir.Value) ref {
	if l.keeps() {
		l.once = append(l.once, v)
	}
	switch op := v.Node().Op().(type) {
	case ops.ConstantOp:
		r := l.write(v)
		l.constantStep(r, op)
		return r
	case ops.BroadcastOp:
		src := l.read(v.Node().In()[0])
		r := l.write(v)
		l.broadcastStep(r, src, v.Node(), op)
		return r
	}
	panic(fmt.Sprintf("cpu: internal error: %s read before it was made", v.Node().Op().Name()))
}

// placeSlots gives every slot of the arena its offset and returns the size.
func (l *lowering) placeSlots() int {
	var bs []plan.Buffer
	var which []int
	for i, s := range l.slots {
		if s.place == inArena {
			bs = append(bs, plan.Buffer{Size: s.bytes, First: s.first, Last: s.last})
			which = append(which, i)
		}
	}
	offsets, size := plan.Place(bs)
	for k, i := range which {
		l.slots[i].offset = offsets[k]
	}
	return size
}

// memory is where slots are while an executable is bound.
type memory struct {
	slots []slot
	arena []byte
	vars  [][]byte
	args  [][]byte
	kept  []byte
	packs []packing
}

// bytes returns the memory of a slot.
func (m *memory) bytes(r ref) []byte {
	s := &m.slots[r]
	switch s.place {
	case inVariable:
		return m.vars[s.index]
	case inArgument:
		return m.args[s.index]
	case inPacked:
		return m.packs[s.index].mem
	case inKept:
		return m.kept[s.offset : s.offset+s.bytes : s.offset+s.bytes]
	}
	return m.arena[s.offset : s.offset+s.bytes : s.offset+s.bytes]
}

// f32 returns the memory of a slot of float32.
func (m *memory) f32(r ref) []float32 { return view[float32](m.bytes(r)) }
