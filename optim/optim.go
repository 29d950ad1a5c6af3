// Package optim has the optimizers: what a step does to parameters, given their
// gradients and a learning rate.
//
// A config such as [SGD] or [AdamW] is data; its Build gives an [Optimizer] for
// some parameters. [Build] makes one of several groups with settings of their
// own. Several optimizers in one step are fine if their names differ.
//
// A config is a [Rule]: it lists the state of one parameter and builds its
// update. Groups, rates, the step number and clipping live outside the rules
// and serve every one of them, also rules written elsewhere.
//
// The arithmetic is PyTorch's (torch.optim, version 2.15), in the type of each
// parameter; what depends on the step number alone is computed in float64.
// Parameters of 16 bits are updated in float32 and rounded, and their state is
// float32, where PyTorch's has 16 bits: a mean of squares in bfloat16 would not
// move by a thousandth. State has the names of PyTorch's: NAME.PARAMETER.exp_avg
// is state[i]["exp_avg"] there, NAME.step is state[i]["step"] of all.
// tools/torchcheck/optim_state.py takes it over, in both directions.
// Results do not depend on the number of threads.
package optim

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// An Optimizer updates parameters.
type Optimizer interface {
	module.Trains
	// Update makes the parameters, and the optimizer's state, take new values
	// when the step ends. grads are in the order of Params; lr is a scalar.
	Update(c *module.Ctx, grads []*ir.Value, lr *ir.Value)
}

// A Rule is the arithmetic of an optimizer on one parameter, as comparable data.
type Rule interface {
	// Validate tells all that is wrong with the settings.
	Validate() error
	// Slots lists the state of a parameter that is computed with as type p.
	Slots(p ir.Type) []Slot
	// Start builds what the parameters of a group share in a step, and returns
	// what updates one of them.
	Start(s *Step) Update
}

// A Judged rule trains weights other than those that a model is judged by. The
// latter are shadows of the parameters: evaluate under [module.Ctx.Shadow] of
// [JudgedPrefix], and export the model with that prefix.
type Judged interface {
	Rule
	// Judged builds these weights from what Update returned.
	Judged(p *ir.Value, state []*ir.Value) *ir.Value
}

// JudgedPrefix comes before the keys of the weights of [Judged] rules.
const JudgedPrefix = "judged."

// A Chooser is a rule that leaves some parameters to others.
type Chooser interface {
	// Choose returns the rule of a parameter that is computed with as type p.
	Choose(key string, p ir.Type) Config
}

// A Slot is a state of one parameter.
type Slot struct {
	Name string      // as PyTorch calls it, such as "exp_avg"
	Type ir.Type     // none stands for that of the parameter
	Init module.Init // nil fills with zeros
	Copy bool        // start as a copy of the parameter instead
}

// An Update builds the new value of parameter p with gradient g, and of its
// state, in the order of Slots.
type Update func(p, g *ir.Value, state []*ir.Value) (newP *ir.Value, newState []*ir.Value)

// A Step is what a rule knows of the present step.
type Step struct {
	// LR is the learning rate: a scalar of the type of the parameters.
	LR    *ir.Value
	base  *ir.Value // LR before the factor of the group, float64
	count func() *ir.Value
	norm  func() *ir.Value
	total func(name string, next func(old *ir.Value) *ir.Value) *ir.Value
}

// Count is the number of this step as a float64 scalar, 1 in the first. An
// optimizer keeps count if one of its rules asks.
func (s *Step) Count() *ir.Value { return s.count() }

// GradNorm is the norm of the gradients of all parameters that the optimizer
// has, those of other groups too: a float32 scalar.
func (s *Step) GradNorm() *ir.Value { return s.norm() }

// Total is a float64 scalar that all parameters share which count steps by one
// clock, 0 before the first step: next builds what it becomes in this one. Rules
// that ask for it under one name must agree on that.
func (s *Step) Total(name string, next func(old *ir.Value) *ir.Value) *ir.Value {
	return s.total(name, next)
}

// scalar rounds a float64 scalar to the type of the parameters.
func (s *Step) scalar(v *ir.Value) *ir.Value { return ops.Cast(v, s.LR.DType()) }

