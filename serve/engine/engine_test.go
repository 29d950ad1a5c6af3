package engine_test

import (
	"errors"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// TestPredict asks each kind of model by its columns.
func TestPredict(t *testing.T) {
	e := enginetest.Engine(t, enginetest.Digits, enginetest.Penguins, enginetest.Masses, enginetest.Mail)
	bird := map[string][]any{"bill_length_mm": {44.0}, "bill_depth_mm": {"17"}, "flipper_length_mm": {int64(200)}, "body_mass_g": {nil}, "island": {"Dream"}}
	for _, c := range []struct {
		model   string
		columns map[string][]any
		outputs []string
	}{
		{enginetest.Digits, map[string][]any{"image": {tensor.New(dtype.Uint8, shape.Of(1, 28, 28))}}, []string{"label", "label_probabilities"}},
		{enginetest.Penguins, bird, []string{"species", "species_probabilities"}},
		{enginetest.Masses, bird, []string{"mass"}},
		{enginetest.Mail, map[string][]any{"text": {"free money"}}, []string{"kind", "kind_probabilities"}},
	} {
		r, err := e.Predict(t.Context(), &engine.Request{Model: c.model, N: 1, Columns: c.columns, Results: true})
		if err != nil {
			t.Errorf("%s: %v", c.model, err)
			continue
		}
		var names []string
		for _, o := range r.Outputs {
			names = append(names, o.Name)
			if o.Tensor != nil && o.Role == engine.Probabilities {
				sum := 0.0
				for i := range o.Tensor.Size() {
					sum += o.Tensor.Float(i)
				}
				if sum < 0.9999 || sum > 1.0001 {
					t.Errorf("%s: probabilities add up to %v", c.model, sum)
				}
			}
		}
		if len(names) != len(c.outputs) || names[0] != c.outputs[0] || len(r.Results) != 1 {
			t.Errorf("%s: outputs %q, results %v", c.model, names, r.Results)
		}
	}
}

// TestNoOutputs asks for results alone.
func TestNoOutputs(t *testing.T) {
	e := enginetest.Engine(t, enginetest.Mail)
	a, err := e.Predict(t.Context(), &engine.Request{Model: enginetest.Mail, N: 1, Columns: map[string][]any{"text": {"a"}}, Outputs: []string{}, Results: true})
	if err != nil || len(a.Outputs) != 0 || len(a.Results) != 1 {
		t.Errorf("%v, %v", a, err)
	}
}

// TestFill completes a request when its version is known.
func TestFill(t *testing.T) {
	e := enginetest.Engine(t, enginetest.Mail)
	r := &engine.Request{Model: enginetest.Mail}
	r.Fill = func(version string, s *engine.Signature) error {
		if version != "1" || len(s.Columns) != 1 || s.Columns[0].Name != "text" {
			t.Errorf("version %q with columns %v", version, s.Columns)
		}
		r.N, r.Columns = 2, map[string][]any{s.Columns[0].Name: {"a", "b"}}
		return nil
	}
	if a, err := e.Predict(t.Context(), r); err != nil || a.N != 2 {
		t.Errorf("got %v, %v", a, err)
	}
	r.Fill = func(string, *engine.Signature) error { return engine.Errorf(engine.Unsupported, "no") }
	if _, err := e.Predict(t.Context(), r); err == nil || engine.AsError(err).Code != engine.Unsupported {
		t.Errorf("got %v", err)
	}
}

// TestExampleError tells which example is at fault.
func TestExampleError(t *testing.T) {
	e := enginetest.Engine(t, enginetest.Mail)
	_, err := e.Predict(t.Context(), &engine.Request{Model: enginetest.Mail, N: 2, Columns: map[string][]any{"text": {"a", 1.5}}})
	var x *engine.ExampleError
	if !errors.As(err, &x) || x.Example != 1 || x.Error() != "column text: want text, got a number" {
		t.Errorf("got %v", err)
	}
}

// TestEnter: a request is told that there is no room for it before values are
// made of what it has, and gives its places up if it ends then.
func TestEnter(t *testing.T) {
	b := engine.DefaultBatching()
	b.Queue = 2
	e := engine.New(enginetest.Machine(), engine.WithBatching(b))
	defer e.Close()
	if err := e.Add(t.Context(), engine.Folder("mail", "1", enginetest.Folder(t, enginetest.Mail, 1))); err != nil {
		t.Fatal(err)
	}
	var r *engine.Request
	predict := func(fill func() error) error {
		r = &engine.Request{Model: "mail", Fill: func(string, *engine.Signature) error { return fill() }}
		_, err := e.Predict(t.Context(), r)
		return err
	}
	whole := func() error {
		r.Columns = map[string][]any{"text": {"a", "b"}}
		return r.Enter(2)
	}
	for _, c := range []struct {
		what string
		fill func() error
		want engine.Code
	}{
		{"too many", func() error {
			err := r.Enter(3)
			if engine.AsError(err).Code != engine.TooLarge {
				t.Errorf("Enter: %v", err)
			}
			return err
		}, engine.TooLarge},
		{"none", func() error { return r.Enter(0) }, engine.Invalid},
		{"a mistake after it", func() error {
			if err := r.Enter(2); err != nil {
				return err
			}
			return engine.Errorf(engine.Unsupported, "no")
		}, engine.Unsupported},
		{"a panic after it", func() error {
			if err := r.Enter(2); err != nil {
				return err
			}
			panic("no")
		}, engine.Internal},
		{"no such output", func() error {
			r.Outputs = []string{"other"}
			return whole()
		}, engine.Invalid},
		{"another number", func() error {
			err := whole()
			r.N = 1
			return err
		}, engine.Internal},
		{"twice", func() error {
			if err := r.Enter(1); err != nil {
				return err
			}
			return r.Enter(1)
		}, engine.Internal},
	} {
		if err := predict(c.fill); err == nil || engine.AsError(err).Code != c.want {
			t.Errorf("%s: %v", c.what, err)
		}
		if err := predict(whole); err != nil {
			t.Errorf("after %s: %v", c.what, err)
		}
	}
	if err := r.Enter(100); err != nil || r.N != 100 {
		t.Errorf("outside of Fill: %v", err)
	}
}
