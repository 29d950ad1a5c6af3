package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// RoPEConfig describes a [RoPE].
type RoPEConfig struct {
	Base        float64     `json:"base" yaml:"base"`               // of the frequencies; Llama 3 has 500000, others 10000
	Dims        *int        `json:"dims" yaml:"dims"`               // numbers of a head that are turned; null turns all
	Interleaved bool        `json:"interleaved" yaml:"interleaved"` // pairs are neighbours, as in GPT-J, not halves, as in Llama
	Scaling     RoPEScaling `json:"scaling" yaml:"scaling"`         // for sequences longer than those of training; null for none
}

// DefaultRoPE turns all numbers, in halves, with base 10000.
func DefaultRoPE() RoPEConfig { return RoPEConfig{Base: 10000} }

// Validate tells all that is wrong.
func (cfg RoPEConfig) Validate() error {
	errs := []error{above(1, "base", cfg.Base)}
	if d := cfg.Dims; d != nil && (*d < 0 || *d%2 != 0) {
		errs = append(errs, fmt.Errorf("dims must be even and not negative, got %d", *d))
	}
	if cfg.Scaling != nil {
		errs = append(errs, cfg.Scaling.Validate())
	}
	return errors.Join(errs...)
}

// Build makes the layer.
func (cfg RoPEConfig) Build() *RoPE { return &RoPE{cfg} }

// RoPE turns pairs of numbers of each head by an angle that grows with the place:
// the product of a query and a key that are turned depends on how far they are
// from each other. x [B T H K], y the same; for the formula see [ops.RoPEOp].
// Queries and keys are turned, values are not.
//
// Source: Su and others, "RoFormer" (2021); scalings as in modeling_rope_utils of
// Hugging Face Transformers 5.24.
type RoPE struct {
	Config RoPEConfig `param:"-"`
}

// Forward turns x [B T H K], or [B T K] of one head, whose places are 0, 1, 2, ...
func (l *RoPE) Forward(c *Ctx, x *ir.Value) *ir.Value {
	if x.Rank() == 3 && c.Graph().Err() == nil {
		b, t, k := x.Dim(0), x.Dim(1), x.Dim(2)
		return ops.Reshape(l.Rotate(c, ops.Unsqueeze(x, 2), nil, t), b, t, k)
	}
	return l.Rotate(c, x, nil, x.Dim(1))
}

// Rotate turns x [B T H K] by its places: integers [T] or [B T], nil for 0, 1, 2,
// ... Length is that of the whole sequence, on which [DynamicRoPE] and [LongRoPE]
// depend; it is T unless x is a part of one.
func (l *RoPE) Rotate(c *Ctx, x, positions *ir.Value, length int) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return x
	}
	f, scale, err := l.Config.frequencies(x, length)
	if err != nil {
		return refuse(c, "rope", err, x)
	}
	return ops.RoPE(x, ops.RoPEOptions{Frequencies: f, Scale: &scale, Interleaved: l.Config.Interleaved, Positions: positions})
}

func (cfg RoPEConfig) frequencies(x *ir.Value, length int) ([]float64, float64, error) {
	if err := cfg.Validate(); err != nil {
		return nil, 0, err
	}
	if x.Rank() != 4 {
		return nil, 0, errors.New("wants an operand [B T H K]")
	}
	dims := x.Dim(3)
	if cfg.Dims != nil {
		dims = *cfg.Dims
	}
	if dims%2 != 0 || dims > x.Dim(3) {
		return nil, 0, fmt.Errorf("can't turn pairs of %d out of %d numbers of a head", dims, x.Dim(3))
	}
	if cfg.Scaling == nil {
		return ops.RoPEFrequencies(cfg.Base, dims), 1, nil
	}
	return cfg.Scaling.Frequencies(cfg.Base, dims, length)
}

// RoPEScaling changes the frequencies of a [RoPE], so that sequences can be read
// that are longer than those of training.
type RoPEScaling interface {
	// Frequencies are radians a place for each of dims/2 pairs of a sequence of
	// a length, and the factor of what is turned.
	Frequencies(base float64, dims, length int) (f []float64, scale float64, err error)
	// Validate tells all that is wrong.
	Validate() error
}

