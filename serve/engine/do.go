package engine

import (
	"context"

	"github.com/gradus-ml/gradus/recipe"
)

// Do calls f with the version that a request would get and its model, once an
// instance of it is free: nothing else computes with that while f runs. It is for
// what a forward pass does not tell, such as gradients. The error is an *Error.
func (e *Engine) Do(ctx context.Context, model, version string, f func(version string, s *recipe.Saved) error) error {
	var a Response
	err := e.do(ctx, model, version, f, &a)
	if t := traceOf(ctx); t != nil {
		t.add(&a, e.known(model), err)
	}
	if err != nil {
		return AsError(err)
	}
	return nil
}

// do notes in a what is known of the version.
func (e *Engine) do(ctx context.Context, model, version string, f func(version string, s *recipe.Saved) error, a *Response) error {
	v, err := e.acquire(ctx, model, version, "")
	if err != nil {
		return err
	}
	defer v.release()
	a.Model, a.Version = v.spec.Name, v.spec.Version
	return v.runner.do(ctx, func(s *recipe.Saved) error { return f(v.spec.Version, s) })
}
