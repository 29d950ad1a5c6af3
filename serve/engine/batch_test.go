package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// everyKind lists the models.
var everyKind = []string{enginetest.Digits, enginetest.Photos, enginetest.Penguins, enginetest.Masses, enginetest.Mail, enginetest.Stars, enginetest.Tags}

// examples makes n examples for a model.
func examples(kind string, n int) map[string][]any {
	r := rand.New(rand.NewPCG(7, 7))
	picture := func(channels, size int) any {
		t := tensor.New(dtype.Uint8, shape.Of(channels, size, size))
		for i := range t.Bytes() {
			t.Bytes()[i] = byte(r.Uint32())
		}
		return t
	}
	text := func(most int) any {
		words := make([]string, 1+r.IntN(most))
		for i := range words {
			words[i] = []string{"good", "film", "a", "bad", "fine", "end", "free", "money"}[r.IntN(8)]
		}
		return strings.Join(words, " ")
	}
	columns := map[string][]any{}
	for range n {
		add := func(name string, v any) { columns[name] = append(columns[name], v) }
		switch kind {
		case enginetest.Digits:
			add("image", picture(1, 28))
		case enginetest.Photos:
			add("image", picture(3, 32))
		case enginetest.Mail, enginetest.Stars, enginetest.Tags:
			add("text", text(50))
		default:
			add("bill_length_mm", 30+30*r.Float64())
			add("bill_depth_mm", 10+10*r.Float64())
			add("flipper_length_mm", 170+60*r.Float64())
			add("body_mass_g", 3000+3000*r.Float64())
			add("island", []any{"Biscoe", "Dream", nil}[r.IntN(3)])
		}
	}
	return columns
}

// only is example k.
func only(columns map[string][]any, k int) map[string][]any {
	one := map[string][]any{}
	for name, list := range columns {
		one[name] = list[k : k+1]
	}
	return one
}

// serving makes an engine of one model.
func serving(t testing.TB, kind string, threads int, b engine.Batching, opts ...engine.Option) *engine.Engine {
	t.Helper()
	m := enginetest.Machine()
	m.Threads = threads
	e := engine.New(m, opts...)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	dir := enginetest.Folder(t, kind, 1)
	open := func(m recipe.Machine) (*recipe.Saved, error) { return recipe.OpenRun(dir, m) }
	if err := e.Add(t.Context(), engine.Spec{Name: kind, Version: "1", Weight: 1, Open: open, Batching: &b}); err != nil {
		t.Fatal(err)
	}
	return e
}

// raws asks for what the network gives. Of an output for each position the rows
// are those of the longest example.
func raws(t testing.TB, e *engine.Engine, kind string, n int, columns map[string][]any) *engine.Response {
	t.Helper()
	info, err := e.Info(kind, "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range info.Signature.Outputs {
		names = append(names, o.Name)
	}
	a, err := e.Predict(t.Context(), &engine.Request{Model: kind, N: n, Columns: columns, Outputs: names, Results: true})
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return a
}

// sameBits compares example k of one answer with example j of another: an
// output for each position may be filled up further in one of them.
func sameBits(a *engine.Response, k int, b *engine.Response, j int) error {
	for i, o := range a.Outputs {
		if o.Tensor == nil {
			if o.Strings[k] != b.Outputs[i].Strings[j] {
				return fmt.Errorf("%s is %q and %q", o.Name, o.Strings[k], b.Outputs[i].Strings[j])
			}
			continue
		}
		x, y := o.Tensor.Row(k), b.Outputs[i].Tensor.Row(j)
		n := min(len(x.Bytes()), len(y.Bytes()))
		if n == 0 || !bytes.Equal(x.Bytes()[:n], y.Bytes()[:n]) {
			return fmt.Errorf("%s differs", o.Name)
		}
	}
	if x, y := fmt.Sprint(a.Results[k]), fmt.Sprint(b.Results[j]); x != y {
		return fmt.Errorf("results %s and %s", x, y)
	}
	return nil
}

func number(n int) *int { return &n }

// What a model gives for an example does not depend on the examples that are
// computed with it, on how a batch is filled up, or on the number of threads and
// instances.
func TestBits(t *testing.T) {
	const n = 11
	for _, kind := range everyKind {
		t.Run(kind, func(t *testing.T) {
			columns := examples(kind, n)
			one := engine.DefaultBatching()
			one.MaxBatch, one.Instances, one.Threads = number(1), number(1), number(1)
			alone := serving(t, kind, 1, one)
			var want []*engine.Response
			for k := range n {
				want = append(want, raws(t, alone, kind, 1, only(columns, k)))
			}
			for _, form := range []struct{ most, instances, threads int }{{8, 1, 1}, {8, 1, 2}, {16, 1, 1}, {3, 2, 1}, {16, 2, 2}} {
				b := engine.DefaultBatching()
				b.MaxBatch, b.Instances, b.Threads = &form.most, &form.instances, &form.threads
				e := serving(t, kind, 2, b)
				got := raws(t, e, kind, n, columns)
				for k := range n {
					if err := sameBits(got, k, want[k], 0); err != nil {
						t.Errorf("batches of %d in %d instances of %d threads, example %d: %v", form.most, form.instances, form.threads, k, err)
					}
				}
				// Many clients at once.
				var clients sync.WaitGroup
				for k := range n {
					clients.Go(func() {
						if err := sameBits(raws(t, e, kind, 1, only(columns, k)), 0, want[k], 0); err != nil {
							t.Errorf("one of many clients, example %d: %v", k, err)
						}
					})
				}
				clients.Wait()
			}
		})
	}
}

