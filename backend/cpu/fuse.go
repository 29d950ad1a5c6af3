package cpu

import (
	"cmp"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// A unit is what becomes one step: one node, or a group of element-wise nodes
// over one shape that run block by block, perhaps at the end of the matrix
// product, convolution or norm that makes one of its operands.
type unit struct {
	nodes  []*ir.Node // in order; the anchor not among them
	anchor *ir.Node
	fused  bool

	// Nobody but the nodes reads what the anchor makes: it lies in a section of
	// that size for each worker, rows ld apart, see lowering.passes.
	transient   bool
	sums        bool // the anchor is added to a variable
	section, ld int

	lo, hi int   // least and largest place of its nodes, see places
	last   int   // largest id of its nodes
	mark   int   // round of the walk that saw it last
	at     int   // place in the order so far
	key    int   // place that it asks for
	reader *unit // one of the others that read what it makes; nil if none does
	shared bool  // several do
	told   *unit // for one that tells the outside: the one before that does
}

// groupNodes bounds a group, so that its registers stay few.
const groupNodes = 48

// virtual reports whether a node makes no memory of its own unless somebody
// who can't take it as it is asks: constants, broadcasts, reshapes.
func virtual(n *ir.Node) bool {
	switch n.Op().(type) {
	case ops.ConstantOp, ops.BroadcastOp, ops.ReshapeOp, ops.AfterOp, ir.Input, widenOp:
		return true
	}
	return false
}

// fusable reports whether a node can be part of a group: element-wise, on
// float32, floats of 16 bits and bool.
func fusable(n *ir.Node) bool {
	if !inBlocks(n.Out(0).DType()) {
		return false
	}
	for _, v := range n.In() {
		if !inBlocks(v.DType()) {
			return false
		}
	}
	if _, ok := n.Op().(ops.UpdateOp); ok {
		return true
	}
	_, ok := vecOf(n)
	return ok
}

func inBlocks(d dtype.DType) bool { return d == dtype.Float32 || d.IsHalf() || d == dtype.Bool }

// fuser groups the nodes of a graph.
type fuser struct {
	unitOf  []*unit // by node id; nil for virtual and dead nodes
	place   []int   // by node id
	round   int
	spanned []bool // by place: some unit has nodes up to it and behind it
	fixed   []bool // by node id; units are of such nodes alone, or of others
}

// fuse cuts the live nodes of g in units and returns them in an order in which
// each comes after those it reads. canAnchor tells the nodes that run an
// epilogue. Nodes that fixed tells, which may be nil, are kept apart.
func fuse(g *ir.Graph, canAnchor func(n *ir.Node) bool, fixed []bool) []*unit {
	live := g.Live()
	var told *unit
	f := &fuser{fixed: fixed, unitOf: make([]*unit, len(g.Nodes())), place: places(g, live), spanned: make([]bool, len(g.Nodes()))}
	for _, n := range g.Nodes() {
		if !live[n.ID()] || virtual(n) {
			continue
		}
		at := f.place[n.ID()]
		u := &unit{nodes: []*ir.Node{n}, fused: fusable(n), lo: at, hi: at, last: n.ID()}
		f.unitOf[n.ID()] = u
		if tells(n) {
			u.told, told = told, u
		}
		if !u.fused {
			continue
		}
		for _, v := range n.In() {
			p := f.unitOf[v.Node().ID()]
			if p != nil && p.fused && p != f.unitOf[n.ID()] && v.Shape() == n.Out(0).Shape() {
				f.merge(p, f.unitOf[n.ID()])
			}
		}
	}
	f.anchors(g, live, canAnchor)
	return f.order(g)
}

// places numbers the nodes in another order in which operands come first:
// element-wise nodes directly behind the last of their operands, unless all of
// these come from outside. What a gradient computes from values of the forward
// pass alone thereby stands beside them, and a unit of both spans little.
func places(g *ir.Graph, live []bool) []int {
	nodes := g.Nodes()
	key, order := make([]int, len(nodes)), make([]int, 0, len(nodes))
	for i, n := range nodes {
		if !live[i] {
			continue
		}
		for _, v := range n.In() {
			key[i] = max(key[i], key[v.Node().ID()])
		}
		if !virtual(n) && (key[i] == 0 || !fusable(n)) {
			key[i] = i
		}
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(key[a], key[b]) })
	place := make([]int, len(nodes))
	for at, i := range order {
		place[i] = at
	}
	return place
}

