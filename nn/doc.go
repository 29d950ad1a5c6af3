// Package nn has the layers that models are made of.
//
// A layer is a plain struct that specifies parameters and state and holds no
// value. Most are made from a config, which is data; NewLinear, NewConv2d and
// so on are short for the config with PyTorch's defaults. The keys of parameters
// and state, the initial values and the arithmetic are PyTorch's (torch.nn,
// version 2.15), except where a layer's comment says so.
//
// Nothing here returns an error or panics. A config that is wrong gives a layer
// whose Forward keeps the mistake in the graph, like a wrong shape; the config's
// Validate tells it before.
//
// Layers are read-only once made: any number of goroutines may trace with one.
// Results do not depend on the number of threads.
package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/shape"
)

// The types of package module, under the names that programs use.
type (
	Ctx       = module.Ctx
	Param     = module.Param
	State     = module.State
	Init      = module.Init
	Named     = module.Named
	Forwarder = module.Forwarder
)

// positive says which of some sizes are below 1. Pairs are name and size.
func positive(pairs ...any) error {
	var errs []error
	for i := 0; i < len(pairs); i += 2 {
		sizes, ok := pairs[i+1].([]int)
		if !ok {
			sizes = []int{pairs[i+1].(int)}
		}
		for _, n := range sizes {
			if n < 1 {
				errs = append(errs, fmt.Errorf("%s must be at least 1, got %d", pairs[i], n))
			}
		}
	}
	return errors.Join(errs...)
}

// fits says whether a parameter can have the given extents.
func fits(dims ...int) error {
	_, err := shape.Make(dims...)
	return err
}

// newParam specifies a parameter whose extents Validate has checked.
func newParam(init Init, dims ...int) *Param { return module.NewParam(init, dims...) }

// optional is the value of a parameter, or nil where the layer has none.
func optional(c *Ctx, p *Param) *ir.Value {
	if p == nil {
		return nil
	}
	return c.Param(p)
}

// refuse keeps the mistake of a layer's config in the graph.
func refuse(c *Ctx, layer string, err error, x *ir.Value) *ir.Value {
	c.Graph().Fail(layer, err.Error(), []*ir.Value{x})
	return x
}
