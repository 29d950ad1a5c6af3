package ops

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// ScanOp runs a body Length times, for t = 0, 1, ..., Length-1, or backwards if
// Reverse. Operands are Carries values of any types; Xs values whose axis 0 has
// extent Length; and those that the body captured, n of them:
//
//	c = carries
//	for each t:
//		h[t] = c
//		c, y[t] = Body(t, c, x[t], captured)
//
// The body's parameters are t, a u64 scalar, and a carry, a slice and a captured
// value for each operand; its results are the carries, of the types they went in
// with, and any number of ys. Results of the op are the last c, then y, and then
// h, the carries that each iteration began with, which the gradient needs. Both
// y and h have an axis 0 of extent Length before those of the body's results:
// rank 7 is the most that a carry may have. With Length 0 the carries are those
// given.
//
// The gradient is a scan in the other direction that computes the body again.
// On the CPU a carry, a slice of x, y and h are memory of the plan; h takes none
// where nothing reads it. Results do not depend on the number of threads.
//
// Source: jax.lax.scan, with the number of the iteration and h besides.
type ScanOp struct {
	Body        *ir.Body
	Length      int
	Carries, Xs int
	Reverse     bool
}

// Scan runs along axis 0 of xs, which all have one length: body gets the
// carries, at first init, and a slice of each of xs, and returns the next
// carries, of the same types, and ys, which are stacked along a new axis 0.
// Results are the last carries and the stacked ys. Either list may be empty,
// not both.
//
// The body may use any value of the graph around it, parameters of modules
// included; a gradient reaches those as well as init and xs. A value that is
// made in the body does not exist outside: return it. Random ops that draw by
// module.Ctx draw other numbers in each iteration. In mixed precision carries
// keep the types of init.
func Scan(init, xs []*ir.Value, body func(carry, x []*ir.Value) (next, ys []*ir.Value)) (carry, ys []*ir.Value) {
	return scanSlices(false, init, xs, body)
}

// ScanReverse is Scan from the last slice to the first. Slice t of ys belongs
// to slice t of xs.
func ScanReverse(init, xs []*ir.Value, body func(carry, x []*ir.Value) (next, ys []*ir.Value)) (carry, ys []*ir.Value) {
	return scanSlices(true, init, xs, body)
}

// ScanN is Scan n times without slices: body gets the number of the iteration,
// an i64 scalar from 0 on, and the carries, at least one.
func ScanN(n int, init []*ir.Value, body func(t *ir.Value, carry []*ir.Value) (next, ys []*ir.Value)) (carry, ys []*ir.Value) {
	out := scan(ScanOp{Length: n}, init, nil, nil, func(t *ir.Value, carry, _, _ []*ir.Value) ([]*ir.Value, []*ir.Value) {
		return body(Cast(t, dtype.Int64), carry)
	})
	return results(out, len(init))
}

func scanSlices(reverse bool, init, xs []*ir.Value, body func(carry, x []*ir.Value) (next, ys []*ir.Value)) (carry, ys []*ir.Value) {
	op := ScanOp{Reverse: reverse}
	if len(xs) > 0 && xs[0].Rank() > 0 {
		op.Length = xs[0].Dim(0)
	}
	if len(xs) == 0 && len(init) > 0 {
		init[0].Graph().Fail(op.Name(), "has no inputs to run along; use ScanN", init)
	}
	out := scan(op, init, xs, nil, func(_ *ir.Value, carry, x, _ []*ir.Value) ([]*ir.Value, []*ir.Value) {
		return body(carry, x)
	})
	return results(out, len(init))
}

// results are the carries and ys among the results of a scan.
func results(out []*ir.Value, carries int) (carry, ys []*ir.Value) {
	n := max(carries, len(out)-carries)
	return out[:carries:carries], out[carries:n:n]
}

