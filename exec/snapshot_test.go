package exec_test

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// trainee is a model with dropout and a step with momentum, whose state the
// store learns of when the step first runs.
type trainee struct {
	store *exec.Store
	step  *exec.Func
}

func newTrainee(t *testing.T, threads int, seed uint64) *trainee {
	t.Helper()
	type model struct {
		Net  *mlp
		Drop *dropout
	}
	m := &model{newMLP(7, 9, 5), newDropout()}
	s := storeOn(t, cpu.New(cpu.WithThreads(threads)), m, exec.Seed(seed))
	momentum := map[*module.Param]*module.State{}
	for _, p := range s.Params() {
		momentum[p.Param] = &module.State{Key: "sgd." + p.Key, DType: f32, Shape: p.Shape, Init: value(0.25)}
	}
	step := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		params := module.ParamList(s.Params())
		y := m.Net.forward(c, m.Drop.forward(c.Train(), in[0]))
		loss := ops.Mean(ops.Mul(y, y))
		for i, g := range grad.Of(loss, c.Params(params)...) {
			p := params[i].Param
			buf := ops.Add(ops.Mul(c.State(momentum[p]), ops.Scalar(g, 0.9)), g)
			c.SetState(momentum[p], buf)
			c.SetParam(p, ops.Sub(c.Param(p), ops.Mul(buf, ops.Scalar(buf, 0.1))))
		}
		return []*ir.Value{loss}
	})
	return &trainee{s, step}
}

func (m *trainee) run(t *testing.T, steps int) {
	t.Helper()
	for range steps {
		must(t, m.step, random(4, 6, 7))
	}
}

// all is a copy of everything.
func (m *trainee) all(t *testing.T) map[string]*tensor.Tensor {
	t.Helper()
	values := map[string]*tensor.Tensor{}
	for _, key := range m.store.Keys() {
		values[key] = get(t, m.store, key)
	}
	return values
}

func equalValues(t *testing.T, got, want map[string]*tensor.Tensor) {
	t.Helper()
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Errorf("keys %v, want %v", g, w)
		return
	}
	for key, v := range want {
		if !sameBits(got[key], v) {
			t.Errorf("%s is not as it was", key)
		}
	}
}

// A run that goes on from restored values is the unbroken run, bit for bit,
// whether its step has been compiled before or not.
func TestRestoreGoesOn(t *testing.T) {
	for threads := 1; threads <= 3; threads++ {
		whole := newTrainee(t, threads, 1)
		whole.run(t, 3)
		half := whole.all(t)
		whole.run(t, 3)
		want := whole.all(t)
		for _, compiled := range []bool{false, true} {
			t.Run(fmt.Sprintf("threads=%d/compiled=%v", threads, compiled), func(t *testing.T) {
				m := newTrainee(t, threads, 2)
				if compiled {
					m.run(t, 1)
				}
				if err := m.store.Restore(half); err != nil {
					t.Fatal(err)
				}
				equalValues(t, m.all(t), half)
				if unused := len(m.store.Unused()); (unused == 0) != compiled {
					t.Errorf("%d values wait", unused)
				}
				m.run(t, 3)
				equalValues(t, m.all(t), want)
				if unused := m.store.Unused(); len(unused) > 0 {
					t.Errorf("%v still wait", unused)
				}
			})
		}
	}
}

// What no step asks for can be listed, and stays.
func TestRestoreLeftovers(t *testing.T) {
	m := newTrainee(t, 1, 1)
	extra := random(9, 3)
	if err := m.store.Restore(map[string]*tensor.Tensor{"ema.net.fc1.weight": extra, "adam.step": tensor.Scalar(int64(3))}); err != nil {
		t.Fatal(err)
	}
	m.run(t, 1)
	if got := m.store.Unused(); !slices.Equal(got, []string{"adam.step", "ema.net.fc1.weight"}) {
		t.Errorf("unused: %v", got)
	}
	got := get(t, m.store, "ema.net.fc1.weight")
	got.F32()[0]++
	if !sameBits(get(t, m.store, "ema.net.fc1.weight"), extra) {
		t.Error("a value that waits is not what was restored")
	}
	if err := m.store.Set("adam.step", tensor.Scalar(int64(5))); err != nil {
		t.Fatal(err)
	}
	if n := get(t, m.store, "adam.step").Int(0); n != 5 {
		t.Errorf("a value that waits is %d after Set, want 5", n)
	}
}

