package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
	"github.com/gradus-ml/gradus/train"
)

// full are models of enginetest at the sizes that recipes have.
var full = map[string]struct {
	kind    string
	changes []string // of config and preprocessing
}{
	"mnist": {enginetest.Digits, []string{"    4,\n    8\n", "32, 64", `"hidden": 16`, `"hidden": 512`}},
	"spam":  {enginetest.Mail, []string{"256", "65536"}},
	"resnet50": {enginetest.Photos, []string{`"3x3"`, `"7x7"`, "[8, 16, 32]", "[64, 128, 256, 512]", "[1, 1, 1]", "[3, 4, 6, 3]",
		`"bottleneck": false`, `"bottleneck": true`, "[32, 32]", "[224, 224]"}},
}

// fullFolder writes a model at its full size.
func fullFolder(t testing.TB, name string) (kind, dir string) {
	t.Helper()
	m := full[name]
	dir = enginetest.Folder(t, m.kind, 1)
	for _, file := range []string{train.ConfigFile, train.PreprocessFile} {
		path := filepath.Join(dir, filepath.FromSlash(file))
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, []byte(strings.NewReplacer(m.changes...).Replace(string(text))), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	n, err := model.ReadConfig(filepath.Join(dir, filepath.FromSlash(train.ConfigFile)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := enginetest.Machine().Backend()
	if err != nil {
		t.Fatal(err)
	}
	s, err := exec.NewStore(b, n.Module, exec.Seed(1))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := train.SaveModel(filepath.Join(dir, filepath.FromSlash(train.WeightsFile)), s, ""); err != nil {
		t.Fatal(err)
	}
	return m.kind, dir
}

// BenchmarkPredict asks for one example at a time, as many clients at once as
// its name says.
func BenchmarkPredict(b *testing.B) {
	for _, name := range []string{"mnist", "spam", "resnet50"} {
		b.Run(name, func(b *testing.B) {
			kind, dir := fullFolder(b, name)
			e := engine.New(recipe.ThisMachine())
			defer e.Close()
			open := func(m recipe.Machine) (*recipe.Saved, error) { return recipe.OpenRun(dir, m) }
			if err := e.Add(b.Context(), engine.Spec{Name: name, Version: "1", Weight: 1, Open: open}); err != nil {
				b.Fatal(err)
			}
			columns := examples(kind, 1)
			if name == "resnet50" {
				columns["image"][0] = tensor.New(dtype.Uint8, shape.Of(3, 224, 224))
			}
			for _, clients := range []int{1, 16, 256} {
				if name == "resnet50" && clients == 256 {
					continue
				}
				b.Run(fmt.Sprint(clients), func(b *testing.B) { predict(b, e, clients, name, columns) })
			}
		})
	}
}

func predict(b *testing.B, e *engine.Engine, clients int, name string, columns map[string][]any) {
	b.ReportAllocs()
	b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
	var examples, asked atomic.Int64
	ask := func() {
		a, err := e.Predict(b.Context(), &engine.Request{Model: name, N: 1, Columns: columns})
		if err != nil {
			b.Error(err)
			return
		}
		examples.Add(int64(a.Times.Batch))
		asked.Add(1)
	}
	if clients == 1 {
		for b.Loop() {
			ask()
		}
	} else {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				ask()
			}
		})
	}
	b.ReportMetric(float64(examples.Load())/float64(asked.Load()), "examples/batch")
}

// BenchmarkBatch computes batches of several sizes by one and by all threads.
func BenchmarkBatch(b *testing.B) {
	for _, name := range []string{"mnist", "spam", "resnet50"} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%d_threads", name, threads), func(b *testing.B) {
				_, dir := fullFolder(b, name)
				m := recipe.ThisMachine()
				m.Threads = threads
				s, err := recipe.OpenRun(dir, m)
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				for _, size := range []int{1, 2, 3, 4, 6, 8, 16, 32, 64} {
					if name == "resnet50" && size > 16 {
						continue
					}
					b.Run(fmt.Sprint(size), func(b *testing.B) {
						dt, item := s.Set.Inputs[0].Encoder.Item()
						in := tensor.New(dt, shape.Of(append([]int{size}, item.Dims()...)...))
						for b.Loop() {
							if _, err := s.Run(b.Context(), in); err != nil {
								b.Fatal(err)
							}
						}
						b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "us/example")
					})
				}
			})
		}
	}
}