// TestPreprocessed sends what the server would have made of columns, also filled
// up by the client.
func TestPreprocessed(t *testing.T) {
	const n = 5
	e := serving(t, enginetest.Stars, 1, engine.DefaultBatching())
	columns := examples(enginetest.Stars, n)
	want := raws(t, e, enginetest.Stars, n, columns)
	s, err := recipe.OpenRun(enginetest.Folder(t, enginetest.Stars, 1), enginetest.Machine())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tokens := tensor.New(dtype.Int64, shape.Of(n, 40))
	for k := range n {
		row := tokens.Row(k)
		in, err := s.Set.Encode(map[string]any{"text": columns["text"][k]})
		if err != nil {
			t.Fatal(err)
		}
		copy(row.Bytes(), in[0].Bytes())
	}
	ask := func(in *tensor.Tensor) (*engine.Response, error) {
		return e.Predict(context.Background(), &engine.Request{Model: enginetest.Stars, N: n, Tensors: map[string]*tensor.Tensor{"text": in}, Results: true, Outputs: []string{"stars", "stars_probabilities", "stars_logits"}})
	}
	got, err := ask(tokens)
	if err != nil {
		t.Fatal(err)
	}
	for k := range n {
		for i := range want.Outputs {
			if x, y := got.Outputs[i].Tensor, want.Outputs[i].Tensor; x != nil && !bytes.Equal(x.Bytes(), y.Bytes()) {
				t.Errorf("%s differs", want.Outputs[i].Name)
			}
		}
		if fmt.Sprint(got.Results[k]) != fmt.Sprint(want.Results[k]) {
			t.Errorf("example %d: %v, want %v", k, got.Results[k], want.Results[k])
		}
	}
	for _, wrong := range []shape.Shape{shape.Of(n, 41), shape.Of(n, 0), shape.Of(n+1, 40), shape.Of(n)} {
		if _, err := ask(tensor.New(dtype.Int64, wrong)); engine.AsError(err).Code != engine.Invalid {
			t.Errorf("tokens %v: %v", wrong, err)
		}
	}
	outside := tokens.Clone()
	tensor.Data[int64](outside)[3] = 16
	if _, err := ask(outside); engine.AsError(err).Code != engine.Invalid || !strings.Contains(err.Error(), "16") || strings.Contains(err.Error(), ".go") {
		t.Errorf("a token outside of the vocabulary: %v", err)
	}
}

// Serving and Saved.Predict, which is gradus predict, say the same.
func TestSameAsPredict(t *testing.T) {
	const n = 30
	for _, kind := range []string{enginetest.Mail, enginetest.Stars, enginetest.Tags} {
		columns := examples(kind, n)
		dir := enginetest.Folder(t, kind, 1)
		path := filepath.Join(dir, "rows.jsonl")
		var text bytes.Buffer
		for _, v := range columns["text"] {
			json.NewEncoder(&text).Encode(map[string]any{"text": v})
		}
		if err := os.WriteFile(path, text.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		files, err := file.New()
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		s, err := recipe.OpenRun(dir, enginetest.Machine())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		table, err := s.Table(t.Context(), files, []string{path})
		if err != nil {
			t.Fatal(err)
		}
		defer table.Close()
		got := raws(t, serving(t, kind, 2, engine.DefaultBatching()), kind, n, columns)
		k := 0
		for p, err := range s.Predict(t.Context(), table, 7) {
			if err != nil {
				t.Fatal(err)
			}
			if p.Row != k || fmt.Sprint(p.Results) != fmt.Sprint(got.Results[k]) {
				t.Errorf("%s: row %d: %v, served %v", kind, p.Row, p.Results, got.Results[k])
			}
			if tags, ok := p.Results["tags"].([]string); ok && len(tags) != min(40, len(strings.Fields(columns["text"][k].(string)))) {
				t.Errorf("row %d: %d tags for %q", k, len(tags), columns["text"][k])
			}
			k++
		}
		if k != n {
			t.Errorf("%s: %d rows", kind, k)
		}
	}
}
