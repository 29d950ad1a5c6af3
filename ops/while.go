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

// WhileOp runs a body as long as a condition holds. Operands are Carries values
// of any types, then those that Cond captured, CondCaptures of them, then those
// that Body captured:
//
//	c = carries
//	for n = 0; Cond(n, c, captured); n++ {
//		c = Body(n, c, captured)
//	}
//
// Both take n, a u64 scalar. Cond gives a bool scalar, Body the carries, of the
// types they went in with. Results are the last carries. A condition that never
// fails makes a run that never ends.
//
// There is no gradient: what the iterations began with would have to be kept,
// and how many there are is not known when memory is planned.
//
// Source: jax.lax.while_loop.
type WhileOp struct {
	Cond, Body   *ir.Body
	Carries      int
	CondCaptures int
}

// While runs body on carries, at first init, at least one, as long as cond
// gives true, and returns the last ones. Both may use any value of the graph
// around them. It can't be differentiated in reverse; [ScanN] can, with [Select]
// or [Cond] to do nothing in the iterations that are too many.
func While(init []*ir.Value, cond func(carry []*ir.Value) *ir.Value, body func(carry []*ir.Value) []*ir.Value) []*ir.Value {
	if len(init) == 0 {
		return nil
	}
	return while(init, nil, nil, func(carry, _ []*ir.Value) *ir.Value { return cond(carry) },
		func(carry, _ []*ir.Value) []*ir.Value { return body(carry) })
}

// while builds the op. The values in condIn and bodyIn become parameters of
// condition and body even if they do not use them.
func while(init, condIn, bodyIn []*ir.Value, cond func(carry, in []*ir.Value) *ir.Value, body func(carry, in []*ir.Value) []*ir.Value) []*ir.Value {
	g := init[0].Graph()
	op := WhileOp{Carries: len(init)}
	params := []ir.Input{{Label: "iteration", Type: ir.Type{DType: dtype.Uint64}}}
	for i, v := range init {
		params = append(params, ir.Input{Label: fmt.Sprint("carry ", i), Type: v.Type()})
	}
	c := len(params)
	spec := func(in []*ir.Value) ir.BodySpec {
		params := params[:c:c]
		for _, v := range in {
			params = append(params, ir.Input{Type: v.Type()})
		}
		return ir.BodySpec{Op: op.Name(), Params: params, Loop: true}
	}
	var condCaptured, captured []*ir.Value
	op.Cond, condCaptured = g.BuildBody(spec(condIn), func(in []*ir.Value) []*ir.Value {
		return []*ir.Value{cond(in[1:c:c], in[c:])}
	})
	op.Body, captured = g.BuildBody(spec(bodyIn), func(in []*ir.Value) []*ir.Value {
		next := body(in[1:c:c], in[c:])
		if len(next) != len(init) {
			g.Fail(op.Name(), fmt.Sprintf("the body returns %d carries, wants %d", len(next), len(init)), init)
		}
		return adapted(next, init)
	})
	if op.Cond == nil || op.Body == nil {
		return standIns(init[0], len(init))
	}
	condIn = append(condIn[:len(condIn):len(condIn)], condCaptured...)
	bodyIn = append(bodyIn[:len(bodyIn):len(bodyIn)], captured...)
	op.CondCaptures = len(condIn)
	return g.Add(op, append(append(init[:len(init):len(init)], condIn...), bodyIn...)...)
}

// Name is "while".
func (WhileOp) Name() string { return "while" }

func (op WhileOp) String() string { return fmt.Sprintf("%d carries", op.Carries) }

// NumResults counts carries.
func (op WhileOp) NumResults() int { return op.Carries }

// Infer compares what condition and body take and give with the operands.
func (op WhileOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if op.Cond == nil || op.Body == nil {
		return nil, errors.New("has no condition or no body")
	}
	c, x := op.Carries, op.Carries+op.CondCaptures
	if err := operands(in, x+len(op.Body.In())-1-c); err != nil {
		return nil, err
	}
	iteration := ir.Type{DType: dtype.Uint64}
	given := append([]ir.Type{iteration}, in[:x]...)
	if err := fit(given, op.Cond.In()); err != nil {
		return nil, err
	}
	if err := fit(append(given[:1+c:1+c], in[x:]...), op.Body.In()); err != nil {
		return nil, err
	}
	if out := op.Cond.Out(); len(out) != 1 || out[0] != (ir.Type{DType: dtype.Bool}) {
		return nil, fmt.Errorf("wants a condition bool[], got %v", out[0])
	}
	out := op.Body.Out()
	if len(out) != c {
		return nil, fmt.Errorf("the body returns %d carries, wants %d", len(out), c)
	}
	return out, sameCarries(in, out)
}

