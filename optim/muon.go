package optim

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// Muon takes steps in which all directions of a matrix count alike: it makes the
// momentum nearly orthogonal. For a matrix p [A B] with gradient g:
//
//	buf = Momentum*buf + (1-Momentum)*g
//	u   = (1-Momentum)*g + Momentum*buf with Nesterov, buf without
//	p   = p * (1 - lr*WeightDecay)
//	p   = p - lr*ratio*orthogonal(u)
//
// The ratio is that of [LRRatio]. The orthogonal matrix nearest to u is
// approached in NSSteps steps of a polynomial (a, b, c) = NSCoefficients, from x
// = u/max(norm(u), Eps), with the shorter axis first:
//
//	x = a*x + (b*x*x' + c*x*x'*x*x')*x
//
// Parameters that are no matrices, and those that Rest names, are updated by
// [AdamW] with the settings that begin with AdamW, and a rate of AdamWLRRatio
// times lr.
//
// PyTorch's default of AdjustLR is "original"; here it is "match_rms_adamw",
// with which one rate suits both parts.
//
// Source: Jordan and others, "Muon: an optimizer for hidden layers in neural
// networks" (2024); torch.optim.Muon, which takes matrices alone and computes
// orthogonal in bfloat16, where this is float32. keras.optimizers.Muon is this
// with "match_rms_adamw", whose buffer is larger by a factor that orthogonal
// takes away.
type Muon struct {
	Common
	Momentum       float64    `json:"momentum" yaml:"momentum"`
	Nesterov       bool       `json:"nesterov" yaml:"nesterov"`
	WeightDecay    float64    `json:"weight_decay" yaml:"weight_decay"` // per unit of learning rate
	NSCoefficients [3]float64 `json:"ns_coefficients" yaml:"ns_coefficients"`
	NSSteps        int        `json:"ns_steps" yaml:"ns_steps"`
	Eps            float64    `json:"eps" yaml:"eps"` // least norm that is divided by
	AdjustLR       LRRatio    `json:"adjust_lr" yaml:"adjust_lr"`
	// globs of the keys of matrices that AdamW updates
	Rest             []string `json:"rest" yaml:"rest"`
	AdamWLRRatio     float64  `json:"adamw_lr_ratio" yaml:"adamw_lr_ratio"`
	AdamWBeta1       float64  `json:"adamw_beta1" yaml:"adamw_beta1"`
	AdamWBeta2       float64  `json:"adamw_beta2" yaml:"adamw_beta2"`
	AdamWEps         float64  `json:"adamw_eps" yaml:"adamw_eps"`
	AdamWWeightDecay float64  `json:"adamw_weight_decay" yaml:"adamw_weight_decay"`
}

// DefaultMuon has rate 0.001, decay 0.1, momentum 0.95 of Nesterov's kind and
// five steps of the polynomial; AdamW as it is by default, for what has the
// usual names of embeddings and heads too.
func DefaultMuon() Muon {
	return Muon{Common: common(1e-3), Momentum: 0.95, Nesterov: true, WeightDecay: 0.1,
		NSCoefficients: [3]float64{3.4445, -4.7750, 2.0315}, NSSteps: 5, Eps: 1e-7, AdjustLR: "match_rms_adamw",
		Rest:         []string{"*emb*", "*wte*", "*wpe*", "*head*", "*classifier*", "fc.*", "*.fc.*"},
		AdamWLRRatio: 1, AdamWBeta1: 0.9, AdamWBeta2: 0.999, AdamWEps: 1e-8, AdamWWeightDecay: 1e-2}
}

// An LRRatio is the factor of the rate for a matrix [A B].
type LRRatio string

// Values lists the ratios: sqrt(max(1, A/B)), 0.2*sqrt(max(A, B)), with which a
// step is about as large as one of AdamW, and sqrt(A/B).
func (LRRatio) Values() []string {
	return []string{"original", "match_rms_adamw", "spectral_unclamped"}
}

func (r LRRatio) of(a, b float64) float64 {
	switch r {
	case "original":
		return math.Sqrt(max(1, a/b))
	case "match_rms_adamw":
		return 0.2 * math.Sqrt(max(a, b))
	}
	return math.Sqrt(a / b)
}