// constant is v as a scalar of the type of the parameters.
func (s *Step) constant(v float64) *ir.Value { return ops.Scalar(s.LR, v) }

// rule is the update by one of the rules of package ops.
func rule(f ops.UpdateFunc, scalars ...*ir.Value) Update {
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		return ops.Update(f, p, g, state, scalars)
	}
}

// A Group is a set of parameters with a rule of their own.
type Group struct {
	Rule    Rule
	Params  []module.Named
	LRScale float64 // factor of the learning rate of the step
	// Clock names the count of steps that the rule reads, NAME.CLOCK; "" is
	// "step". Parameters that join a run later count from there, as PyTorch's,
	// by a clock of their own.
	Clock string
}

// Build makes an optimizer of groups. The name is the first part of the keys of
// its state, NAME.PARAMETER.SLOT and NAME.step; optimizers that are used in one
// step or saved in one checkpoint need different ones.
func Build(name string, groups ...Group) (Optimizer, error) {
	o := &optimizer{name: name, clocks: map[string]*module.State{}, totals: map[string]*module.State{}}
	var errs []error
	if name == "" {
		errs = append(errs, errors.New("optim: an optimizer must have a name"))
	}
	if len(groups) == 0 {
		errs = append(errs, errors.New("optim: an optimizer must have at least one group"))
	}
	seen := map[*module.Param]bool{}
	for i, g := range groups {
		if g.Rule == nil {
			errs = append(errs, fmt.Errorf("optim: group %d has no rule", i))
			continue
		}
		if _, chooses := g.Rule.(Chooser); !chooses && !reflect.ValueOf(g.Rule).Comparable() {
			errs = append(errs, fmt.Errorf("optim: group %d: rule %T can't be compared; make it a struct of plain settings", i, g.Rule))
			continue
		}
		if err := g.Rule.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("optim: group %d: %w", i, err))
		}
		if !(g.LRScale >= 0) {
			errs = append(errs, fmt.Errorf("optim: group %d: the scale of the learning rate must not be negative, got %v", i, g.LRScale))
		}
		for _, p := range g.Params {
			switch {
			case seen[p.Param]:
				errs = append(errs, fmt.Errorf("optim: parameter %s is given twice", p.Key))
			case !p.DType.IsFloat():
				errs = append(errs, fmt.Errorf("optim: parameter %s is %v and has no gradient", p.Key, p.Type()))
			}
			seen[p.Param] = true
			o.add(g, p)
		}
	}
	if len(o.params) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("optim: there is no parameter to train"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return o, nil
}

type optimizer struct {
	name   string
	params []module.Named
	member []member                 // of params
	clocks map[string]*module.State // by name
	names  []string                 // of clocks, in the order of groups
	totals map[string]*module.State // by clock and name
	judged bool                     // some rule is Judged
}

// A member is what the optimizer knows of one parameter.
type member struct {
	shared shared
	slots  []*module.State
	climbs bool
}

// shared is what parameters have in common that share a Start.
type shared struct {
	rule    Rule
	lrScale float64
	dt      dtype.DType // of state and arithmetic
	clock   string
}

func (o *optimizer) add(g Group, p module.Named) {
	dt := p.DType
	if dt.IsHalf() {
		dt = dtype.Float32
	}
	clock := g.Clock
	if clock == "" {
		clock = "step"
	}
	if o.clocks[clock] == nil {
		o.clocks[clock] = &module.State{Key: o.name + "." + clock, DType: dtype.Int64}
		o.names = append(o.names, clock)
	}
	own, rule := ir.Type{DType: dt, Shape: p.Shape}, g.Rule
	if c, ok := rule.(Chooser); ok {
		rule = c.Choose(p.Key, own)
	}
	m := member{shared: shared{rule, g.LRScale, dt, clock}}
	if cfg, ok := rule.(Config); ok {
		m.climbs = cfg.Shared().Maximize
	}
	if _, ok := rule.(Judged); ok {
		o.judged = true
	}
	for _, s := range rule.Slots(own) {
		state := &module.State{Key: o.name + "." + p.Key + "." + s.Name, DType: s.Type.DType, Shape: s.Type.Shape, Init: s.Init}
		if s.Type == (ir.Type{}) {
			state.DType, state.Shape = own.DType, own.Shape
		}
		if s.Copy {
			state.Like = p.Key
		}
		m.slots = append(m.slots, state)
	}
	o.params, o.member = append(o.params, p), append(o.member, m)
}

