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

// CondOp runs one of two bodies. Operands are a bool scalar, then the values
// that Yes captured, YesCaptures of them, then those that No captured. Both
// bodies give results of the same types: those of Yes are the op's where the
// scalar is true, those of No where it is false. What the other body would have
// computed is not computed.
//
// The gradient is again a condition: none flows to what only the other body
// uses.
//
// Source: jax.lax.cond.
type CondOp struct {
	Yes, No     *ir.Body
	YesCaptures int
}

// Cond returns what yes returns if pred, a bool scalar, is true, else what no
// returns; types must be equal. Only that branch runs. Branches take no
// parameters: they use values of the graph around them. What a branch makes does
// not exist outside; return it.
func Cond(pred *ir.Value, yes, no func() []*ir.Value) []*ir.Value {
	branch := func(f func() []*ir.Value) func([]*ir.Value) []*ir.Value {
		return func([]*ir.Value) []*ir.Value { return f() }
	}
	return cond(pred, nil, nil, branch(yes), branch(no))
}

// Switch returns what branch number index returns, an i32 or i64 scalar. An
// index below 0 takes the first branch, one beyond the end the last.
//
// Source: jax.lax.switch.
func Switch(index *ir.Value, branches ...func() []*ir.Value) []*ir.Value {
	g := index.Graph()
	switch {
	case len(branches) == 0:
		g.Fail("switch", "wants at least one branch", []*ir.Value{index})
		return nil
	case index.DType() != dtype.Int32 && index.DType() != dtype.Int64 || index.Rank() > 0:
		g.Fail("switch", "wants an index i32[] or i64[]", []*ir.Value{index})
	}
	return switchFrom(index, 0, branches)
}

// switchFrom takes the first branch if index is at most i.
func switchFrom(index *ir.Value, i int, branches []func() []*ir.Value) []*ir.Value {
	if len(branches) == 1 {
		return branches[0]()
	}
	first := Le(index, FullInt(index.Graph(), index.DType(), shape.Shape{}, int64(i)))
	return Cond(first, branches[0], func() []*ir.Value { return switchFrom(index, i+1, branches[1:]) })
}

// cond builds the op. Values in yesIn and noIn become parameters of the branch
// even if it does not use them.
func cond(pred *ir.Value, yesIn, noIn []*ir.Value, yes, no func(in []*ir.Value) []*ir.Value) []*ir.Value {
	g := pred.Graph()
	var op CondOp
	count := -1
	branch := func(in []*ir.Value, f func(in []*ir.Value) []*ir.Value) (*ir.Body, []*ir.Value) {
		var params []ir.Input
		for _, v := range in {
			params = append(params, ir.Input{Type: v.Type()})
		}
		b, captured := g.BuildBody(ir.BodySpec{Op: op.Name(), Params: params, Whole: true}, func(in []*ir.Value) []*ir.Value {
			out := f(in)
			if count < 0 {
				count = len(out)
			} else if len(out) != count {
				g.Fail(op.Name(), fmt.Sprintf("one branch returns %d values, the other %d", count, len(out)), []*ir.Value{pred})
			}
			return out
		})
		return b, append(in[:len(in):len(in)], captured...)
	}
	op.Yes, yesIn = branch(yesIn, yes)
	op.No, noIn = branch(noIn, no)
	if op.Yes == nil || op.No == nil {
		return standIns(pred, count)
	}
	op.YesCaptures = len(yesIn)
	return g.Add(op, append(append([]*ir.Value{pred}, yesIn...), noIn...)...)
}

// Name is "cond".
func (CondOp) Name() string { return "cond" }

func (op CondOp) String() string { return "" }

// NumResults counts those of a branch.
func (op CondOp) NumResults() int {
	if op.Yes == nil {
		return 0
	}
	return len(op.Yes.Graph().Outputs())
}

// Infer compares the branches.
func (op CondOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if op.Yes == nil || op.No == nil {
		return nil, errors.New("has no branches")
	}
	if err := operands(in, 1+len(op.Yes.In())+len(op.No.In())); err != nil {
		return nil, err
	}
	if in[0] != (ir.Type{DType: dtype.Bool}) {
		return nil, fmt.Errorf("wants a condition bool[], got %v", in[0])
	}
	if err := fit(in[1:1+op.YesCaptures], op.Yes.In()); err != nil {
		return nil, err
	}
	if err := fit(in[1+op.YesCaptures:], op.No.In()); err != nil {
		return nil, err
	}
	yes, no := op.Yes.Out(), op.No.Out()
	if len(yes) == 0 {
		return nil, errors.New("the branches return nothing")
	}
	if len(yes) != len(no) {
		return nil, fmt.Errorf("one branch returns %d values, the other %d", len(yes), len(no))
	}
	for i, t := range yes {
		if t != no[i] {
			return nil, fmt.Errorf("result %d is %v if the condition is true and %v if it is false", i, t, no[i])
		}
	}
	return yes, nil
}

