package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// SAM, sharpness-aware minimisation, looks for weights around which the loss is
// low as well: an optimizer takes its gradients not at parameter w but at the
// worst place near it. With gradient g at w, and norms over all parameters:
//
//	e = Rho * g / (|g| + 1e-12)
//	e = Rho * w^2*g / (| |w|*g | + 1e-12)     Adaptive, whatever the scale of w
//	g = gradient at w + e
//
// A step computes two gradients and takes twice the time.
//
// Source: Foret and others, "Sharpness-aware minimization for efficiently
// improving generalization" (2020), algorithm 1; Kwon and others, "ASAM" (2021);
// pytorch_optimizer.SAM (4.1.0).
type SAM struct {
	Rho      float64 `json:"rho" yaml:"rho"` // how far the worst place is
	Adaptive bool    `json:"adaptive" yaml:"adaptive"`
}

// DefaultSAM goes 0.05 away.
func DefaultSAM() SAM { return SAM{Rho: 0.05} }

// Validate tells all that is wrong.
func (cfg SAM) Validate() error {
	var c checker
	c.atLeast0("rho", cfg.Rho)
	return c.err()
}

// Gradients are those for the update of an optimizer, in the order of its
// parameters. The function gradients builds loss and gradients at the present
// weights; it is called twice, first at w and then at w + e, draws other random
// numbers then, and sees w again afterwards. What it does to states of the model,
// such as running statistics of a batch norm, counts at w alone.
func (cfg SAM) Gradients(c *module.Ctx, opt module.Trains, states []*module.State, gradients func() []*ir.Value) []*ir.Value {
	g := c.Graph()
	grads := gradients()
	defer g.SetPath(g.SetPath("sam"))
	if g.Err() != nil || len(grads) == 0 {
		return grads
	}
	params := c.Params(opt)
	felt := make([]*ir.Value, len(grads))
	for i, w := range params {
		felt[i] = grads[i]
		if cfg.Adaptive {
			felt[i] = ops.Mul(ops.Abs(w), grads[i])
		}
	}
	norm := Norm(felt)
	far := ops.Div(ops.Scalar(norm, cfg.Rho), ops.Add(norm, ops.Scalar(norm, 1e-12)))
	for i, w := range params {
		e := felt[i]
		if cfg.Adaptive {
			e = ops.Mul(ops.Abs(w), e)
		}
		c.SetParam(opt.Params()[i].Param, ops.Add(w, ops.Mul(ops.Cast(far, w.DType()), e)))
	}
	kept := make([]*ir.Value, len(states))
	for i, s := range states {
		kept[i] = c.State(s)
	}
	g.SetPath("")
	grads = gradients()
	g.SetPath("sam")
	for i, p := range opt.Params() {
		c.SetParam(p.Param, params[i])
	}
	for i, s := range states {
		c.SetState(s, kept[i])
	}
	return grads
}
