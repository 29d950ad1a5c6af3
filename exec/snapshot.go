package exec

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gradus-ml/gradus/internal/mapped"
	"github.com/gradus-ml/gradus/tensor"
)

// A Snapshot holds copies of all values of a store as they were at one moment.
// The zero value is ready for [Store.Snapshot]. Its memory lies outside the Go
// heap and serves one snapshot after another; a store that has got new values
// adds to it.
//
// Another goroutine may read a snapshot while steps of the store run, to write
// it to disk for example, until the next call of Store.Snapshot with it.
type Snapshot struct {
	store  *Store
	keys   []string
	values map[string]*tensor.Tensor
	own    map[string]*tensor.Tensor // those of values that lie in mem
	mem    []*mapped.Memory
	copies []string // keys of own, the largest values first
}

// Snapshot copies all values to dst, several at a time. What was restored and
// no step has asked for yet is part of it.
func (s *Store) Snapshot(dst *Snapshot) error {
	if dst.store != s {
		if dst.store != nil {
			return errors.New("exec: the snapshot is of another store; take a new one")
		}
		*dst = Snapshot{store: s, values: map[string]*tensor.Tensor{}, own: map[string]*tensor.Tensor{}}
	}
	if err := dst.grow(); err != nil {
		return err
	}
	dst.keys = append(dst.keys[:0], s.keys...)
	clear(dst.values)
	maps.Copy(dst.values, dst.own)
	for _, key := range s.Unused() {
		dst.keys = append(dst.keys, key)
		dst.values[key] = s.waiting[key]
	}
	return parallel(len(dst.copies), func(i int) error {
		key := dst.copies[i]
		return s.values[key].Read(dst.own[key])
	})
}

// grow maps memory for the values that the snapshot has none for.
func (x *Snapshot) grow() error {
	const line = 64
	size := func(key string) int { return x.store.values[key].Type().SizeBytes() }
	var missing []string
	total := 0
	for _, key := range x.store.keys {
		if x.own[key] == nil {
			missing = append(missing, key)
			total += (size(key) + line - 1) / line * line
		}
	}
	if len(missing) == 0 {
		return nil
	}
	m, err := mapped.New(total)
	if err != nil {
		return fmt.Errorf("exec: %d bytes for a snapshot: %w", total, err)
	}
	x.mem = append(x.mem, m)
	at := 0
	for _, key := range missing {
		typ, n := x.store.values[key].Type(), size(key)
		if x.own[key], err = tensor.FromBytes(typ.DType, typ.Shape, m.Bytes[at:at+n:at+n]); err != nil {
			return err
		}
		at += (n + line - 1) / line * line
	}
	x.copies = append(x.copies, missing...)
	slices.SortStableFunc(x.copies, func(a, b string) int { return size(b) - size(a) })
	return nil
}

// Keys lists all keys, in the order of [Store.Keys].
func (x *Snapshot) Keys() []string { return x.keys }

// Get returns a value. It is no copy, and must not be changed.
func (x *Snapshot) Get(key string) (*tensor.Tensor, error) {
	t, ok := x.values[key]
	if !ok {
		return nil, fmt.Errorf("exec: the snapshot has no value %q", key)
	}
	return t, nil
}

// Export is [Store.Export] of the snapshot. The values are no copies.
func (x *Snapshot) Export(prefix string) (map[string]*tensor.Tensor, error) {
	return export(x.store.model, prefix, func(key string) bool { return x.values[key] != nil }, x.Get)
}

// Bytes is the memory that the snapshot takes.
func (x *Snapshot) Bytes() int64 {
	n := int64(0)
	for _, m := range x.mem {
		n += int64(len(m.Bytes))
	}
	return n
}

// Free gives the memory of the snapshot back and leaves a zero Snapshot.
func (x *Snapshot) Free() {
	for _, m := range x.mem {
		m.Free()
	}
	*x = Snapshot{}
}

// Rollback gives all values back the elements that they had when the snapshot
// was taken. Values that the store did not have then get those that they had
// at first.
func (s *Store) Rollback(from *Snapshot) error {
	if from.store != s {
		return errors.New("exec: the snapshot is not of this store")
	}
	clear(s.waiting)
	for key, t := range from.values {
		if s.values[key] == nil {
			s.waiting[key] = t
		}
	}
	var known, later []string
	for _, key := range s.keys {
		if from.values[key] != nil {
			known = append(known, key)
		} else {
			later = append(later, key)
		}
	}
	err := parallel(len(known), func(i int) error { return s.values[known[i]].Write(from.values[known[i]]) })
	if err != nil {
		return err
	}
	return parallel(len(later), func(i int) error { return s.start(s.values[later[i]], s.values[later[i]].spec) })
}