// apart makes a unit of each live node.
func apart(g *ir.Graph) []*unit {
	live := g.Live()
	var units []*unit
	for _, n := range g.Nodes() {
		if live[n.ID()] && !virtual(n) {
			units = append(units, &unit{nodes: []*ir.Node{n}, fused: fusable(n)})
		}
	}
	return units
}

// merge joins b to a, if no path leads from one to the other through a third
// unit and the group stays small.
func (f *fuser) merge(a, b *unit) {
	if len(a.nodes)+len(b.nodes) > groupNodes || f.differ(a, b) || f.between(a, b) {
		return
	}
	a.nodes = append(a.nodes, b.nodes...)
	slices.SortFunc(a.nodes, func(x, y *ir.Node) int { return cmp.Compare(x.ID(), y.ID()) })
	f.widen(a, b)
	for _, n := range b.nodes {
		f.unitOf[n.ID()] = a
	}
}

// differ reports whether only one of two units is fixed.
func (f *fuser) differ(a, b *unit) bool {
	return f.fixed != nil && f.fixed[a.nodes[0].ID()] != f.fixed[b.nodes[0].ID()]
}

// widen lets a cover the nodes of b.
func (f *fuser) widen(a, b *unit) {
	a.lo, a.hi, a.last = min(a.lo, b.lo), max(a.hi, b.hi), max(a.last, b.last)
	for i := a.lo; i < a.hi; i++ {
		f.spanned[i] = true
	}
}

// walkUnits bounds the walk from one unit to another, so that fusing takes a
// time in proportion to the graph: units further apart are left apart.
const walkUnits = 32

// between reports whether some unit other than a and b reads one of them and
// is read, at some distance, by the other. It says yes when it can't tell in
// walkUnits steps.
func (f *fuser) between(a, b *unit) bool {
	f.round++
	// Units of nodes up to a place that no unit spans read nothing behind it.
	below := min(a.lo, b.lo) - 1
	for below >= 0 && f.spanned[below] {
		below--
	}
	seen := 0
	var reaches func(u *unit) bool
	reaches = func(u *unit) bool { // does u read a or b?
		if u == a || u == b {
			return true
		}
		if u.mark == f.round || u.hi <= below {
			return false
		}
		u.mark = f.round
		if seen++; seen > walkUnits {
			return true
		}
		found := false
		f.reads(u, func(p *unit) { found = found || reaches(p) })
		return found
	}
	found := false
	for _, u := range []*unit{a, b} {
		f.reads(u, func(p *unit) {
			if p != a && p != b {
				found = found || reaches(p)
			}
		})
	}
	return found
}

// reads calls visit for every unit that makes an operand of u, looking through
// virtual nodes, and for the unit that must tell before u does.
func (f *fuser) reads(u *unit, visit func(p *unit)) {
	if u.told != nil {
		visit(u.told)
	}
	for _, n := range u.nodes {
		f.operands(n, u, visit)
	}
	if u.anchor != nil {
		f.operands(u.anchor, u, visit)
	}
}

func (f *fuser) operands(n *ir.Node, self *unit, visit func(p *unit)) {
	for _, v := range n.In() {
		m := v.Node()
		if p := f.unitOf[m.ID()]; p != nil {
			if p != self {
				visit(p)
			}
		} else if virtual(m) {
			f.operands(m, self, visit)
		}
	}
}

// anchors lets a group run at the end of the product or norm that makes its
// operand.
func (f *fuser) anchors(g *ir.Graph, live []bool, canAnchor func(n *ir.Node) bool) {
	f.readers(f.units())
	for _, n := range g.Nodes() {
		if !live[n.ID()] || virtual(n) {
			continue
		}
		u := f.unitOf[n.ID()]
		if !u.fused {
			continue
		}
		for _, v := range n.In() {
			m := plain(v).Node()
			p := f.unitOf[m.ID()]
			if p == nil || p == u || delayed(v) || u.anchor != nil || p.anchor != nil || !canAnchor(m) || !fits(u, m.Out(0)) || u.readsStatistics(m) || f.differ(p, u) {
				continue
			}
			if !waits(m, p, u) {
				if f.between(p, u) {
					continue
				}
				f.widen(u, p)
			}
			u.anchor = m
			f.unitOf[m.ID()] = u
		}
	}
}

