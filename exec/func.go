package exec

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// cacheSize is the number of signatures that a Func keeps compiled, unless it is
// told to keep more.
const cacheSize = 16

// A Func is a step: a Go function that builds a graph out of arguments and the
// values of a store. It is traced and compiled once for each signature of its
// arguments; a new batch size compiles again and shares the values.
// It is not safe for concurrent use.
type Func struct {
	store *Store
	trace func(c *module.Ctx, in []*ir.Value) []*ir.Value
	cache []*compiled // the most recently used first
	keep  int         // of them
	check bool        // stop at the first value that is not finite
	again []string    // modules that are computed again in the backward pass
}

// compiled is a step for one signature.
type compiled struct {
	in   []ir.Type
	must []checked // what arguments may hold
	exe  backend.Executable
	vars []backend.Buffer
	out  []*tensor.Tensor
	plan Plan
}

// NewFunc returns a step over the values of a store.
func NewFunc(s *Store, trace func(c *module.Ctx, in []*ir.Value) []*ir.Value) *Func {
	return &Func{store: s, trace: trace, keep: cacheSize}
}

// Keep makes the Func keep n signatures compiled, the most recently used ones,
// in place of 16.
func (f *Func) Keep(n int) { f.keep = max(1, n) }

// DetectAnomaly makes later Runs stop at the first value that is NaN or
// infinite through no fault of its operands. The error is a
// [*backend.NonFinite] with op, pass, module path and the user's line, and
// leaves all values as they were before the run. A step runs slower this way,
// since every value of it is written out and looked at, and takes more memory.
func (f *Func) DetectAnomaly(on bool) {
	if f.check != on {
		f.check, f.cache = on, nil
	}
}

// Run runs the step once. The outputs are valid until the next Run. A context
// that is done stops the run before it starts; a step is never cut in two. A
// label or another number of an argument that is outside its bound
// ([ir.Graph.Bound]) is an error with its place, before anything is computed.
func (f *Func) Run(ctx context.Context, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := f.find(in)
	if err != nil {
		return nil, err
	}
	for _, m := range c.must {
		if err := m.check(in); err != nil {
			return nil, err
		}
	}
	if err := c.exe.Run(c.vars, in, c.out); err != nil {
		return nil, err
	}
	return c.out, nil
}

// find returns the step for the types of in, compiling it if need be.
func (f *Func) find(in []*tensor.Tensor) (*compiled, error) {
	for i, c := range f.cache {
		if c.accepts(in) {
			if i > 0 {
				copy(f.cache[1:i+1], f.cache[:i])
				f.cache[0] = c
			}
			return c, nil
		}
	}
	types := make([]ir.Type, len(in))
	for i, t := range in {
		types[i] = typeOf(t)
	}
	return f.compile(types)
}

func (c *compiled) accepts(in []*tensor.Tensor) bool {
	if len(in) != len(c.in) {
		return false
	}
	for i, t := range in {
		if t.DType() != c.in[i].DType || t.Shape() != c.in[i].Shape {
			return false
		}
	}
	return true
}

// compile traces the function and hands the graph to the backend.
func (f *Func) compile(types []ir.Type) (*compiled, error) {
	start := time.Now()
	g, used, must, err := f.build(types)
	if err != nil {
		return nil, err
	}
	if err := f.store.ensure(used); err != nil {
		return nil, err
	}
	exe, err := f.executable(g)
	if err != nil {
		return nil, err
	}
	c := &compiled{in: slices.Clone(types), must: must, exe: exe}
	for _, v := range g.Inputs() {
		if op := v.Node().Op().(ir.Input); op.Kind == ir.Variable {
			c.vars = append(c.vars, f.store.values[op.Label].Buffer)
			c.plan.VariableBytes += int64(op.Type.SizeBytes())
		}
	}
	for _, v := range g.Outputs() {
		c.out = append(c.out, tensor.New(v.DType(), v.Shape()))
	}
	c.plan.Stats = exe.Stats()
	c.plan.Nodes = len(g.Nodes())
	c.plan.CompileTime = time.Since(start)
	f.cache = slices.Insert(f.cache, 0, c)
	if len(f.cache) > f.keep {
		f.cache = slices.Delete(f.cache, f.keep, len(f.cache))
	}
	return c, nil
}

func (f *Func) executable(g *ir.Graph) (backend.Executable, error) {
	if !f.check {
		return f.store.b.Compile(g)
	}
	b, ok := f.store.b.(backend.AnomalyDetector)
	if !ok {
		return nil, fmt.Errorf("exec: backend %s can't detect anomalies", f.store.b.Name())
	}
	return b.CompileChecked(g)
}

// build traces the function into a new graph, and lists the values it uses and
// what its arguments may hold.
func (f *Func) build(types []ir.Type) (g *ir.Graph, used []spec, must []checked, err error) {
	g = ir.NewGraph()
	c := module.NewCtx(g, f.store.tree, func(key string, p *module.Param, s *module.State) {
		if p != nil {
			used = append(used, spec{key, p.Type(), p.Init, ""})
		} else {
			used = append(used, spec{key, s.Type(), s.Init, s.Like})
		}
	})
	in := make([]*ir.Value, len(types))
	for i, t := range types {
		in[i] = g.Input(ir.Arg, fmt.Sprintf("input %d", i), t)
	}
	out := f.trace(c, in)
	c.Finish(func(v *ir.Value) *ir.Value { return ops.Add(v, ops.Scalar(v, 1)) })
	g.SetOutputs(out...)
	must = bounds(g, in)
	if err = g.Err(); err == nil && len(f.again) > 0 {
		g, err = recompute(g, f.again)
	}
	return g, used, must, err
}

// Graph returns the graph that the function builds for arguments of the given
// types. It is new each time, and not compiled.
func (f *Func) Graph(types ...ir.Type) (*ir.Graph, error) {
	g, _, _, err := f.build(types)
	return g, err
}

// A Plan is what is known of a step before it runs.
type Plan struct {
	backend.Stats
	Nodes         int           // of the graph as it was traced
	VariableBytes int64         // of the values that the step uses
	CompileTime   time.Duration // tracing included
}

// Plan compiles the step for arguments of the given types and tells what it
// needs.
func (f *Func) Plan(types ...ir.Type) (*Plan, error) {
	for _, c := range f.cache {
		if slices.Equal(c.in, types) {
			return &c.plan, nil
		}
	}
	c, err := f.compile(types)
	if err != nil {
		return nil, err
	}
	return &c.plan, nil
}
