package engine_test

import (
	"errors"
	"testing"

	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

func TestOnly(t *testing.T) {
	e := enginetest.Engine(t, enginetest.Mail)
	ask := func(models ...string) error {
		ctx := t.Context()
		if models != nil {
			ctx = engine.Only(ctx, models)
		}
		_, err := e.Predict(ctx, &engine.Request{Model: enginetest.Mail, N: 1, Columns: map[string][]any{"text": {"hello"}}})
		return errors.Join(err, e.Do(ctx, enginetest.Mail, "", func(string, *recipe.Saved) error { return nil }))
	}
	for _, models := range [][]string{nil, {enginetest.Mail}, {"other", enginetest.Mail}} {
		if err := ask(models...); err != nil {
			t.Errorf("a context of %q: %v", models, err)
		}
	}
	for _, models := range [][]string{{"other"}, {}} {
		if err := ask(models...); engine.AsError(err).Code != engine.Forbidden {
			t.Errorf("a context of %q: %v", models, err)
		}
	}
	if err := engine.Allowed(engine.Only(t.Context(), []string{"a"}), "none"); engine.AsError(err).Code != engine.Forbidden {
		t.Errorf("a model that isn't there: %v", err)
	}
}
