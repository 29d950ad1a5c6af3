// Package exec brings models and backends together: a [Store] owns the values
// of a model, and a [Func] traces a step, compiles it and runs it.
package exec

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

// A Store is the sole owner of a model's values: parameters, state, and the
// state of optimizers and of the random generator. It is not safe for
// concurrent use.
type Store struct {
	b     backend.Backend
	tree  *module.Tree
	seed  uint64
	bufs  map[string]backend.Buffer
	model []string // keys of the model's own values, in order
	keys  []string // all keys
}

// An Option configures a Store.
type Option func(*Store)

// Seed sets what initial weights and random ops are drawn from; the default
// is 0.
func Seed(seed uint64) Option { return func(s *Store) { s.seed = seed } }

// NewStore finds the parameters and states of a model, a pointer to a struct,
// and initialises them. Parameters lie next to each other in memory, and so
// do states. A value is drawn from the seed and its own key: adding a layer
// elsewhere does not change it.
func NewStore(b backend.Backend, model any, opts ...Option) (*Store, error) {
	tree, err := module.Walk(model)
	if err != nil {
		return nil, err
	}
	s := &Store{b: b, tree: tree, bufs: map[string]backend.Buffer{}}
	for _, o := range opts {
		o(s)
	}
	var params, states []spec
	for _, p := range tree.Params {
		params = append(params, spec{p.Key, p.Type(), p.Init})
	}
	for _, st := range tree.States {
		states = append(states, spec{st.Key, st.Type(), st.Init})
	}
	for _, group := range [][]spec{params, states} {
		if err := s.add(group); err != nil {
			return nil, err
		}
	}
	s.model = slices.Clone(s.keys)
	return s, nil
}

// spec is what a value is made from.
type spec struct {
	key  string
	typ  ir.Type
	init module.Init
}

// add allocates and initialises values that lie next to each other, those of
// one element type together.
func (s *Store) add(group []spec) error {
	byType := slices.Clone(group)
	slices.SortStableFunc(byType, func(a, b spec) int { return int(a.typ.DType) - int(b.typ.DType) })
	types := make([]ir.Type, len(group))
	for i, p := range byType {
		types[i] = p.typ
	}
	bufs, err := s.b.Alloc(types)
	if err != nil {
		return err
	}
	errs := make([]error, len(bufs))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(bufs)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(bufs)); i = next.Add(1) - 1 {
				errs[i] = bufs[i].Fill(func(t *tensor.Tensor) { s.fill(byType[i], t) })
			}
		})
	}
	workers.Wait()
	for i, p := range byType {
		if errs[i] != nil {
			return fmt.Errorf("exec: %s: %w", p.key, errs[i])
		}
		s.bufs[p.key] = bufs[i]
	}
	for _, p := range group {
		s.keys = append(s.keys, p.key)
	}
	return nil
}

// fill gives a value its first elements; without an initialisation they stay
// zero. Each value has a stream of its own, so that many are drawn at a time.
func (s *Store) fill(p spec, t *tensor.Tensor) {
	switch {
	case p.key == module.SeedKey:
		tensor.Data[uint64](t)[0] = s.seed
	case p.init != nil:
		p.init(rng.NewStream(s.seed, p.key, 0), t)
	}
}

// ensure allocates values that a trace met for the first time.
func (s *Store) ensure(group []spec) error {
	var missing []spec
	for _, p := range group {
		if b, ok := s.bufs[p.key]; !ok {
			missing = append(missing, p)
		} else if b.Type() != p.typ {
			return fmt.Errorf("exec: %s is %v in the store and %v in the function", p.key, b.Type(), p.typ)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return s.add(missing)
}

// Tree is the model as Walk found it.
func (s *Store) Tree() *module.Tree { return s.tree }

// Params lists the parameters in the order of the model's fields.
func (s *Store) Params() []module.Named { return s.tree.Params }

// Model lists the keys of the model's parameters and states: a state dict.
func (s *Store) Model() []string { return s.model }

// Keys lists all keys, those of optimizers and of the random generator too.
func (s *Store) Keys() []string { return s.keys }

// Get returns a copy of a value.
func (s *Store) Get(key string) (*tensor.Tensor, error) {
	b, ok := s.bufs[key]
	if !ok {
		return nil, s.unknown(key)
	}
	t := tensor.New(b.Type().DType, b.Type().Shape)
	return t, b.Read(t)
}

// Set gives a value new elements.
func (s *Store) Set(key string, t *tensor.Tensor) error {
	b, ok := s.bufs[key]
	if !ok {
		return s.unknown(key)
	}
	if b.Type() != (ir.Type{DType: t.DType(), Shape: t.Shape()}) {
		return fmt.Errorf("exec: %s is %v, got %v", key, b.Type(), t)
	}
	return b.Write(t)
}

func (s *Store) unknown(key string) error {
	return fmt.Errorf("exec: the store has no value %q", key)
}

// Close frees the values and the backend. Neither is of use afterwards.
func (s *Store) Close() error { return s.b.Close() }
