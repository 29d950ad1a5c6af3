package ops

import (
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/ir"
)

// UpdateFunc names the rule by which an optimizer changes one parameter.
type UpdateFunc uint8

// The rules. Each takes a parameter p and its gradient g, then its state, then
// scalars, in the order given here, and makes the new p and the new state:
//
//	SGDUpdate            lr, decay
//	    d = g + decay*p
//	    p = p - lr*d
//	SGDMomentumUpdate    buf; lr, decay, keep, take
//	    buf = keep*buf + take*d
//	    p   = p - lr*buf
//	SGDNesterovUpdate    buf; lr, decay, keep, take, momentum
//	    buf = keep*buf + take*d
//	    p   = p - lr*(d + momentum*buf)
//	AdaGradUpdate        sum; lr, decay, eps
//	    sum = sum + d^2
//	    p   = p - lr * d/(sqrt(sum) + eps)
//	RMSpropUpdate        v; lr, decay, alpha, rest, eps
//	    v = alpha*v + rest*d^2
//	    p = p - lr * d/(sqrt(v) + eps)
//	RMSpropCenteredUpdate    v, m: m = m + rest*(d-m), and v - m^2 under the root
//	RMSpropMomentumUpdate    v, buf; ..., momentum: buf = momentum*buf + d/(sqrt(v) + eps), p = p - lr*buf
//	RMSpropCenteredMomentumUpdate    v, m, buf: both
//	AdamUpdate           m, v; step, decay, rest1, beta2, rest2, root, eps, keep
//	    m = m + rest1*(d-m)
//	    v = beta2*v + rest2*d^2
//	    p = keep*p - step * m/(sqrt(v)*root + eps)
const (
	SGDUpdate UpdateFunc = iota
	SGDMomentumUpdate
	SGDNesterovUpdate
	AdaGradUpdate
	RMSpropUpdate
	RMSpropCenteredUpdate
	RMSpropMomentumUpdate
	RMSpropCenteredMomentumUpdate
	AdamUpdate
)

// updates is the table of rules: names, numbers of operands, formulas. d is the
// gradient with decay, s the state, k the scalars.
var updates = [...]struct {
	name            string
	states, scalars int
	f               func(p, d *ir.Value, s, k []*ir.Value) []*ir.Value
}{
	SGDUpdate: {"sgd", 0, 2, func(p, d *ir.Value, _, k []*ir.Value) []*ir.Value {
		return []*ir.Value{Sub(p, Mul(k[0], d))}
	}},
	SGDMomentumUpdate: {"sgd_momentum", 1, 4, func(p, d *ir.Value, s, k []*ir.Value) []*ir.Value {
		buf := Add(Mul(k[2], s[0]), Mul(k[3], d))
		return []*ir.Value{Sub(p, Mul(k[0], buf)), buf}
	}},
	SGDNesterovUpdate: {"sgd_nesterov", 1, 5, func(p, d *ir.Value, s, k []*ir.Value) []*ir.Value {
		buf := Add(Mul(k[2], s[0]), Mul(k[3], d))
		return []*ir.Value{Sub(p, Mul(k[0], Add(d, Mul(k[4], buf)))), buf}
	}},
	AdaGradUpdate: {"adagrad", 1, 3, func(p, d *ir.Value, s, k []*ir.Value) []*ir.Value {
		sum := Add(s[0], Mul(d, d))
		return []*ir.Value{Sub(p, Mul(k[0], Div(d, Add(Sqrt(sum), k[2])))), sum}
	}},
	RMSpropUpdate:                 {"rmsprop", 1, 5, rmsprop(false, false)},
	RMSpropCenteredUpdate:         {"rmsprop_centered", 2, 5, rmsprop(true, false)},
	RMSpropMomentumUpdate:         {"rmsprop_momentum", 2, 6, rmsprop(false, true)},
	RMSpropCenteredMomentumUpdate: {"rmsprop_centered_momentum", 3, 6, rmsprop(true, true)},
	AdamUpdate: {"adam", 2, 8, func(p, d *ir.Value, s, k []*ir.Value) []*ir.Value {
		m := Add(s[0], Mul(k[2], Sub(d, s[0])))
		v := Add(Mul(k[3], s[1]), Mul(k[4], Mul(d, d)))
		return []*ir.Value{Sub(Mul(k[7], p), Mul(k[0], Div(m, Add(Mul(Sqrt(v), k[5]), k[6])))), m, v}
	}},
}

