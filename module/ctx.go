package module

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
)

// SeedKey and StepKey name the states that random ops read: the seed of the
// store, and the number of steps with random ops that it has run.
const (
	SeedKey = "rng.seed"
	StepKey = "rng.step"
)

// A Ctx leads a forward pass to its parameters, its state, its mode and its
// place in the model. Contexts are derived from each other and share one trace:
// one step may hold the same module in training and in evaluation mode.
type Ctx struct {
	t      *trace
	train  bool
	shadow string // prefix of the states that stand for parameters; "" for none
}

// trace is what all contexts of one traced function share.
type trace struct {
	g        *ir.Graph
	tree     *Tree
	keys     map[*Param]string
	params   map[*Param]*ir.Value // the newest value of each
	inputs   map[*Param]*ir.Value
	states   map[*State]*ir.Value
	stateIns map[*State]*ir.Value
	own      map[*State]bool // states of the model
	shadows  map[shadowed]*State
	owners   map[string]*State // by key
	calls    map[string]int    // random calls by module path
	seed     *State
	step     *State
	ticked   bool
	gate     *ir.Value               // nil for none
	gated    map[*ir.Value]*ir.Value // by variable: the gate that its new value went through
	open     map[*ir.Value]bool      // variables that the gate does not concern
	losses   []*ir.Value
	taken    int                // of the losses
	aside    map[*ir.Value]bool // made for the step, not for other modules: losses and new values of variables
	used     func(key string, p *Param, s *State)
	visit    func(Visit)
}

// NewCtx starts a trace into g. The function used, if not nil, is called for
// each variable when the trace first needs it. Programs get their Ctx from
// exec.NewFunc.
func NewCtx(g *ir.Graph, tree *Tree, used func(key string, p *Param, s *State)) *Ctx {
	t := &trace{g: g, tree: tree, used: used,
		keys: map[*Param]string{}, params: map[*Param]*ir.Value{}, inputs: map[*Param]*ir.Value{},
		states: map[*State]*ir.Value{}, stateIns: map[*State]*ir.Value{}, calls: map[string]int{}, own: map[*State]bool{},
		owners: map[string]*State{}, shadows: map[shadowed]*State{}, gated: map[*ir.Value]*ir.Value{}, open: map[*ir.Value]bool{}, aside: map[*ir.Value]bool{},
		seed: &State{Key: SeedKey, DType: dtype.Uint64}, step: &State{Key: StepKey, DType: dtype.Uint64}}
	for _, p := range tree.Params {
		t.keys[p.Param] = p.Key
	}
	for _, s := range tree.States {
		t.own[s] = true
	}
	return &Ctx{t: t}
}

// Graph is the graph under construction.
func (c *Ctx) Graph() *ir.Graph { return c.t.g }

// Train derives a context in training mode.
func (c *Ctx) Train() *Ctx { return &Ctx{c.t, true, c.shadow} }

// Eval derives a context in evaluation mode.
func (c *Ctx) Eval() *Ctx { return &Ctx{c.t, false, c.shadow} }

// Shadow derives a context in which the state prefix+KEY stands for each
// parameter KEY and each state KEY of the model that is of a floating-point type:
// what a model has under other weights, such as an average of those that it had
// in training, and the running statistics that belong to those. Param and State
// read it, and SetParam and SetState set it. It starts as a copy. Counters are
// the same in both.
func (c *Ctx) Shadow(prefix string) *Ctx { return &Ctx{c.t, c.train, prefix} }

// shadowed is one value of the model under one prefix.
type shadowed struct{ prefix, key string }

// shadowOf is the state that stands for a value of the model.
func (c *Ctx) shadowOf(key string, t ir.Type) *State {
	k := shadowed{c.shadow, key}
	s := c.t.shadows[k]
	if s == nil {
		s = &State{Key: c.shadow + key, DType: t.DType, Shape: t.Shape, Like: key}
		c.t.shadows[k] = s
	}
	return s
}

// stateOf is what stands for a state: itself, or its shadow.
func (c *Ctx) stateOf(s *State) *State {
	if c.shadow != "" && s.DType.IsFloat() && c.t.own[s] {
		return c.shadowOf(s.Key, s.Type())
	}
	return s
}

// Training reports the mode. A new trace starts in evaluation mode.
func (c *Ctx) Training() bool { return c.train }

