package mlp

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/tensor"
)

func TestKeys(t *testing.T) {
	m, err := New(MNIST())
	if err != nil {
		t.Fatal(err)
	}
	tree, err := module.Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range tree.Params {
		got = append(got, p.Key+" "+p.Type().String())
	}
	want := "fc1.weight f32[128 784], fc1.bias f32[128], fc2.weight f32[10 128], fc2.bias f32[10]"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("keys %s, want %s", s, want)
	}
}

// The value by hand: 2-2-1 with ReLU after the first layer only.
func TestForward(t *testing.T) {
	m, err := New(Config{Sizes: []int{2, 2, 1}})
	if err != nil {
		t.Fatal(err)
	}
	s := moduletest.NewStore(t, m, 1)
	set := func(key string, v ...float32) {
		copy(s.Values[key].F32(), v)
	}
	set("fc1.weight", 1, 2, -1, 1)
	set("fc1.bias", 0.5, -3)
	set("fc2.weight", -2, 7)
	set("fc2.bias", 1)
	x := tensor.Must(tensor.Of([]float32{1, 1, -1, 5}, 2, 1, 2)) // images of 1x2
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value { return []*ir.Value{m.Forward(c, in[0])} }, x)
	// rows: hidden (3.5, 0) and (9.5, 3)
	moduletest.Near(t, "logits", out[0], tensor.Must(tensor.Of([]float32{-6, 3}, 2, 1)))
}

func TestConfig(t *testing.T) {
	text, err := json.Marshal(MNIST())
	if err != nil || string(text) != `{"sizes":[784,128,10]}` {
		t.Errorf("%s, %v", text, err)
	}
	for _, cfg := range []Config{{}, {Sizes: []int{3}}, {Sizes: []int{3, 0}}, {Sizes: []int{-1, 2, 3}}, {Sizes: []int{1 << 40, 1 << 40}}} {
		if m, err := New(cfg); err == nil || m != nil {
			t.Errorf("%v makes a model", cfg)
		}
	}
	_, err = New(Config{Sizes: []int{0, 1, 0}})
	if err == nil || !strings.Contains(err.Error(), "layer 1: in must be at least 1") || !strings.Contains(err.Error(), "layer 2: out must be at least 1") {
		t.Errorf("not all problems are told: %v", err)
	}
}