// scan builds the body and the op. The values in consts become parameters of
// the body even if it does not use them.
func scan(op ScanOp, init, xs, consts []*ir.Value, body func(t *ir.Value, carry, x, consts []*ir.Value) (next, ys []*ir.Value)) []*ir.Value {
	operands := append(append(append([]*ir.Value(nil), init...), xs...), consts...)
	if len(operands) == 0 {
		return nil
	}
	op.Carries, op.Xs = len(init), len(xs)
	g := operands[0].Graph()
	parts := make([]ir.Type, len(xs))
	if err := op.along(typesOf(xs), parts); err != nil {
		g.Fail(op.Name(), err.Error(), operands)
	}
	params := []ir.Input{{Label: "iteration", Type: ir.Type{DType: dtype.Uint64}}}
	for i, v := range init {
		params = append(params, ir.Input{Label: fmt.Sprint("carry ", i), Type: v.Type()})
	}
	for i, t := range parts {
		params = append(params, ir.Input{Label: fmt.Sprint("x ", i), Type: t})
	}
	for _, v := range consts {
		params = append(params, ir.Input{Type: v.Type()})
	}
	count := op.Carries
	b, captured := g.BuildBody(ir.BodySpec{Op: op.Name(), Params: params, Loop: true}, func(in []*ir.Value) []*ir.Value {
		c, x := 1+len(init), 1+len(init)+len(xs)
		next, ys := body(in[0], in[1:c:c], in[c:x:x], in[x:])
		if len(next) != len(init) {
			g.Fail(op.Name(), fmt.Sprintf("the body returns %d carries, wants %d", len(next), len(init)), operands)
		}
		count += len(ys) + op.Carries
		return append(adapted(next, init), ys...)
	})
	if b == nil {
		return standIns(operands[0], count)
	}
	op.Body = b
	return g.Add(op, append(operands, captured...)...)
}

// adapted gives carries the element types that they began with where an adapter
// of the graph chooses types of floats: mixed precision.
func adapted(next, init []*ir.Value) []*ir.Value {
	out := append([]*ir.Value(nil), next...)
	for i, v := range out {
		if v != nil && i < len(init) && v.Graph().Adapts() && v.DType().IsFloat() && init[i].DType().IsFloat() {
			out[i] = Cast(v, init[i].DType())
		}
	}
	return out
}

// standIns are what builders of several results return once a mistake is kept.
func standIns(like *ir.Value, n int) []*ir.Value {
	out := make([]*ir.Value, n)
	for i := range out {
		out[i] = standIn(like)
	}
	return out
}

// along gives the types of the slices of xs.
func (op ScanOp) along(xs, parts []ir.Type) error {
	for i, t := range xs {
		if t.Shape.Rank() == 0 {
			return fmt.Errorf("input %d is %v and has no axis to run along", i, t)
		}
		if t.Shape.Dim(0) != op.Length {
			return fmt.Errorf("input %d has %d slices, wants %d", i, t.Shape.Dim(0), op.Length)
		}
		parts[i] = ir.Type{DType: t.DType, Shape: shape.Of(t.Shape.Dims()[1:]...)}
	}
	return nil
}

// Name is "scan".
func (ScanOp) Name() string { return "scan" }

func (op ScanOp) String() string {
	s := fmt.Sprintf("length %d", op.Length)
	if op.Reverse {
		s += " reverse"
	}
	return fmt.Sprintf("%s, %d carries, %d inputs", s, op.Carries, op.Xs)
}

// ys is the number of results that are stacked, carries aside.
func (op ScanOp) ys() int { return len(op.Body.Graph().Outputs()) - op.Carries }

// NumResults counts carries, ys and the carries of each iteration.
func (op ScanOp) NumResults() int {
	if op.Body == nil {
		return 0
	}
	return 2*op.Carries + op.ys()
}

// Infer compares what the body takes and gives with the operands.
func (op ScanOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if op.Body == nil {
		return nil, errors.New("has no body")
	}
	if op.Length < 0 {
		return nil, fmt.Errorf("wants a number of iterations, got %d", op.Length)
	}
	params, out := op.Body.In(), op.Body.Out()
	if err := operands(in, len(params)-1); err != nil {
		return nil, err
	}
	given := append([]ir.Type{{DType: dtype.Uint64}}, in...)
	if err := op.along(in[op.Carries:op.Carries+op.Xs], given[1+op.Carries:]); err != nil {
		return nil, err
	}
	if err := fit(given, params); err != nil {
		return nil, err
	}
	if len(out) < op.Carries {
		return nil, fmt.Errorf("the body returns %d carries, wants %d", len(out), op.Carries)
	}
	if len(out) == 0 {
		return nil, errors.New("the body returns nothing")
	}
	carry, types := out[:op.Carries:op.Carries], []ir.Type(nil)
	if err := sameCarries(in, carry); err != nil {
		return nil, err
	}
	types = append(types, carry...)
	for _, t := range append(out[op.Carries:], carry...) {
		s, err := shape.Make(append([]int{op.Length}, t.Shape.Dims()...)...)
		if err != nil {
			return nil, fmt.Errorf("a body's result %v can't be stacked %d times", t, op.Length)
		}
		types = append(types, ir.Type{DType: t.DType, Shape: s})
	}
	return types, nil
}