// waits reports whether m, the product of p, waits for u however late that is:
// nothing lies between them, since u alone reads m and nobody reads u, as with
// the update of a parameter. That holds for longer what m reads, and no more
// what it makes: worth it if that is larger, as the gradient of a table of words
// is that a model both begins with and ends in.
func waits(m *ir.Node, p, u *unit) bool {
	held := 0
	for _, v := range m.In() {
		held += v.Type().SizeBytes()
	}
	return p.reader == u && !p.shared && u.reader == nil && held < m.Out(0).Type().SizeBytes()
}

// readsStatistics reports whether the group reads a result of m other than the
// first, which its regions are of.
func (u *unit) readsStatistics(m *ir.Node) bool {
	for _, n := range u.nodes {
		for _, v := range n.In() {
			for virtual(v.Node()) && len(v.Node().In()) > 0 {
				v = v.Node().In()[0]
			}
			if v.Node() == m && v != m.Out(0) {
				return true
			}
		}
	}
	return false
}

// plain looks through reshapes and delays: the memory is the same.
func plain(v *ir.Value) *ir.Value {
	for {
		switch v.Node().Op().(type) {
		case ops.ReshapeOp, ops.AfterOp:
			v = v.Node().In()[0]
		default:
			return v
		}
	}
}

// delayed reports whether v is to be read after something else, see ops.After.
func delayed(v *ir.Value) bool {
	for {
		switch v.Node().Op().(type) {
		case ops.AfterOp:
			return true
		case ops.ReshapeOp:
			v = v.Node().In()[0]
		default:
			return false
		}
	}
}

// fits reports whether the group's operands can be cut in the rows and columns
// of y, the result of the product.
func fits(u *unit, y *ir.Value) bool {
	s := u.nodes[0].Out(0).Shape()
	if s.Size() != y.Shape().Size() || y.Rank() == 0 {
		return false
	}
	cols := y.Dim(-1)
	for _, n := range u.nodes {
		for _, v := range n.In() {
			switch k := classify(v, s); k.kind {
			case rowVector:
				if k.cols != cols {
					return false
				}
			case colVector:
				if k.cols != cols {
					return false
				}
			}
		}
	}
	return true
}

// order sorts units so that each comes after those it reads; among those that
// are ready the one whose last node was traced first. A unit that nobody else
// reads, such as the update of a weight, runs as soon as it can instead, so that
// its operands may go; but after those that read the variable it updates, so
// that it can do so in place. Scalars, such as the rate of an update, are made
// as soon as they can be, too.
func (f *fuser) order(g *ir.Graph) []*unit {
	units := f.units()
	slices.SortStableFunc(units, func(a, b *unit) int { return cmp.Compare(a.last, b.last) })
	units = f.sorted(units, nil)
	for i, u := range units {
		u.at = i
	}
	f.readers(units)
	after := f.oldReaders(g, units)
	for _, u := range units {
		if u.key = u.last; u.reader == nil || u.scalar() {
			u.key = 0
			f.reads(u, func(p *unit) { u.key = max(u.key, p.key) })
			for _, p := range after[u] {
				u.key = max(u.key, p.key)
			}
		}
	}
	slices.SortStableFunc(units, func(a, b *unit) int { return cmp.Compare(a.key, b.key) })
	return f.sorted(units, after)
}

// units lists the units, each once.
func (f *fuser) units() []*unit {
	var units []*unit
	f.round++
	for _, u := range f.unitOf {
		if u != nil && u.mark != f.round {
			u.mark = f.round
			units = append(units, u)
		}
	}
	return units
}

// readers finds out who reads each unit.
func (f *fuser) readers(units []*unit) {
	for _, u := range units {
		u.reader, u.shared = nil, false
	}
	for _, u := range units {
		f.reads(u, func(p *unit) {
			p.shared = p.shared || p.reader != nil && p.reader != u
			p.reader = u
		})
	}
}

// scalar reports whether all that the unit makes is single numbers.
func (u *unit) scalar() bool {
	for _, n := range u.nodes {
		for _, v := range n.Outs() {
			if v.Shape().Size() > 1 {
				return false
			}
		}
	}
	return true
}