// Enter makes what is built now belong to module m, a pointer that Walk came
// by, until leave is called. Errors, random keys and profiles use the path.
// A module that Walk did not see keeps the path of its caller.
func (c *Ctx) Enter(m any) (leave func()) {
	path, ok := c.t.tree.Path(m)
	if !ok {
		path = c.t.g.Path()
	}
	return c.enter(m, path)
}

// EnterChild makes what is built now belong to the child called name of the
// present module: for containers, whose children may not enter themselves.
func (c *Ctx) EnterChild(name string) (leave func()) {
	old := c.t.g.SetPath(join(c.t.g.Path(), name))
	return func() { c.t.g.SetPath(old) }
}

func (c *Ctx) enter(m any, path string) (leave func()) {
	g := c.t.g
	old := g.SetPath(path)
	if c.t.visit == nil {
		return func() { g.SetPath(old) }
	}
	v := Visit{Module: m, Path: path, From: len(g.Nodes())}
	c.t.visit(v)
	return func() {
		v.Left, v.To = true, len(g.Nodes())
		c.t.visit(v)
		g.SetPath(old)
	}
}

// A Visit is one time that a forward pass enters a module or leaves it.
type Visit struct {
	Module   any
	Path     string
	Left     bool
	From, To int // the nodes made inside; To counts once Left
}

// Watch calls visit whenever the trace enters or leaves a module from now on,
// behind the functions of earlier calls. [Ctx.Capture] takes the values that
// modules give.
func (c *Ctx) Watch(visit func(Visit)) {
	before := c.t.visit
	if before == nil {
		c.t.visit = visit
		return
	}
	c.t.visit = func(v Visit) {
		before(v)
		visit(v)
	}
}

// Param is the value of a parameter.
func (c *Ctx) Param(p *Param) *ir.Value {
	key, ok := c.t.keys[p]
	if ok && c.shadow != "" {
		return c.State(c.shadowOf(key, p.Type()))
	}
	if v := c.t.params[p]; v != nil {
		return v
	}
	if !ok {
		c.t.g.Fail("param", fmt.Sprintf("a parameter %v does not belong to the model of this store: is its field exported, and was it set before the store was made?", p.Type()), nil)
		return c.t.g.Poison(p.DType)
	}
	if c.t.used != nil {
		c.t.used(key, p, nil)
	}
	v := c.t.g.Input(ir.Variable, key, p.Type()).SetSharding(p.Sharding)
	c.t.params[p], c.t.inputs[p] = v, v
	return v
}

// Bind makes v the value of a parameter that is none of the model's, such as the
// weight of a layer inside another that makes it of its own parameters: from
// here on in this trace.
func (c *Ctx) Bind(p *Param, v *ir.Value) { c.t.params[p] = v }

// SetParam gives a parameter a new value: from here on in this step, and in
// the store when the step ends.
func (c *Ctx) SetParam(p *Param, v *ir.Value) {
	if key, ok := c.t.keys[p]; ok && c.shadow != "" {
		c.SetState(c.shadowOf(key, p.Type()), v)
		return
	}
	c.Param(p)
	if in := c.t.inputs[p]; in != nil {
		c.t.params[p] = c.t.update(in, v)
	}
}

// AddLoss adds v, a floating-point scalar that is a mean over the batch, to the
// loss that the step minimises, such as a penalty on what a layer gives. In
// evaluation mode it does nothing. In the body of a loop it is a mistake: what is
// added must leave the loop first.
func (c *Ctx) AddLoss(v *ir.Value) {
	g := c.t.g
	switch {
	case !c.train || g.Err() != nil:
	case v.Graph() != g:
		g.Fail("add_loss", "a loss can't be added in the body of a loop; let it be a result of the loop, and add it there", []*ir.Value{v})
	case v.Rank() != 0 || !v.DType().IsFloat():
		g.Fail("add_loss", fmt.Sprintf("wants a floating-point scalar, got %v", v.Type()), []*ir.Value{v})
	default:
		c.t.losses = append(c.t.losses, v)
		c.t.aside[v] = true
	}
}

// AddedLosses are the terms that layers have added since it was last asked, for
// the step that minimises them.
func (c *Ctx) AddedLosses() []*ir.Value {
	added := c.t.losses[c.t.taken:]
	c.t.taken = len(c.t.losses)
	return added
}