// fit checks that a body takes what it is given.
func fit(given, params []ir.Type) error {
	for i, t := range given {
		if t != params[i] {
			return fmt.Errorf("parameter %d of the body is %v, it is given %v", i, params[i], t)
		}
	}
	return nil
}

// sameCarries checks that a body returns the types of carries that it takes.
func sameCarries(before, after []ir.Type) error {
	for i, t := range after {
		if t != before[i] {
			return fmt.Errorf("carry %d goes into the body as %v and comes out as %v", i, before[i], t)
		}
	}
	return nil
}

// Bodies is the one body.
func (op ScanOp) Bodies() []*ir.Body { return []*ir.Body{op.Body} }

// WithBodies replaces the body.
func (op ScanOp) WithBodies(b []*ir.Body) ir.Op {
	op.Body = b[0]
	return op
}

// BodyFlops is that of all iterations.
func (op ScanOp) BodyFlops(each []int64) int64 { return int64(op.Length) * each[0] }

// EvalBodies runs the body over slices.
func (op ScanOp) EvalBodies(in, out []*tensor.Tensor, run func(b *ir.Body, in []*tensor.Tensor) []*tensor.Tensor) {
	c, x, y := op.Carries, op.Carries+op.Xs, op.Carries+op.ys()
	carry := in[:c]
	for k := range op.Length {
		t := k
		if op.Reverse {
			t = op.Length - 1 - k
		}
		args := append([]*tensor.Tensor{tensor.Scalar(uint64(t))}, carry...)
		for _, v := range in[c:x] {
			args = append(args, sliceOf(v, t))
		}
		made := run(op.Body, append(args, in[x:]...))
		for i, v := range carry {
			copy(sliceOf(out[y+i], t).Bytes(), v.Bytes())
		}
		for i, v := range made[c:] {
			copy(sliceOf(out[c+i], t).Bytes(), v.Bytes())
		}
		carry = made[:c]
	}
	for i, v := range carry {
		copy(out[i].Bytes(), v.Bytes())
	}
}

// sliceOf is slice t along axis 0; it shares memory.
func sliceOf(x *tensor.Tensor, t int) *tensor.Tensor {
	return tensor.Must(x.Rows(t, t+1).Reshape(x.Shape().Dims()[1:]...))
}

// Prune drops results that are not used, and operands that only they need.
func (op ScanOp) Prune(in []*ir.Value, used []bool) []*ir.Value {
	c, x, y := op.Carries, op.Carries+op.Xs, op.Carries+op.ys()
	wanted := append([]bool(nil), used[:y]...)
	for i := range c {
		wanted[i] = wanted[i] || used[y+i]
	}
	keep := needsAround(op.Body.Graph(), wanted, c)[1:]
	copy(keep, wanted[:c])
	if !slices.Contains(keep, false) && !slices.Contains(wanted, false) || !slices.Contains(keep, true) {
		return nil // nothing to drop, or no operand would be left to tell the graph
	}
	fewer := ScanOp{Length: op.Length, Reverse: op.Reverse}
	made := scan(fewer, kept(in[:c], keep), kept(in[c:x], keep[c:]), kept(in[x:], keep[x:]), func(t *ir.Value, carry, parts, consts []*ir.Value) (next, ys []*ir.Value) {
		params := spread(append(append(carry, parts...), consts...), keep)
		out := op.Body.BuildSome(t.Graph(), append([]*ir.Value{t}, params...), wanted)
		return kept(out[:c], wanted), kept(out[c:], wanted[c:])
	})
	return spread(made, append(wanted, wanted[:c]...))
}

