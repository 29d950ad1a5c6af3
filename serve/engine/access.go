package engine

import (
	"context"
	"slices"
)

type accessKey struct{}

// Only makes a context whose requests may use some models and no others. Without
// it they may use all.
func Only(ctx context.Context, models []string) context.Context {
	return context.WithValue(ctx, accessKey{}, models)
}

// Allowed tells whether requests of a context may use a model. The answer is
// the same for one that isn't there.
func Allowed(ctx context.Context, model string) error {
	if models, ok := ctx.Value(accessKey{}).([]string); ok && !slices.Contains(models, model) {
		return Errorf(Forbidden, "the client's key is not good for this model")
	}
	return nil
}
