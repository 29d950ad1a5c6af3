package engine

import (
	"context"

	"github.com/gradus-ml/gradus/recipe"
)

// Do calls f with the version that a request would get and its model, once an
// instance of it is free: nothing else computes with that while f runs. It is for
// what a forward pass does not tell, such as gradients. The error is an *Error.
func (e *Engine) Do(ctx context.Context, model, version string, f func(version string, s *recipe.Saved) error) error {
	v, err := e.acquire(ctx, model, version, "")
	if err != nil {
		return AsError(err)
	}
	defer v.release()
	if err := v.runner.do(ctx, func(s *recipe.Saved) error { return f(v.spec.Version, s) }); err != nil {
		return AsError(err)
	}
	return nil
}