// Sink lets the body make captured values itself where again says that their op
// is worth it.
func (op ScanOp) Sink(in []*ir.Value, again func(op ir.Op) bool) []*ir.Value {
	c, x := op.Carries, op.Carries+op.Xs
	s := sinkOf(in[x:], again)
	if s == nil || x+len(s.from) == 0 { // without operands there is no graph
		return nil
	}
	same := ScanOp{Length: op.Length, Reverse: op.Reverse}
	return scan(same, in[:c], in[c:x], s.from, func(t *ir.Value, carry, parts, consts []*ir.Value) (next, ys []*ir.Value) {
		params := append(append([]*ir.Value{t}, carry...), parts...)
		out := op.Body.Build(t.Graph(), append(params, s.make(t.Graph(), consts)...))
		return out[:c], out[c:]
	})
}

// A sink makes values, by ops that are worth to be done again, from others.
type sink struct {
	want, from []*ir.Value
}

// sinkOf finds what some values can be made from; nil if from themselves alone.
func sinkOf(want []*ir.Value, again func(op ir.Op) bool) *sink {
	s := &sink{want: want}
	found := false
	var visit func(v *ir.Value)
	visit = func(v *ir.Value) {
		if again(v.Node().Op()) {
			found = true
			for _, in := range v.Node().In() {
				visit(in)
			}
		} else if !slices.Contains(s.from, v) {
			s.from = append(s.from, v)
		}
	}
	for _, v := range want {
		visit(v)
	}
	if !found {
		return nil
	}
	return s
}

// make makes the values in g, where in stands for those that they are made from.
func (s *sink) make(g *ir.Graph, in []*ir.Value) []*ir.Value {
	made := map[*ir.Value]*ir.Value{}
	for i, v := range s.from {
		made[v] = in[i]
	}
	var get func(v *ir.Value) *ir.Value
	get = func(v *ir.Value) *ir.Value {
		if made[v] == nil {
			var args []*ir.Value
			for _, in := range v.Node().In() {
				args = append(args, get(in))
			}
			g.For(v.Node(), func() { made[v] = g.Add(v.Node().Op(), args...)[v.Index()] })
		}
		return made[v]
	}
	out := make([]*ir.Value, len(s.want))
	for i, v := range s.want {
		out[i] = get(v)
	}
	return out
}

// kept are the values that are marked, spread puts them back in their places.
func kept(vs []*ir.Value, keep []bool) (list []*ir.Value) {
	for i, v := range vs {
		if keep[i] {
			list = append(list, v)
		}
	}
	return list
}

func spread(vs []*ir.Value, keep []bool) []*ir.Value {
	list := make([]*ir.Value, len(keep))
	for i, k := range keep {
		if k {
			list[i], vs = vs[0], vs[1:]
		}
	}
	return list
}

// GradBodies runs the other way round and carries the gradients of the carries
// and of the captured values. Each iteration builds the body again from the
// carries that it began with, and the gradients of that.
func (op ScanOp) GradBodies(in, out, gout []*ir.Value, wanted []bool, vjp ir.VJP) []*ir.Value {
	c, x, y := op.Carries, op.Carries+op.Xs, op.Carries+op.ys()
	history, ghistory := out[y:], gout[y:]
	flows := op.flows(gout, wanted)
	if !slices.Contains(flows, true) {
		return make([]*ir.Value, len(in))
	}

	// The gradients of carries, then of captured values, are carried.
	var init, gslices []*ir.Value
	for i := range in {
		switch {
		case !flows[i] || i >= c && i < x:
		case i < c && gout[i] != nil:
			init = append(init, gout[i])
		default:
			init = append(init, ZerosLike(in[i]))
		}
	}
	for i, g := range gout[c:] { // of ys and, for carries with a gradient, of the history
		if g != nil && (c+i < y || flows[c+i-y]) {
			gslices = append(gslices, g)
		}
	}
	xs := append(append(history[:c:c], in[c:x]...), gslices...)
	back := ScanOp{Length: op.Length, Reverse: !op.Reverse}
	result := scan(back, init, xs, in[x:], func(t *ir.Value, carry, parts, captured []*ir.Value) (next, ys []*ir.Value) {
		params := append(append([]*ir.Value{t}, parts[:x]...), captured...)
		gslices, sums := parts[x:], carry
		made := op.Body.Build(t.Graph(), params)
		var of, seeds, by []*ir.Value
		for i := range c {
			if flows[i] {
				of, seeds, sums = append(of, made[i]), append(seeds, sums[0]), sums[1:]
			}
		}
		for i := c; i < y; i++ {
			if gout[i] != nil {
				of, seeds, gslices = append(of, made[i]), append(seeds, gslices[0]), gslices[1:]
			}
		}
		for i := range in {
			if flows[i] {
				by = append(by, params[1+i])
			}
		}
		grads := vjp(of, seeds, by)
		for i := range in {
			if !flows[i] {
				continue
			}
			g := grads[0]
			grads = grads[1:]
			switch {
			case i < c:
				if ghistory[i] != nil {
					g, gslices = plus(g, gslices[0]), gslices[1:]
				}
				next = append(next, zerosIfNil(g, params[1+i]))
			case i < x:
				ys = append(ys, zerosIfNil(g, params[1+i]))
			default:
				next, sums = append(next, plus(g, sums[0])), sums[1:]
			}
		}
		return next, ys
	})
	carried, stacked := results(result, len(init))
	grads := make([]*ir.Value, len(in))
	for i := range in {
		switch {
		case !flows[i]:
		case i >= c && i < x:
			grads[i], stacked = stacked[0], stacked[1:]
		default:
			grads[i], carried = carried[0], carried[1:]
		}
	}
	return grads
}