// Bodies are the branches.
func (op CondOp) Bodies() []*ir.Body { return []*ir.Body{op.Yes, op.No} }

// WithBodies replaces the branches.
func (op CondOp) WithBodies(b []*ir.Body) ir.Op {
	op.Yes, op.No = b[0], b[1]
	return op
}

// BodyFlops is that of the branch that costs more.
func (CondOp) BodyFlops(each []int64) int64 { return max(each[0], each[1]) }

// EvalBodies runs a branch.
func (op CondOp) EvalBodies(in, out []*tensor.Tensor, run func(b *ir.Body, in []*tensor.Tensor) []*tensor.Tensor) {
	branch, args := op.No, in[1+op.YesCaptures:]
	if in[0].Int(0) != 0 {
		branch, args = op.Yes, in[1:1+op.YesCaptures]
	}
	for i, v := range run(branch, args) {
		copy(out[i].Bytes(), v.Bytes())
	}
}

// Prune drops results that are not used, and operands that only they need.
func (op CondOp) Prune(in []*ir.Value, used []bool) []*ir.Value {
	yes, no := needs(op.Yes.Graph(), used), needs(op.No.Graph(), used)
	if !slices.Contains(used, false) && !slices.Contains(yes, false) && !slices.Contains(no, false) {
		return nil
	}
	branch := func(body *ir.Body, keep []bool) func(in []*ir.Value) []*ir.Value {
		return func(params []*ir.Value) []*ir.Value {
			return kept(body.BuildSome(in[0].Graph(), spread(params, keep), used), used)
		}
	}
	first := 1 + op.YesCaptures
	return spread(cond(in[0], kept(in[1:first], yes), kept(in[first:], no), branch(op.Yes, yes), branch(op.No, no)), used)
}

// Sink lets branches make captured values themselves where again says that their
// op is worth it.
func (op CondOp) Sink(in []*ir.Value, again func(op ir.Op) bool) []*ir.Value {
	if sinkOf(in[1:], again) == nil {
		return nil
	}
	no := 1 + op.YesCaptures
	yesIn, noIn := sinking(in[1:no], again), sinking(in[no:], again)
	branch := func(body *ir.Body, s *sink) func(params []*ir.Value) []*ir.Value {
		return func(params []*ir.Value) []*ir.Value {
			// All that is made now belongs to the branch, which is whole.
			return body.Build(in[0].Graph(), s.make(in[0].Graph(), params))
		}
	}
	return cond(in[0], yesIn.from, noIn.from, branch(op.Yes, yesIn), branch(op.No, noIn))
}

// GradBodies builds a condition whose branches build theirs again and
// differentiate it.
func (op CondOp) GradBodies(in, _, gout []*ir.Value, wanted []bool, vjp ir.VJP) []*ir.Value {
	var by []int // operands with a gradient
	for i, v := range in {
		if wanted[i] && v.DType().IsFloat() {
			by = append(by, i)
		}
	}
	if len(by) == 0 {
		return make([]*ir.Value, len(in))
	}
	branch := func(body *ir.Body, first int) func(params []*ir.Value) []*ir.Value {
		return func(params []*ir.Value) []*ir.Value {
			made := body.Build(in[0].Graph(), params)
			var of, seeds, xs []*ir.Value
			for i, g := range gout {
				if g != nil {
					of, seeds = append(of, made[i]), append(seeds, g)
				}
			}
			mine := func(i int) bool { return i >= first && i < first+len(params) }
			for _, i := range by {
				if mine(i) {
					xs = append(xs, params[i-first])
				}
			}
			grads := vjp(of, seeds, xs)
			var out []*ir.Value
			for _, i := range by {
				if mine(i) {
					out, grads = append(out, zerosIfNil(grads[0], in[i])), grads[1:]
				} else {
					out = append(out, ZerosLike(in[i]))
				}
			}
			return out
		}
	}
	no := 1 + op.YesCaptures
	found := cond(in[0], in[1:no], in[no:], branch(op.Yes, 1), branch(op.No, no))
	grads := make([]*ir.Value, len(in))
	for k, i := range by {
		grads[i] = found[k]
	}
	return grads
}