// A value of another type is refused by its key, and nothing changes.
func TestRestoreRefuses(t *testing.T) {
	m := newTrainee(t, 1, 1)
	before := m.all(t)
	err := m.store.Restore(map[string]*tensor.Tensor{
		"drop.scale": floats(5), "net.fc1.bias": floats(1, 2), "net.fc2.bias": tensor.New(dtype.Float64, shape.Of(5)),
	})
	want(t, err, "net.fc1.bias is f32[9], got f32[2]", "net.fc2.bias is f32[5], got f64[5]")
	equalValues(t, m.all(t), before)

	if err := m.store.Restore(map[string]*tensor.Tensor{"sgd.net.fc1.bias": floats(1, 2)}); err != nil {
		t.Fatal(err)
	}
	_, err = m.step.Run(context.Background(), random(4, 6, 7))
	want(t, err, "sgd.net.fc1.bias was restored as f32[2] and is f32[9] in the function")
	if err := m.store.Restore(map[string]*tensor.Tensor{"sgd.net.fc1.bias": random(3, 9)}); err != nil {
		t.Fatal(err)
	}
	m.run(t, 1)
}

// A snapshot is what the store held, whatever runs afterwards, and Rollback
// brings it back: values that came later start anew.
func TestSnapshot(t *testing.T) {
	for threads := 1; threads <= 3; threads++ {
		m := newTrainee(t, threads, 1)
		if err := m.store.Restore(map[string]*tensor.Tensor{"sgd.net.fc2.bias": random(3, 5), "other": random(4, 2)}); err != nil {
			t.Fatal(err)
		}
		var snap exec.Snapshot
		defer snap.Free()
		states := map[int]map[string]*tensor.Tensor{}
		for _, at := range []int{0, 2, 4} {
			states[at] = m.all(t)
			if err := m.store.Snapshot(&snap); err != nil {
				t.Fatal(err)
			}
			m.run(t, 2)
			equalValues(t, values(t, &snap), states[at])
			after := m.all(t)
			if err := m.store.Rollback(&snap); err != nil {
				t.Fatal(err)
			}
			m.run(t, 2)
			equalValues(t, m.all(t), after)
		}
	}
}

func values(t *testing.T, s *exec.Snapshot) map[string]*tensor.Tensor {
	t.Helper()
	all := map[string]*tensor.Tensor{}
	for _, key := range s.Keys() {
		v, err := s.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		all[key] = v
	}
	return all
}

func TestSnapshotRefuses(t *testing.T) {
	a, b := newTrainee(t, 1, 1), newTrainee(t, 1, 1)
	var snap exec.Snapshot
	want(t, a.store.Rollback(&snap), "not of this store")
	if err := a.store.Snapshot(&snap); err != nil {
		t.Fatal(err)
	}
	want(t, b.store.Snapshot(&snap), "another store")
	want(t, b.store.Rollback(&snap), "not of this store")
	_, err := snap.Get("nothing")
	want(t, err, `no value "nothing"`)
	snap.Free()
	if err := b.store.Snapshot(&snap); err != nil {
		t.Fatal(err)
	}
	snap.Free()
}

// A snapshot may be read while the next steps run, and its memory is used again.
func TestSnapshotBesideSteps(t *testing.T) {
	m := newTrainee(t, 2, 1)
	m.run(t, 1)
	var snap exec.Snapshot
	defer snap.Free()
	size := int64(0)
	for i := range 5 {
		if err := m.store.Snapshot(&snap); err != nil {
			t.Fatal(err)
		}
		want, done := m.all(t), make(chan map[string]*tensor.Tensor)
		go func() {
			got := map[string]*tensor.Tensor{}
			for _, key := range snap.Keys() {
				v, _ := snap.Get(key)
				got[key] = v.Clone()
			}
			done <- got
		}()
		m.run(t, 3)
		equalValues(t, <-done, want)
		if i == 0 {
			size = snap.Bytes()
		} else if snap.Bytes() != size {
			t.Errorf("snapshot %d takes %d bytes, the first %d", i, snap.Bytes(), size)
		}
	}
}

// Snapshots after the first leave next to no garbage: what they allocate does
// not depend on how large the values are.
func TestSnapshotAllocations(t *testing.T) {
	type model struct{ W *module.Param }
	s := newStore(t, &model{module.NewParam(nil, 1<<20)})
	var snap exec.Snapshot
	defer snap.Free()
	if err := s.Snapshot(&snap); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 10 {
		if err := s.Snapshot(&snap); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / 10; n > 4096 {
		t.Errorf("%d bytes allocated for a snapshot", n)
	}
}

// BenchmarkSnapshot copies a store of 100 MB in 24 values.
func BenchmarkSnapshot(b *testing.B) {
	type model struct{ W []*module.Param }
	var m model
	for range 24 {
		m.W = append(m.W, module.NewParam(nil, 1<<20))
	}
	s := newStore(b, &m)
	var snap exec.Snapshot
	defer snap.Free()
	b.Run("snapshot", func(b *testing.B) {
		b.SetBytes(24 << 22)
		for b.Loop() {
			if err := s.Snapshot(&snap); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("rollback", func(b *testing.B) {
		b.SetBytes(24 << 22)
		for b.Loop() {
			if err := s.Rollback(&snap); err != nil {
				b.Fatal(err)
			}
		}
	})
}