// sorted puts units behind those they read and those that after lists.
func (f *fuser) sorted(units []*unit, after map[*unit][]*unit) []*unit {
	f.round++
	sorted := make([]*unit, 0, len(units))
	var visit func(u *unit)
	visit = func(u *unit) {
		if u.mark == f.round {
			return
		}
		u.mark = f.round
		f.reads(u, visit)
		for _, p := range after[u] {
			visit(p)
		}
		sorted = append(sorted, u)
	}
	for _, u := range units {
		visit(u)
	}
	return sorted
}

// oldReaders lists, for each unit that makes the new value of a variable, the
// units before it that read the old one. All of them come before it already,
// so the order that this asks for has no circle.
func (f *fuser) oldReaders(g *ir.Graph, units []*unit) map[*unit][]*unit {
	updater := map[*ir.Value]*unit{}
	for _, up := range g.Updates() {
		if u := f.unitOf[plain(up.New).Node().ID()]; u != nil {
			updater[up.Variable] = u
		}
	}
	if len(updater) == 0 {
		return nil
	}
	after := map[*unit][]*unit{}
	for _, u := range units {
		f.variables(u, func(v *ir.Value) {
			if w := updater[v]; w != nil && u.at < w.at {
				after[w] = append(after[w], u)
			}
		})
	}
	return after
}

// variables calls visit for each input of the graph that u reads, perhaps
// more than once.
func (f *fuser) variables(u *unit, visit func(v *ir.Value)) {
	var operands func(n *ir.Node)
	operands = func(n *ir.Node) {
		for _, v := range n.In() {
			if _, ok := v.Node().Op().(ir.Input); ok {
				visit(v)
			} else if f.unitOf[v.Node().ID()] == nil && virtual(v.Node()) {
				operands(v.Node())
			}
		}
	}
	for _, n := range u.nodes {
		operands(n)
	}
	if u.anchor != nil {
		operands(u.anchor)
	}
}

// An operandKind says how an operand of a group is laid out against its rows.
type operandKind uint8

const (
	full      operandKind = iota // an element for each of the group's
	constant                     // a number known when compiling
	scalarRef                    // one element
	rowVector                    // repeated for each row
	colVector                    // one element a row
	general                      // any other broadcast: must be written out
)

type operandClass struct {
	kind operandKind
	cols int       // columns that a row or column vector asks for
	v    *ir.Value // what lies in memory
	c    ops.ConstantOp
}

// classify sees how v, an operand over shape s, can be read without writing
// the broadcast out.
func classify(v *ir.Value, s shape.Shape) operandClass {
	switch op := v.Node().Op().(type) {
	case ops.ConstantOp:
		return operandClass{kind: constant, c: op}
	case ops.BroadcastOp:
		x := v.Node().In()[0]
		if c, ok := x.Node().Op().(ops.ConstantOp); ok {
			return operandClass{kind: constant, c: c}
		}
		if x.Shape().Size() == 1 {
			return operandClass{kind: scalarRef, v: x}
		}
		return classifyBroadcast(op, x, s)
	}
	if v.Shape() != s && v.Shape().Size() == 1 {
		return operandClass{kind: scalarRef, v: v} // of an optimizer
	}
	return operandClass{kind: full, v: v}
}

// classifyBroadcast finds out whether the axes that x really has are the last
// or the first of s, axes of extent 1 aside.
func classifyBroadcast(op ops.BroadcastOp, x *ir.Value, s shape.Shape) operandClass {
	var has [shape.MaxRank]bool
	for i := range x.Rank() {
		if x.Dim(i) > 1 {
			has[op.Axes[i]] = true
		}
	}
	edges, prev, inner := 0, false, 1
	first := false
	seen := false
	for a := range s.Rank() {
		if s.Dim(a) == 1 {
			continue
		}
		if !seen {
			first, prev, seen = has[a], has[a], true
		}
		if has[a] != prev {
			edges++
			prev = has[a]
			inner = 1
		}
		inner *= s.Dim(a)
	}
	if edges != 1 {
		return operandClass{kind: general, v: x}
	}
	if first {
		return operandClass{kind: colVector, cols: inner, v: x}
	}
	return operandClass{kind: rowVector, cols: inner, v: x}
}