// above wants a finite number larger than another.
func above(least float64, name string, v float64) error {
	if !(v > least) || math.IsInf(v, 1) {
		return fmt.Errorf("%s must be a finite number above %g, got %v", name, least, v)
	}
	return nil
}

// LinearRoPE divides all frequencies by Factor: position interpolation.
//
// Source: Chen and others, "Extending context window of large language models via
// position interpolation" (2023); rope_type linear.
type LinearRoPE struct {
	Factor float64 `json:"factor" yaml:"factor"`
}

// Validate tells all that is wrong.
func (s LinearRoPE) Validate() error { return above(0, "factor", s.Factor) }

// Frequencies divides.
func (s LinearRoPE) Frequencies(base float64, dims, _ int) ([]float64, float64, error) {
	f := ops.RoPEFrequencies(base, dims)
	for i := range f {
		f[i] /= s.Factor
	}
	return f, 1, nil
}

// DynamicRoPE raises the base for sequences that are longer than those of
// training: with n the larger of length and MaxPositionEmbeddings, in units of the
// latter,
//
//	base = base (Factor n - (Factor - 1))^(dims/(dims-2))
//
// Source: "NTK-aware scaled RoPE", with the length of the sequence in the place of
// a constant (bloc97, emozilla, 2023); rope_type dynamic.
type DynamicRoPE struct {
	Factor                float64 `json:"factor" yaml:"factor"`
	MaxPositionEmbeddings int     `json:"max_position_embeddings" yaml:"max_position_embeddings"` // places of training
}

// Validate tells all that is wrong.
func (s DynamicRoPE) Validate() error {
	return errors.Join(above(0, "factor", s.Factor), positive("max_position_embeddings", s.MaxPositionEmbeddings))
}

// Frequencies are those of the higher base.
func (s DynamicRoPE) Frequencies(base float64, dims, length int) ([]float64, float64, error) {
	if dims <= 2 {
		return nil, 0, fmt.Errorf("dynamic scaling wants more than one pair, got %d numbers", dims)
	}
	n := float64(max(length, s.MaxPositionEmbeddings)) / float64(s.MaxPositionEmbeddings)
	base *= math.Pow(s.Factor*n-(s.Factor-1), float64(dims)/float64(dims-2))
	return ops.RoPEFrequencies(base, dims), 1, nil
}

// YaRNRoPE divides slow frequencies by Factor, leaves fast ones, and goes over
// from one to the other in between: pair i has the share
//
//	r = (i - low) / (high - low), limited to 0..1,  f = f (1-r) + f/Factor r
//
// where low and high are the pairs of BetaFast and BetaSlow waves in
// OriginalMaxPositionEmbeddings places, rounded outwards if Truncate. What is
// turned is multiplied by AttentionFactor, or if that is null by
// 0.1 log(Factor) + 1, or with MScale and MScaleAllDim by
// (0.1 MScale log(Factor) + 1) / (0.1 MScaleAllDim log(Factor) + 1).
//
// Source: Peng and others, "YaRN: efficient context window extension of large
// language models" (2023); rope_type yarn.
type YaRNRoPE struct {
	Factor                        float64  `json:"factor" yaml:"factor"`
	OriginalMaxPositionEmbeddings int      `json:"original_max_position_embeddings" yaml:"original_max_position_embeddings"` // places of training
	BetaFast                      float64  `json:"beta_fast" yaml:"beta_fast"`                                               // waves in these from which a pair stays
	BetaSlow                      float64  `json:"beta_slow" yaml:"beta_slow"`                                               // waves in these up to which a pair is divided
	AttentionFactor               *float64 `json:"attention_factor" yaml:"attention_factor"`                                 // null computes it
	MScale                        float64  `json:"mscale" yaml:"mscale"`                                                     // of DeepSeek; 0 for none
	MScaleAllDim                  float64  `json:"mscale_all_dim" yaml:"mscale_all_dim"`                                     // of DeepSeek; 0 for none
	Truncate                      bool     `json:"truncate" yaml:"truncate"`                                                 // whole pairs are the bounds
}

// DefaultYaRNRoPE has the betas of the paper, 32 and 1; Factor and
// OriginalMaxPositionEmbeddings must be set.
func DefaultYaRNRoPE() YaRNRoPE { return YaRNRoPE{BetaFast: 32, BetaSlow: 1, Truncate: true} }

