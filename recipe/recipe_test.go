package recipe

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/model/lenet"
	"github.com/gradus-ml/gradus/model/mlp"
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

func TestNetworkRoundTrip(t *testing.T) {
	for _, config := range []any{lenet.MNIST(), mlp.MNIST(), resnet.ResNet20(), resnet.ResNet18()} {
		var text bytes.Buffer
		if err := WriteConfig(&text, config); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(path, text.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		n, err := ReadNetwork(path)
		if err != nil {
			t.Fatalf("%v\n%s", err, &text)
		}
		if !reflect.DeepEqual(n.Config, config) {
			t.Errorf("got %+v, want %+v", n.Config, config)
		}
	}
}

func TestReadNetworkRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "end of JSON",
		"[]":                                "array",
		"{}":                                "model_type",
		`{"model_type":"lanet"}`:            "no model family",
		`{"model_type":"mlp","size":[1]}`:   `unknown field "size"`,
		`{"model_type":"mlp","sizes":[1]}`:  "at least an input and an output",
		`{"model_type":"lenet","hidden":1}`: "conv1",
		`{"model_type":"mlp","sizes":[9223372036854775807,9223372036854775807]}`: "mlp",
	} {
		if _, err := decodeNetwork([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
	if err := WriteConfig(&bytes.Buffer{}, 3); err == nil {
		t.Error("the config of no family is written")
	}
}

// Counted by hand: 2 x 24 x 24 x 32 x 25 and so on, a bias is one more an
// element.
func TestSummary(t *testing.T) {
	n, err := NewNetwork(lenet.MNIST())
	if err != nil {
		t.Fatal(err)
	}
	s, err := n.Summary()
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
	n, err := NewNetwork(resnet.ResNet20())
	if err != nil {
		t.Fatal(err)
	}
	s, err := n.Summary()
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
