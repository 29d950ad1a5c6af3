package exec_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

const f32 = dtype.Float32

// The store alone holds values: what it gives and takes are copies.
func TestStoreOwnsValues(t *testing.T) {
	s := newStore(t, newLinear(3, 2), exec.Seed(1))
	got := get(t, s, "weight")
	first := got.F32()[0]
	got.F32()[0] = 77
	if v := get(t, s, "weight").F32()[0]; v != first {
		t.Errorf("writing to what Get returned changed the store: %v", v)
	}
	mine := random(5, 2, 3)
	want := mine.Clone()
	if err := s.Set("weight", mine); err != nil {
		t.Fatal(err)
	}
	mine.F32()[0] = 88
	if v := get(t, s, "weight"); !sameBits(v, want) {
		t.Errorf("the store holds %v, want what Set was given", v.F32())
	}
}

func TestStoreRefuses(t *testing.T) {
	s := newStore(t, newLinear(3, 2))
	_, err := s.Get("wieght")
	want(t, err, `no value "wieght"`)
	want(t, s.Set("x", floats(1)), `no value "x"`)
	want(t, s.Set("weight", random(0, 3, 2)), "weight", "f32[2 3]", "f32[3 2]")
	b := cpu.New()
	defer b.Close()
	_, err = exec.NewStore(b, linear{})
	want(t, err, "pointer to a struct")
}

// Steps over shared values run at a time and take no memory for them.
func TestShare(t *testing.T) {
	m := newLinear(300, 20)
	s := newStore(t, m, exec.Seed(1))
	step := func(s *exec.Store) *exec.Func {
		return exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value { return []*ir.Value{m.forward(c, in[0])} })
	}
	x := random(1, 8, 300)
	want := must(t, step(s), x)[0]
	var users sync.WaitGroup
	for range 3 {
		b := s.Backend().(*cpu.Backend).Clone(cpu.WithThreads(2))
		if b.MappedBytes() != 0 || b.Threads() != 2 {
			t.Errorf("a new backend has %d bytes and %d threads", b.MappedBytes(), b.Threads())
		}
		shared := s.Share(b)
		f := step(shared)
		if plan, err := f.Plan(ir.Type{DType: f32, Shape: x.Shape()}); err != nil {
			t.Fatal(err)
		} else if plan.VariableBytes != 4*(300*20+20) {
			t.Errorf("plan %+v", plan)
		}
		users.Go(func() {
			for range 100 {
				out, err := f.Run(t.Context(), x)
				if err != nil || !sameBits(out[0], want) {
					t.Errorf("another result: %v", err)
					return
				}
			}
			if n := b.MappedBytes(); n > 4*300*(8+64) {
				t.Errorf("%d bytes mapped, more than arguments and a packed weight", n)
			}
			if err := shared.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	users.Wait()
	if out := must(t, step(s), x)[0]; !sameBits(out, want) {
		t.Error("the first store is another one when the others are closed")
	}
}

func want(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", parts)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q has no %q", err, p)
		}
	}
}

// Model lists a state dict in the order of fields; Keys has what steps add too.
func TestStoreKeys(t *testing.T) {
	type model struct {
		Fc   *linear
		Mean *module.State
		Drop *dropout
	}
	m := &model{newLinear(2, 2), &module.State{DType: f32, Shape: shape.Of(2)}, newDropout()}
	s := newStore(t, m, exec.Seed(9))
	keys := []string{"fc.weight", "fc.bias", "drop.scale", "mean"}
	if !slices.Equal(s.Model(), keys) || !slices.Equal(s.Keys(), keys) {
		t.Errorf("keys %v and %v, want %v", s.Model(), s.Keys(), keys)
	}
	moment := &module.State{Key: "sgd.fc.weight", DType: f32, Shape: shape.Of(2, 2)}
	f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		c.SetState(moment, ops.Add(c.State(moment), c.Param(m.Fc.Weight)))
		return []*ir.Value{m.Drop.forward(c.Train(), in[0])}
	})
	must(t, f, floats(1, 2))
	if !slices.Equal(s.Model(), keys) {
		t.Errorf("a step changed the state dict: %v", s.Model())
	}
	if want := append(keys, "sgd.fc.weight", module.SeedKey, module.StepKey); !slices.Equal(s.Keys(), want) {
		t.Errorf("keys %v, want %v", s.Keys(), want)
	}
	if seed := get(t, s, module.SeedKey); seed.Int(0) != 9 {
		t.Errorf("seed %d, want 9", seed.Int(0))
	}
	if step := get(t, s, module.StepKey); step.Int(0) != 1 {
		t.Errorf("%d steps counted, want 1", step.Int(0))
	}
	if !sameBits(get(t, s, "sgd.fc.weight"), get(t, s, "fc.weight")) {
		t.Error("the optimizer's state did not take its value")
	}
}

// A parameter that two fields share is one value, under the first key, and
// sees both uses.
func TestSharedParam(t *testing.T) {
	type model struct{ A, B *linear }
	m := &model{newLinear(2, 2), newLinear(2, 2)}
	m.B.Weight = m.A.Weight
	s := newStore(t, m)
	if want := []string{"a.weight", "a.bias", "b.bias"}; !slices.Equal(s.Keys(), want) {
		t.Fatalf("keys %v, want %v", s.Keys(), want)
	}
	f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		c.SetParam(m.A.Weight, ops.Mul(c.Param(m.B.Weight), in[0]))
		return []*ir.Value{c.Param(m.B.Weight)} // the new one already
	})
	if err := s.Set("a.weight", random(1, 2, 2)); err != nil {
		t.Fatal(err)
	}
	out := must(t, f, floats(2))
	if !sameBits(out[0], get(t, s, "a.weight")) {
		t.Errorf("the second use reads %v, the store has %v", out[0].F32(), get(t, s, "a.weight").F32())
	}
}

// Weights are a function of seed and key: a layer elsewhere moves none.
func TestSeeds(t *testing.T) {
	type small struct{ Fc1, Fc2 *linear }
	type large struct {
		Stem *linear
		Fc1  *linear
		Mid  []*linear
		Fc2  *linear
	}
	a := newStore(t, &small{newLinear(3, 4), newLinear(4, 2)}, exec.Seed(1))
	again := newStore(t, &small{newLinear(3, 4), newLinear(4, 2)}, exec.Seed(1))
	other := newStore(t, &small{newLinear(3, 4), newLinear(4, 2)}, exec.Seed(2))
	grown := newStore(t, &large{newLinear(5, 3), newLinear(3, 4), []*linear{newLinear(4, 4)}, newLinear(4, 2)}, exec.Seed(1))
	for _, key := range []string{"fc1.weight", "fc2.weight"} {
		w := get(t, a, key)
		if !sameBits(w, get(t, again, key)) {
			t.Errorf("%s differs between two stores of one seed", key)
		}
		if sameBits(w, get(t, other, key)) {
			t.Errorf("%s is the same for another seed", key)
		}
		if !sameBits(w, get(t, grown, key)) {
			t.Errorf("a layer elsewhere moved %s", key)
		}
	}
}