// Validate tells all that is wrong.
func (s YaRNRoPE) Validate() error {
	errs := []error{
		above(0, "factor", s.Factor), positive("original_max_position_embeddings", s.OriginalMaxPositionEmbeddings),
		above(0, "beta_slow", s.BetaSlow), factor("mscale", s.MScale), factor("mscale_all_dim", s.MScaleAllDim),
	}
	if !(s.BetaFast >= s.BetaSlow) || math.IsInf(s.BetaFast, 1) {
		errs = append(errs, fmt.Errorf("beta_fast must be finite and at least beta_slow, got %v and %v", s.BetaFast, s.BetaSlow))
	}
	if a := s.AttentionFactor; a != nil {
		errs = append(errs, above(0, "attention_factor", *a))
	}
	return errors.Join(errs...)
}

// Frequencies mixes.
func (s YaRNRoPE) Frequencies(base float64, dims, _ int) ([]float64, float64, error) {
	pair := func(waves float64) float64 {
		return float64(dims) * math.Log(float64(s.OriginalMaxPositionEmbeddings)/(waves*2*math.Pi)) / (2 * math.Log(base))
	}
	low, high := pair(s.BetaFast), pair(s.BetaSlow)
	if s.Truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(dims-1))
	if low == high {
		high += 0.001
	}
	f := ops.RoPEFrequencies(base, dims)
	for i := range f {
		r := min(max((float64(i)-low)/(high-low), 0), 1)
		f[i] = f[i]*(1-r) + f[i]/s.Factor*r
	}
	return f, s.scale(), nil
}

func (s YaRNRoPE) scale() float64 {
	part := func(m float64) float64 {
		if s.Factor <= 1 {
			return 1
		}
		return 0.1*m*math.Log(s.Factor) + 1
	}
	switch {
	case s.AttentionFactor != nil:
		return *s.AttentionFactor
	case s.MScale != 0 && s.MScaleAllDim != 0:
		return part(s.MScale) / part(s.MScaleAllDim)
	}
	return part(1)
}

// LongRoPE divides the frequency of each pair by a factor of its own, which was
// searched for: ShortFactor up to OriginalMaxPositionEmbeddings places, LongFactor
// for longer sequences. What is turned is multiplied by AttentionFactor, or if
// that is null by sqrt(1 + log(Factor)/log(OriginalMaxPositionEmbeddings)), 1 for
// a Factor up to 1.
//
// Source: Ding and others, "LongRoPE: extending LLM context window beyond 2
// million tokens" (2024); rope_type longrope.
type LongRoPE struct {
	Factor                        float64   `json:"factor" yaml:"factor"`                                                     // longest sequence, in places of training
	OriginalMaxPositionEmbeddings int       `json:"original_max_position_embeddings" yaml:"original_max_position_embeddings"` // places of training
	ShortFactor                   []float64 `json:"short_factor" yaml:"short_factor"`                                         // one for each pair
	LongFactor                    []float64 `json:"long_factor" yaml:"long_factor"`                                           // one for each pair
	AttentionFactor               *float64  `json:"attention_factor" yaml:"attention_factor"`                                 // null computes it
}

// Validate tells all that is wrong.
func (s LongRoPE) Validate() error {
	errs := []error{above(0, "factor", s.Factor)}
	if s.OriginalMaxPositionEmbeddings < 2 {
		errs = append(errs, fmt.Errorf("original_max_position_embeddings must be at least 2, got %d", s.OriginalMaxPositionEmbeddings))
	}
	for i := range s.ShortFactor {
		errs = append(errs, above(0, fmt.Sprintf("short_factor.%d", i), s.ShortFactor[i]))
	}
	for i := range s.LongFactor {
		errs = append(errs, above(0, fmt.Sprintf("long_factor.%d", i), s.LongFactor[i]))
	}
	if a := s.AttentionFactor; a != nil {
		errs = append(errs, above(0, "attention_factor", *a))
	}
	return errors.Join(errs...)
}