// plus adds two gradients of which the first may be nil.
func plus(g, h *ir.Value) *ir.Value {
	if g == nil {
		return h
	}
	return Add(g, h)
}

// zerosIfNil is a gradient by x, which may be nil.
func zerosIfNil(g, x *ir.Value) *ir.Value {
	if g == nil {
		return ZerosLike(x)
	}
	return g
}

// flows tells which operands a gradient flows to: those whose parameter depends
// on something wanted while something with a gradient depends on it. Both are
// followed around the loop until nothing changes.
func (op ScanOp) flows(gout []*ir.Value, wanted []bool) []bool {
	b := op.Body.Graph()
	c, y := op.Carries, op.Carries+op.ys()
	varied := append([]bool{false}, wanted...)
	useful := make([]bool, y)
	for i := range useful {
		useful[i] = gout[i] != nil || i < c && gout[y+i] != nil
	}
	for again := true; again; {
		again = false
		for i, v := range dependents(b, varied)[:c] {
			if v && !varied[1+i] {
				varied[1+i], again = true, true
			}
		}
	}
	needed := needsAround(b, useful, c)
	flows := make([]bool, len(wanted))
	for i, v := range b.Inputs()[1:] {
		carried := i < c && useful[i]
		flows[i] = varied[1+i] && (needed[1+i] || carried) && v.DType().IsFloat()
	}
	return flows
}

// dependents tells which outputs depend on one of the inputs that are marked.
func dependents(g *ir.Graph, inputs []bool) []bool {
	on := map[*ir.Value]bool{}
	for i, v := range g.Inputs() {
		on[v] = inputs[i]
	}
	for _, n := range g.Nodes() {
		for _, v := range n.In() {
			if on[v] {
				for _, o := range n.Outs() {
					on[o] = true
				}
				break
			}
		}
	}
	return marks(on, g.Outputs())
}

// needs tells on which inputs one of the outputs that are marked depends.
func needs(g *ir.Graph, outputs []bool) []bool {
	on := map[*ir.Value]bool{}
	for i, v := range g.Outputs() {
		on[v] = on[v] || outputs[i]
	}
	nodes := g.Nodes()
	for k := len(nodes) - 1; k >= 0; k-- {
		for _, o := range nodes[k].Outs() {
			if on[o] {
				for _, v := range nodes[k].In() {
					on[v] = true
				}
			}
		}
	}
	return marks(on, g.Inputs())
}

// needsAround is needs for the body of a loop: what needs one of the first
// results needs, in the iteration before, the carry that it is. It marks those
// results, too.
func needsAround(g *ir.Graph, outputs []bool, carries int) (needed []bool) {
	for again := true; again; {
		again = false
		needed = needs(g, outputs)
		for i := range carries {
			if needed[1+i] && !outputs[i] {
				outputs[i], again = true, true
			}
		}
	}
	return needed
}

func marks(on map[*ir.Value]bool, vs []*ir.Value) []bool {
	list := make([]bool, len(vs))
	for i, v := range vs {
		list[i] = on[v]
	}
	return list
}