// Params are the values of the parameters that opt trains.
func (c *Ctx) Params(opt Trains) []*ir.Value {
	ps := opt.Params()
	vs := make([]*ir.Value, len(ps))
	for i, p := range ps {
		vs[i] = c.Param(p.Param)
	}
	return vs
}

// State is the value of a state.
func (c *Ctx) State(s *State) *ir.Value {
	s = c.stateOf(s)
	if v := c.t.states[s]; v != nil {
		return v
	}
	if s.Key == "" {
		c.t.g.Fail("state", fmt.Sprintf("a state %v has no key and does not belong to the model of this store", s.Type()), nil)
		return c.t.g.Poison(s.DType)
	}
	if other := c.t.owners[s.Key]; other != nil {
		c.t.g.Fail("state", fmt.Sprintf("two states have the key %q; optimizers of one step need different names", s.Key), nil)
		return c.t.g.Poison(s.DType)
	}
	c.t.owners[s.Key] = s
	if c.t.used != nil {
		c.t.used(s.Key, nil, s)
	}
	v := c.t.g.Input(ir.Variable, s.Key, s.Type())
	c.t.states[s], c.t.stateIns[s] = v, v
	return v
}

// SetState gives a state a new value: from here on in this step, and in the
// store when the step ends.
func (c *Ctx) SetState(s *State, v *ir.Value) {
	s = c.stateOf(s)
	c.State(s)
	if in := c.t.stateIns[s]; in != nil {
		c.t.states[s] = c.t.update(in, v)
	}
}

// A RandomKey is what a random op draws from: seed and step as values, and a
// number that stands for the module path and the call.
type RandomKey struct {
	Seed, Step *ir.Value // u64 scalars
	Stream     uint64
}

// Random returns the key of the next random call under the current path. The
// n-th call of one module has the same key whatever else the model holds. In
// the body of a loop the seed is another one in each iteration.
func (c *Ctx) Random() RandomKey {
	path := c.t.g.Path()
	n := c.t.calls[path]
	c.t.calls[path]++
	c.t.ticked = true
	seed := c.State(c.t.seed)
	for _, iteration := range c.t.g.Iterations() {
		seed = ops.FoldIn(seed, iteration)
	}
	return RandomKey{seed, c.State(c.t.step), rng.Hash(fmt.Sprintf("%s#%d", path, n))}
}

// Gate lets the step change no variable unless ok, a bool scalar known when the
// step runs, is true: where it is false all parameters and states keep their
// values, bit for bit, whether they were set before this call or are set behind
// it. Of several gates all must be true. The number of steps with random ops
// counts on, and so does what [Ctx.SetUngated] sets.
//
// A step that is gated by its gradients keeps all of them in memory until the
// last is there.
func (c *Ctx) Gate(ok *ir.Value) {
	t := c.t
	if t.g.Err() == nil && ok.Type() != (ir.Type{DType: dtype.Bool}) {
		t.g.Fail("gate", "wants a bool scalar", []*ir.Value{ok})
	}
	if t.g.Err() != nil {
		return
	}
	if t.gate != nil {
		ok = ops.And(t.gate, ok)
	}
	t.gate = ok
}

// SetUngated is SetState for a state that no gate concerns, such as the scale of
// a loss, which must fall when a step has failed.
func (c *Ctx) SetUngated(s *State, v *ir.Value) {
	c.State(s)
	if in := c.t.stateIns[s]; in != nil {
		c.t.open[in] = true
		c.SetState(s, v)
	}
}

// update gives a variable a new value, through the gate if there is one.
func (t *trace) update(variable, v *ir.Value) *ir.Value {
	t.aside[v] = true
	if t.gate != nil && !t.open[variable] && t.g.Err() == nil && variable.Type() == v.Type() {
		t.g.For(v.Node(), func() { v = ops.Gate(t.gate, v, variable) })
		t.gated[variable] = t.gate
	}
	t.g.Update(variable, v)
	return v
}

// Finish ends a trace: a step that drew random numbers counts itself, and what
// was set before the last gate goes through it. The function addOne builds v+1.
func (c *Ctx) Finish(addOne func(v *ir.Value) *ir.Value) {
	if c.t.ticked {
		c.SetUngated(c.t.step, addOne(c.State(c.t.step)))
	}
	if c.t.gate == nil {
		return
	}
	for _, u := range c.t.g.Updates() {
		if c.t.gated[u.Variable] != c.t.gate {
			c.t.update(u.Variable, u.New)
		}
	}
}