// Frequencies divides.
func (s LongRoPE) Frequencies(base float64, dims, length int) ([]float64, float64, error) {
	name, by := "short_factor", s.ShortFactor
	if length > s.OriginalMaxPositionEmbeddings {
		name, by = "long_factor", s.LongFactor
	}
	f := ops.RoPEFrequencies(base, dims)
	if len(by) != len(f) {
		return nil, 0, fmt.Errorf("%s must have a number for each of %d pairs, got %d", name, len(f), len(by))
	}
	for i := range f {
		f[i] /= by[i]
	}
	scale := 1.0
	switch {
	case s.AttentionFactor != nil:
		scale = *s.AttentionFactor
	case s.Factor > 1:
		scale = math.Sqrt(1 + math.Log(s.Factor)/math.Log(float64(s.OriginalMaxPositionEmbeddings)))
	}
	return f, scale, nil
}

// Llama3RoPE divides the frequencies of waves longer than
// OriginalMaxPositionEmbeddings/LowFreqFactor by Factor, leaves those of waves
// shorter than OriginalMaxPositionEmbeddings/HighFreqFactor, and goes over from
// one to the other in between: with w waves in OriginalMaxPositionEmbeddings,
//
//	r = (w - LowFreqFactor) / (HighFreqFactor - LowFreqFactor), limited to 0..1
//	f = r f + (1-r) f/Factor
//
// Source: Llama 3.1 (2024); rope_type llama3.
type Llama3RoPE struct {
	Factor                        float64 `json:"factor" yaml:"factor"`
	LowFreqFactor                 float64 `json:"low_freq_factor" yaml:"low_freq_factor"`
	HighFreqFactor                float64 `json:"high_freq_factor" yaml:"high_freq_factor"`
	OriginalMaxPositionEmbeddings int     `json:"original_max_position_embeddings" yaml:"original_max_position_embeddings"` // places of training
}

// DefaultLlama3RoPE is that of Llama 3.1.
func DefaultLlama3RoPE() Llama3RoPE {
	return Llama3RoPE{Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxPositionEmbeddings: 8192}
}

// Validate tells all that is wrong.
func (s Llama3RoPE) Validate() error {
	errs := []error{above(0, "factor", s.Factor), positive("original_max_position_embeddings", s.OriginalMaxPositionEmbeddings), above(0, "low_freq_factor", s.LowFreqFactor)}
	if !(s.HighFreqFactor > s.LowFreqFactor) || math.IsInf(s.HighFreqFactor, 1) {
		errs = append(errs, fmt.Errorf("high_freq_factor must be finite and above low_freq_factor, got %v and %v", s.HighFreqFactor, s.LowFreqFactor))
	}
	return errors.Join(errs...)
}

// Frequencies mixes.
func (s Llama3RoPE) Frequencies(base float64, dims, _ int) ([]float64, float64, error) {
	f := ops.RoPEFrequencies(base, dims)
	for i := range f {
		waves := float64(s.OriginalMaxPositionEmbeddings) * f[i] / (2 * math.Pi)
		r := min(max((waves-s.LowFreqFactor)/(s.HighFreqFactor-s.LowFreqFactor), 0), 1)
		f[i] = r*f[i] + (1-r)*f[i]/s.Factor
	}
	return f, 1, nil
}

// ProportionalRoPE turns only the Partial fastest pairs, with the frequencies that
// they have among all, and divides these by Factor.
//
// Source: Gemma 4 (2026); rope_type proportional.
type ProportionalRoPE struct {
	Factor  float64 `json:"factor" yaml:"factor"`
	Partial float64 `json:"partial_rotary_factor" yaml:"partial_rotary_factor"` // share of the numbers, in 0..1
}

// Validate tells all that is wrong.
func (s ProportionalRoPE) Validate() error {
	err := above(0, "factor", s.Factor)
	if !(s.Partial >= 0 && s.Partial <= 1) {
		err = errors.Join(err, fmt.Errorf("partial_rotary_factor must be in 0..1, got %v", s.Partial))
	}
	return err
}

// Frequencies are 0 for pairs that stay.
func (s ProportionalRoPE) Frequencies(base float64, dims, _ int) ([]float64, float64, error) {
	f := ops.RoPEFrequencies(base, dims)
	turned := int(s.Partial * float64(dims) / 2)
	for i := range f {
		if f[i] /= s.Factor; i >= turned {
			f[i] = 0
		}
	}
	return f, 1, nil
}