// Params lists the parameters, group after group.
func (o *optimizer) Params() []module.Named { return o.params }

// States lists the numbers of steps, and the state of all parameters.
func (o *optimizer) States() []*module.State {
	var all []*module.State
	for _, name := range o.names {
		all = append(all, o.clocks[name])
	}
	for _, m := range o.member {
		all = append(all, m.slots...)
	}
	return all
}

// Update builds the updates of all parameters.
func (o *optimizer) Update(c *module.Ctx, grads []*ir.Value, lr *ir.Value) {
	g := c.Graph()
	defer g.SetPath(g.SetPath(o.name))
	if g.Err() != nil {
		return
	}
	if len(grads) != len(o.params) {
		g.Fail("optim", fmt.Sprintf("%d gradients for %d parameters", len(grads), len(o.params)), nil)
		return
	}
	if lr.Rank() != 0 || !lr.DType().IsFloat() {
		g.Fail("optim", "the learning rate must be a scalar of a floating-point type", []*ir.Value{lr})
		return
	}
	counts := map[string]func() *ir.Value{}
	for _, name := range o.names {
		counts[name] = counter(c, o.clocks[name])
	}
	norm := sync.OnceValue(func() *ir.Value { return Norm(grads) })
	totals := map[string]*ir.Value{}
	total := func(clock string) func(name string, next func(old *ir.Value) *ir.Value) *ir.Value {
		return func(name string, next func(old *ir.Value) *ir.Value) *ir.Value {
			key := o.name + "." + clock + "." + name
			if totals[key] == nil {
				if o.totals[key] == nil {
					o.totals[key] = &module.State{Key: key, DType: dtype.Float64}
				}
				totals[key] = next(c.State(o.totals[key]))
				c.SetState(o.totals[key], totals[key])
			}
			return totals[key]
		}
	}
	base := ops.Cast(lr, dtype.Float64)
	starts := map[shared]Update{}
	for i, p := range o.params {
		m := o.member[i]
		v := c.Param(p.Param)
		if g.Err() == nil && grads[i].Type() != v.Type() {
			g.Fail("optim", fmt.Sprintf("gradient of %s has another type than the parameter", p.Key), []*ir.Value{v, grads[i]})
		}
		if g.Err() != nil {
			return
		}
		update := starts[m.shared]
		if update == nil {
			rate := ops.Cast(lr, m.shared.dt)
			if m.shared.lrScale != 1 {
				rate = ops.Mul(rate, ops.Scalar(rate, m.shared.lrScale))
			}
			update = m.shared.rule.Start(&Step{rate, base, counts[m.shared.clock], norm, total(m.shared.clock)})
			starts[m.shared] = update
		}
		state := make([]*ir.Value, len(m.slots))
		for j, s := range m.slots {
			state[j] = c.State(s)
		}
		grad := ops.Cast(grads[i], m.shared.dt)
		if m.climbs {
			grad = ops.Neg(grad)
		}
		v, state = update(ops.Cast(v, m.shared.dt), grad, state)
		c.SetParam(p.Param, ops.Cast(v, p.DType))
		for j, s := range m.slots {
			c.SetState(s, state[j])
		}
		if o.judged { // or the shadow would stay what the parameter was at first
			if j, ok := m.shared.rule.(Judged); ok {
				v = j.Judged(v, state)
			}
			c.Shadow(JudgedPrefix).SetParam(p.Param, ops.Cast(v, p.DType))
		}
	}
}

// counter returns a function that counts the step when it is first called.
func counter(c *module.Ctx, clock *module.State) func() *ir.Value {
	var n *ir.Value
	return func() *ir.Value {
		if n == nil {
			old := c.State(clock)
			now := ops.Add(old, ops.FullInt(c.Graph(), dtype.Int64, shape.Shape{}, 1))
			c.SetState(clock, now)
			n = ops.Cast(now, dtype.Float64)
		}
		return n
	}
}