func rmsprop(centered, momentum bool) func(p, d *ir.Value, s, k []*ir.Value) []*ir.Value {
	return func(p, d *ir.Value, s, k []*ir.Value) []*ir.Value {
		v := Add(Mul(k[2], s[0]), Mul(k[3], Mul(d, d)))
		next := []*ir.Value{v}
		variance := v
		if centered {
			m := Add(s[1], Mul(k[3], Sub(d, s[1])))
			variance = Sub(v, Mul(m, m))
			next = append(next, m)
		}
		step := Div(d, Add(Sqrt(variance), k[4]))
		if momentum {
			step = Add(Mul(k[5], s[len(next)]), step)
			next = append(next, step)
		}
		return append([]*ir.Value{Sub(p, Mul(k[0], step))}, next...)
	}
}

// States is the number of tensors that the rule keeps for a parameter.
func (f UpdateFunc) States() int { return updates[f].states }

// UpdateOp is one step of an optimizer on one parameter. Operands: p, g and the
// state, all of one floating-point type and shape, then scalars of rank 0, and
// for one with a gate a bool of rank 0. Results: the new p and the new state,
// or the old ones where the gate is false.
type UpdateOp struct {
	F     UpdateFunc
	Gated bool
}

// Update applies the rule f to the parameter p with gradient g. It returns the
// new parameter and the new state.
func Update(f UpdateFunc, p, g *ir.Value, state, scalars []*ir.Value) (*ir.Value, []*ir.Value) {
	in := append([]*ir.Value{p, g}, state...)
	out := ir.Apply(UpdateOp{F: f}, append(in, scalars...)...)
	return out[0], out[1:]
}

// Gate is v where ok, a bool of rank 0, holds, and old otherwise, bit for bit.
// Where v is what a step of an optimizer makes of old, that step takes ok as an
// operand; elsewhere this is Select.
func Gate(ok, v, old *ir.Value) *ir.Value {
	made, was := v, func(x *ir.Value) bool { return x == old }
	_, narrowed := v.Node().Op().(CastOp)
	if narrowed { // a parameter of 16 bits
		made = v.Node().In()[0]
		was = func(x *ir.Value) bool {
			_, wide := x.Node().Op().(CastOp)
			return wide && x.Node().In()[0] == old
		}
	}
	n := made.Node()
	op, isUpdate := n.Op().(UpdateOp)
	if !isUpdate || op.Gated || !was(n.In()[op.replaced(made.Index())]) {
		return Select(ok, v, old)
	}
	made = ir.Apply(UpdateOp{op.F, true}, append(slices.Clone(n.In()), ok)...)[made.Index()]
	return Cast(made, v.DType())
}

// replaced is the operand that result i takes the place of.
func (UpdateOp) replaced(i int) int {
	if i == 0 {
		return 0
	}
	return 1 + i
}

// Name is the rule's name and "_update".
func (op UpdateOp) Name() string { return updates[op.F].name + "_update" }

func (op UpdateOp) String() string { return "" }

// NumResults counts the parameter and its state.
func (op UpdateOp) NumResults() int { return 1 + op.F.States() }

// Infer wants tensors of one type and scalars of its element type.
func (op UpdateOp) Infer(in []ir.Type) ([]ir.Type, error) {
	u := updates[op.F]
	n := 2 + u.states + u.scalars
	if op.Gated {
		n++
	}
	if err := operands(in, n); err != nil {
		return nil, err
	}
	if op.Gated {
		if t := in[n-1]; t.DType != boolType || t.Shape.Rank() != 0 {
			return nil, fmt.Errorf("the gate must be bool of rank 0, got %v", t)
		}
		in = in[:n-1]
	}
	if err := floating(in[0]); err != nil {
		return nil, err
	}
	for i, t := range in[:2+u.states] {
		if t != in[0] {
			return nil, fmt.Errorf("parameter, gradient and state must have one type, operand %d has another", i)
		}
	}
	for i, t := range in[2+u.states:] {
		if t.DType != in[0].DType || t.Shape.Rank() != 0 {
			return nil, fmt.Errorf("scalar %d must be %v of rank 0, got %v", i, in[0].DType, t)
		}
	}
	return in[:1+u.states], nil
}

// Flops counts four operations an element and tensor.
func (op UpdateOp) Flops(in, _ []ir.Type) int64 {
	return 4 * int64(1+op.F.States()) * int64(in[0].Shape.Size())
}

// Expand is the formula.
func (op UpdateOp) Expand(in []*ir.Value) []*ir.Value {
	u := updates[op.F]
	p, g, states, scalars := in[0], in[1], in[2:2+u.states], in[2+u.states:2+u.states+u.scalars]
	out := u.f(p, Add(g, Mul(scalars[1], p)), states, scalars)
	if op.Gated {
		for i, v := range out {
			out[i] = Select(in[len(in)-1], v, in[op.replaced(i)])
		}
	}
	return out
}
