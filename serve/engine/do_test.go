package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

// TestDo lends a model to a function, alone, and goes on after it panicked.
func TestDo(t *testing.T) {
	e := enginetest.Engine(t, enginetest.Mail)
	ask := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := e.Predict(ctx, &engine.Request{Model: enginetest.Mail, N: 1, Columns: map[string][]any{"text": {"free money"}}})
		return err
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- e.Do(t.Context(), enginetest.Mail, "", func(version string, s *recipe.Saved) error {
			if version != "1" || len(s.Set.Inputs) != 1 {
				return errors.New("another model")
			}
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
	code := func(err error) engine.Code { return engine.AsError(err).Code }
	if err := e.Do(t.Context(), "other", "", nil); code(err) != engine.NotFound {
		t.Errorf("a model that is not there: %v", err)
	}
	if err := e.Do(t.Context(), enginetest.Mail, "", func(string, *recipe.Saved) error { panic("on purpose") }); err == nil || code(err) != engine.Internal || err.Error() != "internal error" {
		t.Errorf("a panic: %v", err)
	}
	if err := e.Do(t.Context(), enginetest.Mail, "", func(string, *recipe.Saved) error { return engine.Errorf(engine.Invalid, "wrong") }); code(err) != engine.Invalid {
		t.Errorf("an error of the function: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Do(ended, enginetest.Mail, "", func(string, *recipe.Saved) error { return nil }); code(err) != engine.Canceled {
		t.Errorf("a client that has left: %v", err)
	}
	if err := ask(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
