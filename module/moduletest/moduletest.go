// Package moduletest serves the tests of what is built on package module: it
// runs steps through the reference interpreter, keeps variables between them as
// a store would, and compares with reference values.
package moduletest

import (
	"encoding/json"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

// A Store keeps the values of a model's variables by key.
type Store struct {
	Tree   *module.Tree
	Values map[string]*tensor.Tensor
}

// NewStore walks a model and gives its variables their initial values of a seed.
func NewStore(t testing.TB, model any, seed uint64) *Store {
	t.Helper()
	tree, err := module.Walk(model)
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{tree, map[string]*tensor.Tensor{module.SeedKey: tensor.Scalar(seed)}}
	for _, p := range tree.Params {
		s.add(p.Key, p.Type(), p.Init, seed)
	}
	for _, st := range tree.States {
		s.add(st.Key, st.Type(), st.Init, seed)
	}
	return s
}

func (s *Store) add(key string, typ ir.Type, init module.Init, seed uint64) {
	if s.Values[key] != nil {
		return
	}
	v := tensor.New(typ.DType, typ.Shape)
	if init != nil {
		init(rng.NewStream(seed, key, 0), v)
	}
	s.Values[key] = v
}

// Double makes all floating-point parameters and states of a model float64.
func Double(t testing.TB, model any) {
	t.Helper()
	tree, err := module.Walk(model)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range tree.Params {
		p.DType = dtype.Float64
	}
	for _, s := range tree.States {
		if s.DType.IsFloat() {
			s.DType = dtype.Float64
		}
	}
}

// A Func is what a step builds out of its arguments.
type Func func(c *module.Ctx, in []*ir.Value) []*ir.Value

// Trace builds the graph of a step.
func (s *Store) Trace(f Func, args ...*tensor.Tensor) *ir.Graph {
	g := ir.NewGraph()
	c := module.NewCtx(g, s.Tree, func(key string, p *module.Param, st *module.State) {
		if p != nil {
			s.add(key, p.Type(), p.Init, 0)
		} else {
			if like := s.Values[st.Like]; like != nil && s.Values[key] == nil {
				s.Values[key] = like.Clone()
			}
			s.add(key, st.Type(), st.Init, 0)
		}
	})
	in := make([]*ir.Value, len(args))
	for i, a := range args {
		in[i] = g.Input(ir.Arg, "", ir.Type{DType: a.DType(), Shape: a.Shape()})
	}
	g.SetOutputs(f(c, in)...)
	c.Finish(func(v *ir.Value) *ir.Value { return ops.Add(v, ops.Scalar(v, 1)) })
	return g
}

// Run traces a step, runs it, and updates the variables.
func (s *Store) Run(t testing.TB, f Func, args ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	g := s.Trace(f, args...)
	if err := g.Err(); err != nil {
		t.Fatal(err)
	}
	if err := g.Verify(); err != nil {
		t.Fatal(err)
	}
	var inputs []*tensor.Tensor
	for _, v := range g.Inputs() {
		if in := v.Node().Op().(ir.Input); in.Kind == ir.Variable {
			inputs = append(inputs, s.Values[in.Label])
		} else {
			inputs, args = append(inputs, args[0]), args[1:]
		}
	}
	r, err := interp.Run(g, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	for key, v := range r.Updates {
		s.Values[key] = v.Clone()
	}
	return r.Outputs
}

// A Golden is a file of reference values.
type Golden struct {
	t    testing.TB
	f    *safetensors.File
	from string // what all names begin with
}

// Open opens a file of reference values for the time of a test.
func Open(t testing.TB, path string) *Golden {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &Golden{t, f, ""}
}

// Cases decodes the attributes of the cases into a map from their names.
func (g *Golden) Cases(into any) {
	g.t.Helper()
	if err := json.Unmarshal([]byte(g.f.Metadata()["cases"]), into); err != nil {
		g.t.Fatal(err)
	}
}

// In is the part of a file that belongs to a case, for the test of that case.
func (g *Golden) In(t testing.TB, name string) *Golden { return &Golden{t, g.f, g.from + name + "/"} }

// Names lists the tensors.
func (g *Golden) Names() (names []string) {
	for _, name := range g.f.Names() {
		if rest, ok := strings.CutPrefix(name, g.from); ok {
			names = append(names, rest)
		}
	}
	return names
}

// Has reports whether there is a tensor.
func (g *Golden) Has(name string) bool {
	_, ok := g.f.Info(g.from + name)
	return ok
}

// Tensor reads a tensor.
func (g *Golden) Tensor(name string) *tensor.Tensor {
	g.t.Helper()
	v, err := g.f.Tensor(g.from + name)
	if err != nil {
		g.t.Fatal(err)
	}
	return v
}

// Load gives a store the values under param/ and state/, and fails if the file
// has other keys, types or shapes than the model.
func (g *Golden) Load(s *Store) {
	g.t.Helper()
	left := maps.Clone(s.Values)
	delete(left, module.SeedKey)
	for _, name := range g.Names() {
		key, ok := strings.CutPrefix(name, "param/")
		if !ok {
			if key, ok = strings.CutPrefix(name, "state/"); !ok {
				continue
			}
		}
		v := g.Tensor(name)
		if own := s.Values[key]; own == nil || own.DType() != v.DType() || own.Shape() != v.Shape() {
			g.t.Errorf("%s is %v in the file, %v in the model", key, v, own)
		}
		s.Values[key] = v
		delete(left, key)
	}
	for key := range left {
		g.t.Errorf("%s is not in the file", key)
	}
}

// tolerance is what values may differ by: relative to each value, and to the
// largest of the tensor where terms cancel.
var tolerance = map[dtype.DType]struct{ each, largest float64 }{
	dtype.Float64: {1e-11, 1e-12},
	dtype.Float32: {1e-5, 1e-6},
}

// Near fails a test in which a tensor is not what it should be. Integers must
// be equal; NaN equals NaN.
func Near(t testing.TB, name string, got, want *tensor.Tensor) {
	t.Helper()
	if got.Shape() != want.Shape() || got.DType() != want.DType() {
		t.Errorf("%s is %v, want %v", name, got, want)
		return
	}
	tol, largest := tolerance[want.DType()], 0.0
	for i := range want.Size() {
		if a := math.Abs(want.Float(i)); a > largest && !math.IsInf(a, 1) {
			largest = a
		}
	}
	for i := range want.Size() {
		x, y := got.Float(i), want.Float(i)
		if x == y || x != x && y != y {
			continue
		}
		if d := math.Abs(x - y); !(d <= tol.each*math.Abs(y)+tol.largest*largest) || math.IsInf(y, 0) {
			t.Errorf("%s: element %d is %v, want %v", name, i, x, y)
			return
		}
	}
}
