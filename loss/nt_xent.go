package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// NTXentConfig describes a contrastive loss of two views of each example.
type NTXentConfig struct {
	Temperature float64   `json:"temperature" yaml:"temperature"` // what cosines are divided by, above 0
	Reduction   Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultNTXent takes the mean.
func DefaultNTXent() NTXentConfig { return NTXentConfig{Temperature: 0.5} }

// NTXent is the mean contrastive loss of two views: DefaultNTXent().Apply(x, y).
func NTXent(x, y *ir.Value) *ir.Value { return DefaultNTXent().Apply(x, y) }

// Apply gives, for each example with views x[i] and y[i], among the 2B views v of
// the batch,
//
//	loss[i] = (l(x[i], y[i]) + l(y[i], x[i])) / 2
//	l(a, b) = -z(a,b) + log(sum over v other than a of e^z(a,v))
//	z(a,b)  = cos(a, b) / Temperature
//
// in nats, reduced. Both are [B D]; without reduction the result is [B].
//
// Source: Chen and others, "A simple framework for contrastive learning of visual
// representations" (2020), equation 1 and algorithm 1.
func (cfg NTXentConfig) Apply(x, y *ir.Value) *ir.Value {
	return cfg.Reduction.apply("nt_xent", cfg.each(x, y))
}

// Terms takes both vectors from one output, stacked on axis 1: [B 2 D]. The
// target is not read. It is the sum over the examples, and their number.
func (cfg NTXentConfig) Terms(output, _, weight *ir.Value) Terms {
	v := unstack("nt_xent", output, 2)
	return elementTerms("nt_xent", cfg.each(v[0], v[1]), weight)
}

func (cfg NTXentConfig) each(x, y *ir.Value) *ir.Value {
	x, y = wide(x), wide(y)
	if !pairs("nt_xent", cfg, x, y) {
		return x
	}
	n := x.Dim(0)
	if n == 0 {
		return ops.Sum(x, 1)
	}
	a, b := unit(x), unit(y)
	all := ops.Concat(0, a, b)
	z := ops.Mul(products(all, all), ops.Scalar(x, 1/cfg.Temperature))
	others := along(z, ops.Not(own(x.Graph(), 2*n))) // [2B]
	pair := ops.Mul(ops.Sum(ops.Mul(a, b), 1), ops.Scalar(x, 1/cfg.Temperature))
	both := ops.Add(ops.Narrow(others, 0, 0, n), ops.Narrow(others, 0, n, n))
	return ops.Sub(ops.Mul(both, ops.Scalar(x, 0.5)), pair)
}

// Target is Nothing.
func (NTXentConfig) Target() Target { return Nothing }

// Validate tells all that is wrong.
func (cfg NTXentConfig) Validate() error {
	return errors.Join(positive("temperature", cfg.Temperature), cfg.Reduction.validate())
}