// Build makes an optimizer of one group.
func (cfg Muon) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg Muon) Validate() error {
	c := cfg.check()
	c.atLeast0("momentum", cfg.Momentum)
	c.that(!cfg.Nesterov || cfg.Momentum != 0, "nesterov needs a momentum above 0")
	c.atLeast0("weight_decay", cfg.WeightDecay)
	for i, v := range cfg.NSCoefficients {
		c.that(v-v == 0, "ns_coefficients.%d must be a finite number, got %v", i, v)
	}
	c.that(cfg.NSSteps >= 0 && cfg.NSSteps < 100, "ns_steps must be at least 0 and below 100, got %d", cfg.NSSteps)
	c.atLeast0("eps", cfg.Eps)
	c.that(slices.Contains(cfg.AdjustLR.Values(), string(cfg.AdjustLR)), "adjust_lr must be one of %v, got %q", cfg.AdjustLR.Values(), string(cfg.AdjustLR))
	c.atLeast0("adamw_lr_ratio", cfg.AdamWLRRatio)
	c.below1("adamw_beta1", cfg.AdamWBeta1)
	c.below1("adamw_beta2", cfg.AdamWBeta2)
	c.atLeast0("adamw_eps", cfg.AdamWEps)
	c.atLeast0("adamw_weight_decay", cfg.AdamWWeightDecay)
	return c.err()
}

// Choose is AdamW for what is no matrix, and for what Rest names. A pattern may
// fit nothing.
func (cfg Muon) Choose(key string, p ir.Type) Config {
	named := slices.ContainsFunc(cfg.Rest, func(pattern string) bool { return module.Match(pattern, key) })
	if p.Shape.Rank() != 2 || named {
		return cfg.adamW()
	}
	return cfg.matrix()
}

func (cfg Muon) adamW() scaled {
	return scaled{AdamW{Common: cfg.Common, Beta1: cfg.AdamWBeta1, Beta2: cfg.AdamWBeta2, Eps: cfg.AdamWEps, WeightDecay: cfg.AdamWWeightDecay}, cfg.AdamWLRRatio}
}

func (cfg Muon) matrix() muonMatrix {
	return muonMatrix{cfg.Common, cfg.Momentum, cfg.Nesterov, cfg.WeightDecay, cfg.NSCoefficients, cfg.NSSteps, cfg.Eps, cfg.AdjustLR}
}

// Slots is momentum_buffer for a matrix; others have those of AdamW.
func (cfg Muon) Slots(p ir.Type) []Slot { return cfg.Choose("", p).Slots(p) }

// Start is that of matrices.
func (cfg Muon) Start(s *Step) Update { return cfg.matrix().Start(s) }

// scaled is AdamW at a multiple of the rate.
type scaled struct {
	AdamW
	ratio float64
}

// Start is that of AdamW.
func (r scaled) Start(s *Step) Update {
	slower := *s
	slower.LR = scale(s.LR, r.ratio)
	return r.AdamW.Start(&slower)
}

// muonMatrix is what Muon does to a matrix; the fields are its.
type muonMatrix struct {
	Common
	momentum     float64
	nesterov     bool
	decay        float64
	coefficients [3]float64
	steps        int
	eps          float64
	ratio        LRRatio
}

func (r muonMatrix) Build(params []module.Named) (Optimizer, error) { return build(r, params) }

// Validate has nothing to say: Muon's has said it.
func (muonMatrix) Validate() error { return nil }

// Slots is momentum_buffer.
func (muonMatrix) Slots(ir.Type) []Slot { return []Slot{{Name: "momentum_buffer"}} }

// Start wants matrices.
func (r muonMatrix) Start(s *Step) Update {
	decayed := s.decayed(r.decay, true)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		if p.Rank() != 2 {
			p.Graph().Fail("muon", fmt.Sprintf("wants a matrix, got %v", p.Type()), nil)
			return p, state
		}
		p, g = decayed(p, g)
		buf := towards(state[0], g, 1-r.momentum)
		u := buf
		if r.nesterov {
			u = towards(g, buf, r.momentum)
		}
		rate := scale(s.LR, r.ratio.of(float64(p.Dim(0)), float64(p.Dim(1))))
		return ops.Sub(p, ops.Mul(rate, r.orthogonal(u))), []*ir.Value{buf}
	}
}

// orthogonal moves the singular values of u to about 1.
func (r muonMatrix) orthogonal(u *ir.Value) *ir.Value {
	tall := u.Dim(0) > u.Dim(1)
	if tall {
		u = ops.Transpose(u, 1, 0)
	}
	norm := ops.Sqrt(ops.SumSquares(u))
	x := ops.Div(u, ops.Maximum(norm, ops.Scalar(norm, r.eps)))
	for range r.steps {
		gram := ops.MatMul(x, ops.Transpose(x, 1, 0))
		poly := ops.Add(scale(gram, r.coefficients[1]), scale(ops.MatMul(gram, gram), r.coefficients[2]))
		x = ops.Add(scale(x, r.coefficients[0]), ops.MatMul(poly, x))
	}
	if tall {
		x = ops.Transpose(x, 1, 0)
	}
	return x
}
