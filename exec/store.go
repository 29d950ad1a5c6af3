// Package exec brings models and backends together: a [Store] owns the values
// of a model, and a [Func] traces a step, compiles it and runs it.
package exec

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
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
	b       backend.Backend
	tree    *module.Tree
	seed    uint64
	values  map[string]*value
	model   []string                  // keys of the model's own values, in order
	keys    []string                  // of all values
	waiting map[string]*tensor.Tensor // given to Restore under keys that no step has asked for yet
}

// A value is memory and what is in it at first.
type value struct {
	backend.Buffer
	spec spec
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
	s := &Store{b: b, tree: tree, values: map[string]*value{}, waiting: map[string]*tensor.Tensor{}}
	for _, o := range opts {
		o(s)
	}
	var params, states []spec
	for _, p := range tree.Params {
		params = append(params, spec{p.Key, p.Type(), p.Init, ""})
	}
	for _, st := range tree.States {
		states = append(states, spec{st.Key, st.Type(), st.Init, st.Like})
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
	like string // the key of a value to copy instead
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
	err = parallel(len(bufs), func(i int) error {
		return s.start(bufs[i], byType[i])
	})
	if err != nil {
		return err
	}
	for i, p := range byType {
		s.values[p.key] = &value{bufs[i], p}
		delete(s.waiting, p.key)
	}
	for _, p := range group {
		s.keys = append(s.keys, p.key)
	}
	return nil
}

// parallel calls do with 0 to n-1, several at a time, and returns the first
// error by number.
func parallel(n int, do func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				errs[i] = do(int(i))
			}
		})
	}
	workers.Wait()
	return cmp.Or(errs...)
}

// start gives a value its first elements: those that were restored, or else a
// copy of a parameter, or else those of its initialisation. Each value has a
// stream of its own, so that many are drawn at a time.
func (s *Store) start(b backend.Buffer, p spec) (err error) {
	restored, like := s.waiting[p.key], s.values[p.like]
	filled := b.Fill(func(t *tensor.Tensor) {
		switch {
		case restored != nil:
			copy(t.Bytes(), restored.Bytes())
		case like != nil:
			err = like.Read(t)
		case p.key == module.SeedKey:
			tensor.Data[uint64](t)[0] = s.seed
		default:
			clear(t.Bytes())
			if p.init != nil {
				p.init(rng.NewStream(s.seed, p.key, 0), t)
			}
		}
	})
	if err = cmp.Or(err, filled); err != nil {
		return fmt.Errorf("exec: %s: %w", p.key, err)
	}
	return nil
}

// ensure allocates values that a trace met for the first time.
func (s *Store) ensure(group []spec) error {
	var missing []spec
	for _, p := range group {
		if v, ok := s.values[p.key]; ok {
			if v.Type() != p.typ {
				return fmt.Errorf("exec: %s is %v in the store and %v in the function", p.key, v.Type(), p.typ)
			}
			continue
		}
		if t := s.waiting[p.key]; t != nil && typeOf(t) != p.typ {
			return fmt.Errorf("exec: %s was restored as %v and is %v in the function", p.key, t, p.typ)
		}
		missing = append(missing, p)
	}
	if len(missing) == 0 {
		return nil
	}
	return s.add(missing)
}

// Backend is what the values live in.
func (s *Store) Backend() backend.Backend { return s.b }

// Tree is the model as Walk found it.
func (s *Store) Tree() *module.Tree { return s.tree }

// Params lists the parameters in the order of the model's fields.
func (s *Store) Params() []module.Named { return s.tree.Params }

// States lists the states of the model.
func (s *Store) States() []*module.State { return s.tree.States }

// Model lists the keys of the model's parameters and states: a state dict.
func (s *Store) Model() []string { return s.model }

// Keys lists all keys, those of optimizers and of the random generator too, and
// last those that were restored and that no step has asked for yet.
func (s *Store) Keys() []string { return append(slices.Clone(s.keys), s.Unused()...) }

// Export returns copies of the model's own values by their keys: a state dict.
// With a prefix, a value that there is under prefix+KEY, such as an average of a
// weight, takes the place of KEY.
func (s *Store) Export(prefix string) (map[string]*tensor.Tensor, error) {
	return export(s.model, prefix, func(key string) bool { return s.values[key] != nil || s.waiting[key] != nil }, s.Get)
}

func export(keys []string, prefix string, has func(key string) bool, get func(key string) (*tensor.Tensor, error)) (map[string]*tensor.Tensor, error) {
	values := map[string]*tensor.Tensor{}
	for _, key := range keys {
		from := key
		if has(prefix + key) {
			from = prefix + key
		}
		var err error
		if values[key], err = get(from); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// Get returns a copy of a value.
func (s *Store) Get(key string) (*tensor.Tensor, error) {
	if t := s.waiting[key]; t != nil {
		return t.Clone(), nil
	}
	v, ok := s.values[key]
	if !ok {
		return nil, s.unknown(key)
	}
	t := tensor.New(v.Type().DType, v.Type().Shape)
	return t, v.Read(t)
}

// Set gives a value new elements.
func (s *Store) Set(key string, t *tensor.Tensor) error {
	v := s.values[key]
	switch {
	case v == nil && s.waiting[key] == nil:
		return s.unknown(key)
	case v == nil:
		s.waiting[key] = t.Clone()
		return nil
	case v.Type() != typeOf(t):
		return fmt.Errorf("exec: %s is %v, got %v", key, v.Type(), t)
	}
	return v.Write(t)
}

// Restore gives values new elements by their keys. Elements under a key that no
// step has asked for yet, such as the state of an optimizer before the first
// step, wait: they are what the value starts from when a [Func] first needs it.
// Until then they count as a value of the store, and must not be changed.
// If one has another type than its value, nothing is restored; the error names
// all such keys. For one that waits, it is the Func that returns the error.
func (s *Store) Restore(values map[string]*tensor.Tensor) error {
	keys := slices.Sorted(maps.Keys(values))
	var errs []error
	for _, key := range keys {
		if v := s.values[key]; v != nil && v.Type() != typeOf(values[key]) {
			errs = append(errs, fmt.Errorf("exec: %s is %v, got %v", key, v.Type(), values[key]))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	known := keys[:0]
	for _, key := range keys {
		if s.values[key] != nil {
			known = append(known, key)
		} else {
			s.waiting[key] = values[key]
		}
	}
	return parallel(len(known), func(i int) error { return s.values[known[i]].Write(values[known[i]]) })
}

// Unused lists the keys, sorted, of what was restored and no step has asked for
// yet. What is left when all steps have run once belongs to another model or
// another optimizer.
func (s *Store) Unused() []string { return slices.Sorted(maps.Keys(s.waiting)) }

func (s *Store) unknown(key string) error {
	return fmt.Errorf("exec: the store has no value %q", key)
}

func typeOf(t *tensor.Tensor) ir.Type { return ir.Type{DType: t.DType(), Shape: t.Shape()} }

// Share returns a store of the same values, in the same memory, for another
// backend of the same kind: several steps can then run at a time. Neither store
// may change a value while both are in use, and the first is closed last.
func (s *Store) Share(b backend.Backend) *Store {
	return &Store{b: b, tree: s.tree, seed: s.seed, values: maps.Clone(s.values), model: s.model, keys: slices.Clone(s.keys), waiting: maps.Clone(s.waiting)}
}

// Close frees the values and the backend. Neither is of use afterwards. Of a
// store that shares the values of another it frees the backend alone.
func (s *Store) Close() error { return s.b.Close() }
