package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// SigLIPConfig describes a contrastive loss of pairs that judges each pair by itself.
type SigLIPConfig struct {
	Temperature float64   `json:"temperature" yaml:"temperature"` // what cosines are divided by, above 0
	Bias        float64   `json:"bias" yaml:"bias"`               // added to each scaled cosine
	Reduction   Reduction `json:"reduction" yaml:"reduction"`
}

// DefaultSigLIP takes the mean.
func DefaultSigLIP() SigLIPConfig { return SigLIPConfig{Temperature: 0.1, Bias: -10} }

// SigLIP is the mean sigmoid loss of pairs: DefaultSigLIP().Apply(x, y).
func SigLIP(x, y *ir.Value) *ir.Value { return DefaultSigLIP().Apply(x, y) }

// Apply gives, for each example with vectors x[i] and y[i],
//
//	loss[i] = -sum over j of log sigmoid(s[i,j] z[i,j])
//	z[i,j]  = cos(x[i], y[j]) / Temperature + Bias
//
// in nats, reduced, with s 1 where i = j and -1 elsewhere. Both are [B D]; without
// reduction the result is [B].
//
// Source: Zhai and others, "Sigmoid loss for language image pre-training" (2023),
// equation 1; SiglipModel of Hugging Face Transformers.
func (cfg SigLIPConfig) Apply(x, y *ir.Value) *ir.Value {
	return cfg.Reduction.apply("siglip", cfg.each(x, y))
}

// Terms takes both vectors from one output, stacked on axis 1: [B 2 D]. The
// target is not read. It is the sum over the examples, and their number.
func (cfg SigLIPConfig) Terms(output, _, weight *ir.Value) Terms {
	v := unstack("siglip", output, 2)
	return elementTerms("siglip", cfg.each(v[0], v[1]), weight)
}

func (cfg SigLIPConfig) each(x, y *ir.Value) *ir.Value {
	x, y = wide(x), wide(y)
	if !pairs("siglip", cfg, x, y) {
		return x
	}
	z := ops.Add(ops.Mul(products(unit(x), unit(y)), ops.Scalar(x, 1/cfg.Temperature)), ops.Scalar(x, cfg.Bias))
	z = ops.Select(own(x.Graph(), x.Dim(0)), z, ops.Neg(z))
	return ops.Neg(ops.Sum(ops.LogSigmoid(z), 1))
}

// Target is Nothing.
func (SigLIPConfig) Target() Target { return Nothing }

// Validate tells all that is wrong.
func (cfg SigLIPConfig) Validate() error {
	return errors.Join(positive("temperature", cfg.Temperature), finite("bias", cfg.Bias), cfg.Reduction.validate())
}
