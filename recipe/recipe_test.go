package recipe

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/model/lenet"
	"github.com/gradus-ml/gradus/model/resnet"
)

func TestRoundTrip(t *testing.T) {
	dir := "data: with a colon"
	want := DefaultMNIST(Machine{Threads: 3, ISA: "generic"})
	want.Data.Dir, want.Optimizer.LR, want.Seed = &dir, 1e-7, 1<<63
	text, err := config.Encode(want, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got MNIST
	if err := config.Decode(text, "recipe.yaml", &got, nil); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v\n%s", got, want, text)
	}
}

func TestValidate(t *testing.T) {
	r := DefaultMNIST(ThisMachine())
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	r.Epochs, r.Data.Batch, r.Optimizer.LR, r.Model.Classes, r.Machine.Threads, r.Machine.ISA = 0, -1, 0, 7, 0, "mmx"
	err := r.Validate()
	if err == nil {
		t.Fatal("a wrong recipe is valid")
	}
	for _, part := range []string{"epochs", "batch must", "lr", "10 classes", "threads", `"mmx"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}

// Counted by hand: 2 x 24 x 24 x 32 x 25 and so on, a bias is one more an
// element.
func TestSummary(t *testing.T) {
	n, err := model.Complete(model.LeNet{Config: lenet.MNIST()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Summarize(n)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]struct {
		output     string
		parameters int64
		products   int64
	}{
		"conv1": {"f32[1 32 24 24]", 32*25 + 32, 2 * 24 * 24 * 32 * 25},
		"conv2": {"f32[1 64 8 8]", 64*32*25 + 64, 2 * 8 * 8 * 64 * 32 * 25},
		"fc1":   {"f32[1 512]", 512*1024 + 512, 2 * 512 * 1024},
		"fc2":   {"f32[1 10]", 512*10 + 10, 2 * 512 * 10},
	}
	seen := 0
	for _, l := range s.Layers {
		w, ok := want[l.Path]
		if !ok {
			continue
		}
		seen++
		if l.Output.String() != w.output || l.Parameters != w.parameters {
			t.Errorf("%s: %v, %d parameters, want %s, %d", l.Path, l.Output, l.Parameters, w.output, w.parameters)
		}
		if bias := l.Flops - w.products; bias != int64(l.Output.Shape.Size()) {
			t.Errorf("%s: %d operations, want %d and one an element of the result", l.Path, l.Flops, w.products)
		}
	}
	if seen != len(want) {
		t.Errorf("%d layers of %d: %+v", seen, len(want), s.Layers)
	}
	if s.Parameters != 582026 {
		t.Errorf("%d parameters, want 582026", s.Parameters)
	}
}

func TestSummaryOfBlocks(t *testing.T) {
	n, err := model.Complete(model.ResNet{Config: resnet.ResNet20()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Summarize(n)
	if err != nil {
		t.Fatal(err)
	}
	parts := int64(0)
	for _, l := range s.Layers {
		if l.Path == "layer2.0" && (l.Output.String() != "f32[1 32 16 16]" || l.Kind != "Block") {
			t.Errorf("%+v", l)
		}
		if strings.HasPrefix(l.Path, "layer2.0.") && strings.Count(l.Path, ".") == 2 {
			parts += l.Parameters
		}
	}
	for _, l := range s.Layers {
		if l.Path == "layer2.0" && (l.Parameters != parts || parts == 0) {
			t.Errorf("a block has %d parameters, its parts %d", l.Parameters, parts)
		}
	}
}
