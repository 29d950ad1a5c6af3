package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// 6,000 images teach it 9 of 10 digits, and its weights are in the file.
func TestRun(t *testing.T) {
	trainSet, testSet, err := mnist.Load()
	if err != nil {
		t.Fatal(err)
	}
	first := func(s *mnist.Set, n int) *mnist.Set {
		return &mnist.Set{Images: s.Images.Rows(0, n), Labels: s.Labels.Rows(0, n)}
	}
	path := filepath.Join(t.TempDir(), "cnn.safetensors")
	accuracy, err := run(t.Context(), first(trainSet, 6000), first(testSet, 1000), path)
	if err != nil {
		t.Fatal(err)
	}
	if accuracy < 0.9 {
		t.Errorf("accuracy %v, want at least 0.9", accuracy)
	}
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, key := range []string{"conv.weight", "norm.running_mean", "classifier.bias"} {
		if _, ok := f.Info(key); !ok {
			t.Errorf("no %s in the file, which has %v", key, f.Names())
		}
	}
}

// A last layer that is too narrow is named as README says.
func TestMistake(t *testing.T) {
	model := newNet()
	model.Head = nn.NewLinear(16*11*11, 10)
	store, _, look, err := newSteps(model)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	_, err = look.Run(t.Context(), tensor.New(dtype.Float32, shape.Of(64, 1, 28, 28)))
	if err == nil {
		t.Fatal("no mistake is found")
	}
	readme, err2 := os.ReadFile("../../README.md")
	if err2 != nil {
		t.Fatal(err2)
	}
	if !strings.Contains(string(readme), "`"+err.Error()+"`") {
		t.Errorf("README has another message than %q", err)
	}
}