// Bodies are the condition and the body.
func (op WhileOp) Bodies() []*ir.Body { return []*ir.Body{op.Cond, op.Body} }

// WithBodies replaces condition and body.
func (op WhileOp) WithBodies(b []*ir.Body) ir.Op {
	op.Cond, op.Body = b[0], b[1]
	return op
}

// BodyFlops counts one iteration: how many there are is not known.
func (WhileOp) BodyFlops(each []int64) int64 { return each[0] + each[1] }

// EvalBodies runs the loop.
func (op WhileOp) EvalBodies(in, out []*tensor.Tensor, run func(b *ir.Body, in []*tensor.Tensor) []*tensor.Tensor) {
	c, x := op.Carries, op.Carries+op.CondCaptures
	carry := in[:c:c]
	for n := uint64(0); ; n++ {
		args := append([]*tensor.Tensor{tensor.New(dtype.Uint64, shape.Shape{})}, carry...)
		tensor.Data[uint64](args[0])[0] = n
		args = args[: 1+c : 1+c]
		if run(op.Cond, append(args, in[c:x]...))[0].Int(0) == 0 {
			break
		}
		carry = run(op.Body, append(args, in[x:]...))
	}
	for i, v := range carry {
		copy(out[i].Bytes(), v.Bytes())
	}
}

// Prune drops carries that neither the condition needs nor anybody uses, and
// operands that only they need.
func (op WhileOp) Prune(in []*ir.Value, used []bool) []*ir.Value {
	c, x := op.Carries, op.Carries+op.CondCaptures
	carries := append([]bool(nil), used...)
	checked := needs(op.Cond.Graph(), []bool{true})[1:]
	for i := range c {
		carries[i] = carries[i] || checked[i]
	}
	keep := needsAround(op.Body.Graph(), carries, c)[1:]
	copy(keep, carries)
	if !slices.Contains(keep, false) || !slices.Contains(carries, true) {
		return nil
	}
	made := while(kept(in[:c], carries), kept(in[c:x], checked[c:]), kept(in[x:], keep[c:]), func(carry, consts []*ir.Value) *ir.Value {
		params := append(spread(carry, carries), spread(consts, checked[c:])...)
		return op.Cond.Build(carry[0].Graph(), append(iterations(carry[0]), params...))[0]
	}, func(carry, consts []*ir.Value) []*ir.Value {
		params := append(spread(carry, carries), spread(consts, keep[c:])...)
		return kept(op.Body.BuildSome(carry[0].Graph(), append(iterations(carry[0]), params...), carries), carries)
	})
	return spread(made, carries)
}

// Sink lets condition and body make captured values themselves where again says
// that their op is worth it.
func (op WhileOp) Sink(in []*ir.Value, again func(op ir.Op) bool) []*ir.Value {
	c, x := op.Carries, op.Carries+op.CondCaptures
	if sinkOf(in[c:], again) == nil {
		return nil
	}
	condIn, bodyIn := sinking(in[c:x], again), sinking(in[x:], again)
	run := func(b *ir.Body, carry, captured []*ir.Value) []*ir.Value {
		return b.Build(carry[0].Graph(), append(append(iterations(carry[0]), carry...), captured...))
	}
	return while(in[:c], condIn.from, bodyIn.from, func(carry, consts []*ir.Value) *ir.Value {
		return run(op.Cond, carry, condIn.make(carry[0].Graph(), consts))[0]
	}, func(carry, consts []*ir.Value) []*ir.Value {
		return run(op.Body, carry, bodyIn.make(carry[0].Graph(), consts))
	})
}

// sinking is sinkOf that may make values of themselves.
func sinking(want []*ir.Value, again func(op ir.Op) bool) *sink {
	if s := sinkOf(want, again); s != nil {
		return s
	}
	return &sink{want: want, from: want}
}

// iterations is the number of the iteration of the loop that is being built.
func iterations(v *ir.Value) []*ir.Value {
	all := v.Graph().Iterations()
	return all[len(all)-1:]
}

// GradBodies keeps a mistake.
func (op WhileOp) GradBodies(in, _, _ []*ir.Value, _ []bool, _ ir.VJP) []*ir.Value {
	in[0].Graph().Fail("grad", "while has no gradient, for its number of iterations is not known; use ops.ScanN with the largest number there may be, and ops.Select to keep the carries once it is done", in)
	return make([]*ir.Value, len(in))
}
