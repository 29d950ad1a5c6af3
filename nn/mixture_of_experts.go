package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// An ExpertActivation is the function inside an expert.
type ExpertActivation string

// The activations.
const (
	SiLUExpert ExpertActivation = "silu"
	GELUExpert ExpertActivation = "gelu"
	ReLUExpert ExpertActivation = "relu"
)

// Values lists the activations.
func (ExpertActivation) Values() []string {
	return []string{string(SiLUExpert), string(GELUExpert), string(ReLUExpert)}
}

func (a ExpertActivation) apply(x *ir.Value) *ir.Value {
	switch a {
	case GELUExpert:
		return ops.GELU(x)
	case ReLUExpert:
		return ops.ReLU(x)
	}
	return ops.SiLU(x)
}

// MixtureOfExpertsConfig describes a [MixtureOfExperts].
type MixtureOfExpertsConfig struct {
	Width       int              `json:"width" yaml:"width"`     // of operand and result
	Hidden      int              `json:"hidden" yaml:"hidden"`   // inside an expert
	Experts     int              `json:"experts" yaml:"experts"` // that there are
	TopK        int              `json:"top_k" yaml:"top_k"`     // experts that a token goes through
	Gated       bool             `json:"gated" yaml:"gated"`     // experts are f(gate x) * up x, not f(up x)
	Activation  ExpertActivation `json:"activation" yaml:"activation"`
	Renormalize bool             `json:"renormalize" yaml:"renormalize"` // the probabilities of a token's experts are divided by their sum, which equals a softmax over these alone
	// CapacityFactor bounds the tokens of an expert to so many times those that
	// it would have if all had the same number; what is beyond goes through fewer
	// experts. Null drops none.
	CapacityFactor *float64 `json:"capacity_factor" yaml:"capacity_factor"`
	Jitter         float64  `json:"jitter" yaml:"jitter"`             // in training the router reads x times a number in 1-jitter..1+jitter
	BalanceLoss    float64  `json:"balance_loss" yaml:"balance_loss"` // factor of what is added to the loss where experts have unequal numbers of tokens
	ZLoss          float64  `json:"z_loss" yaml:"z_loss"`             // factor of what is added to the loss for large scores
}

// DefaultMixtureOfExperts has two gated experts a token, with SiLU, renormalised,
// drops no token, and adds 0.01 times the balance to the loss.
func DefaultMixtureOfExperts(width, hidden, experts int) MixtureOfExpertsConfig {
	return MixtureOfExpertsConfig{Width: width, Hidden: hidden, Experts: experts, TopK: 2, Gated: true, Activation: SiLUExpert, Renormalize: true, BalanceLoss: 0.01}
}

// Validate tells all that is wrong.
func (cfg MixtureOfExpertsConfig) Validate() error {
	errs := []error{positive("width", cfg.Width, "hidden", cfg.Hidden, "experts", cfg.Experts, "top_k", cfg.TopK)}
	if errs[0] == nil {
		if cfg.TopK > cfg.Experts {
			errs = append(errs, fmt.Errorf("top_k must be at most the number of experts, %d, got %d", cfg.Experts, cfg.TopK))
		}
		errs = append(errs, fits(cfg.Experts, 2, cfg.Hidden, cfg.Width))
	}
	if a := cfg.Activation; a != SiLUExpert && a != GELUExpert && a != ReLUExpert {
		errs = append(errs, fmt.Errorf("activation: there is no %q; there are silu, gelu and relu", string(a)))
	}
	if f := cfg.CapacityFactor; f != nil {
		errs = append(errs, above(0, "capacity_factor", *f))
	}
	if !(cfg.Jitter >= 0 && cfg.Jitter < 1) {
		errs = append(errs, fmt.Errorf("jitter must be in 0..1, below 1, got %v", cfg.Jitter))
	}
	return errors.Join(append(errs, factor("balance_loss", cfg.BalanceLoss), factor("z_loss", cfg.ZLoss))...)
}

// MixtureOfExperts sends each token through a few of many two-layer networks, which
// a router chooses: with scores l = x gateᵀ, p = softmax(l) and e the TopK experts
// of the largest p, of equal ones the first,
//
//	y = sum over e of w[e] expert_e(x),  w = p, or p / sum over e of p[e] if Renormalize
//	expert_e(x) = down_e (f(gate_e x) * up_e x),  or down_e f(up_e x) without Gated
//
// x [B T Width] or [N Width], y the same. Parameters: gate.weight [Experts Width];
// experts.gate_up_proj [Experts 2*Hidden Width], or experts.up_proj [Experts Hidden
// Width]; experts.down_proj [Experts Width Hidden]. The router computes in float32
// at least.
//
// A graph has fixed shapes, and the choice of experts is known only when it runs.
// Tokens are therefore moved into places: with a CapacityFactor C, each expert has
// ceil(C TopK N / Experts) of them for N tokens, which first choices take before
// second ones and tokens in their order; a token that finds none left is dropped by
// that expert. Without, each expert takes as many blocks of places as it needs, a
// quarter of the mean number of tokens of an expert long: at most so many places for
// each expert stay empty. Either way the arithmetic is that of about TopK experts a
// token, and not of all; without a capacity the weights of the blocks are copied,
// which is why blocks are no shorter than 64 places where experts have so many
// tokens.
//
// In training the layer adds to the loss, with f[e] the tokens of expert e divided
// by those that there are, before any is dropped,
//
//	BalanceLoss Experts sum over e of f[e] mean(p[e])  +  ZLoss mean(log(sum over e of e^l[e])^2)
//
// of which f has no gradient. A mask leaves tokens out of both.
//
// Source: Shazeer and others, "Outrageously large neural networks" (2017); Fedus,
// Zoph, Shazeer, "Switch Transformers" (2021) for capacity and balance; Zoph and
// others, "ST-MoE" (2022) for the loss of scores; keys and arithmetic as
// MixtralSparseMoeBlock of Hugging Face Transformers 5.24, whose balance is that of
// all layers together.
type MixtureOfExperts struct {
	Config  MixtureOfExpertsConfig `param:"-"`
	Gate    *Linear
	Experts *Experts
	err     error
}

// maxChoices is the largest number that float32 counts to.
const maxChoices = 1 << 24

// Experts are the weights of a [MixtureOfExperts].
type Experts struct {
	GateUpProj *Param // nil without a gate
	UpProj     *Param // nil with one
	DownProj   *Param
}

// Build makes the layer.
func (cfg MixtureOfExpertsConfig) Build() *MixtureOfExperts {
	l := &MixtureOfExperts{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	l.Gate = LinearConfig{In: cfg.Width, Out: cfg.Experts}.Build()
	l.Experts = &Experts{DownProj: newParam(byFanIn(cfg.Hidden), cfg.Experts, cfg.Width, cfg.Hidden)}
	if cfg.Gated {
		l.Experts.GateUpProj = newParam(byFanIn(cfg.Width), cfg.Experts, 2*cfg.Hidden, cfg.Width)
	} else {
		l.Experts.UpProj = newParam(byFanIn(cfg.Width), cfg.Experts, cfg.Hidden, cfg.Width)
	}
	return l
}

// Forward maps all tokens.
func (l *MixtureOfExperts) Forward(c *Ctx, x *ir.Value) *ir.Value { return l.Route(c, x, nil) }

// Route maps x [B T Width]. A mask, bool [B T], is true where a token counts in
// what is added to the loss; nil for all.
func (l *MixtureOfExperts) Route(c *Ctx, x, mask *ir.Value) *ir.Value {
	defer c.Enter(l)()
	cfg := l.Config
	if c.Graph().Err() != nil {
		return x
	}
	if l.err != nil {
		return refuse(c, "mixture_of_experts", l.err, x)
	}
	if r := x.Rank(); r != 2 && r != 3 || x.Dim(-1) != cfg.Width {
		return refuse(c, "mixture_of_experts", fmt.Errorf("wants x [B T %d] or [N %d]", cfg.Width, cfg.Width), x)
	}
	n := x.Shape().Size() / cfg.Width
	if mask != nil && (mask.DType() != dtype.Bool || mask.Shape().Size() != n) {
		return refuse(c, "mixture_of_experts", fmt.Errorf("wants a mask with a bool for each of %d tokens, got %v", n, mask.Type()), x)
	}
	if n == 0 {
		return x
	}
	if n > maxChoices/cfg.TopK {
		return refuse(c, "mixture_of_experts", fmt.Errorf("wants at most %d tokens, got %d", maxChoices/cfg.TopK, n), x)
	}
	rows := ops.Reshape(x, n, cfg.Width)
	scores := l.Gate.Forward(c, l.jittered(c, rows)) // [N E]
	if scores.DType().IsHalf() {
		scores = ops.Cast(scores, dtype.Float32)
	}
	p := ops.Softmax(scores, 1)
	w, e := ops.TopK(p, cfg.TopK, 1) // [N K]
	l.addLosses(c, scores, p, e, mask)
	if cfg.Renormalize {
		w = ops.Div(w, ops.Unsqueeze(ops.Sum(w, 1), 1))
	}
	// First choices come before second ones.
	w = ops.Cast(ops.Reshape(ops.Transpose(w, 1, 0), cfg.TopK*n), x.DType())
	e = ops.Reshape(ops.Transpose(e, 1, 0), cfg.TopK*n)
	y := l.through(c, rows, w, e)
	return ops.Reshape(y, x.Shape().Dims()...)
}

// jittered is what the router reads.
func (l *MixtureOfExperts) jittered(c *Ctx, x *ir.Value) *ir.Value {
	if !c.Training() || l.Config.Jitter == 0 {
		return x
	}
	key := c.Random()
	u := ops.Cast(ops.RandomBits(key.Seed, key.Step, key.Stream, x.Shape()), dtype.Float32) // below 2^32
	u = ops.Add(ops.Mul(u, ops.Scalar(u, math.Ldexp(2*l.Config.Jitter, -32))), ops.Scalar(u, 1-l.Config.Jitter))
	return ops.Mul(x, ops.Cast(u, x.DType()))
}

// addLosses adds to the loss of training.
func (l *MixtureOfExperts) addLosses(c *Ctx, scores, p, e, mask *ir.Value) {
	cfg := l.Config
	if !c.Training() {
		return
	}
	number := func(v float64) *ir.Value { return ops.Full(c.Graph(), p.DType(), shape.Shape{}, v) }
	n := number(float64(p.Dim(0)))
	counts := func(x *ir.Value) *ir.Value { return x }
	if mask != nil {
		some := ops.Cast(ops.Reshape(mask, p.Dim(0)), p.DType())
		n = ops.Maximum(ops.Sum(some), number(1))
		counts = func(x *ir.Value) *ir.Value {
			if x.Rank() == 2 {
				return ops.Mul(x, ops.Unsqueeze(some, 1))
			}
			return ops.Mul(x, some)
		}
	}
	if cfg.BalanceLoss != 0 {
		chosen := ops.Sum(ops.OneHot(e, cfg.Experts, p.DType()), 1) // [N E]
		f, mean := ops.Div(ops.Sum(counts(chosen), 0), n), ops.Div(ops.Sum(counts(p), 0), n)
		c.AddLoss(ops.Mul(ops.Sum(ops.Mul(ops.StopGradient(f), mean)), number(cfg.BalanceLoss*float64(cfg.Experts))))
	}
	if cfg.ZLoss != 0 {
		z := ops.Square(ops.LogSumExp(scores, 1))
		c.AddLoss(ops.Mul(ops.Div(ops.Sum(counts(z)), n), number(cfg.ZLoss)))
	}
}

// through sends x [N D] through the experts e [K*N] and adds up what they give with
// the weights w [K*N].
func (l *MixtureOfExperts) through(c *Ctx, x, w, e *ir.Value) *ir.Value {
	cfg, g := l.Config, c.Graph()
	n, m := x.Dim(0), e.Dim(0)
	whole := func(v int) *ir.Value { return ops.FullInt(g, dtype.Int64, shape.Shape{}, int64(v)) }
	count := func(v *ir.Value) *ir.Value { return ops.Cast(v, dtype.Float32) } // exact up to maxChoices
	chosen := ops.OneHot(e, cfg.Experts, dtype.Float32)
	upTo := ops.CumSum(chosen, 0) // [M E]: tokens of each expert up to this one
	rank := ops.Sub(ops.Cast(ops.Sum(ops.Mul(upTo, chosen), 1), dtype.Int64), whole(1))
	var blocks, size int
	var place, owner *ir.Value // of each choice, of each block; owner nil for one block an expert
	if f := cfg.CapacityFactor; f != nil {
		blocks, size = cfg.Experts, min(int(math.Ceil(*f*float64(m)/float64(cfg.Experts))), n)
		kept := ops.Lt(rank, whole(size))
		place = ops.Add(ops.Mul(e, whole(size)), rank)
		w = ops.Select(kept, w, ops.ZerosLike(w))
		// A token that is dropped has a place behind all others, where nothing is.
		place = ops.Select(kept, place, ops.Broadcast(whole(blocks*size), place.Shape()))
	} else {
		size = blockSize(m, cfg.Experts)
		blocks = (m + cfg.Experts*(size-1)) / size
		total := ops.Cast(ops.Reshape(ops.Narrow(upTo, 0, m-1, 1), cfg.Experts), dtype.Int64)
		full := ops.Mul(ops.Iota(g, dtype.Int64, shape.Of(1, (n+size-1)/size), 1), whole(size))
		needs := ops.Sum(count(ops.Gt(ops.Unsqueeze(total, 1), full)), 1) // [E]: blocks of each expert
		until := ops.CumSum(needs, 0)                                     // and of those before it
		ends := ops.Cast(until, dtype.Int64)
		first := ops.Take(ops.Cast(ops.Sub(until, needs), dtype.Int64), e, 0)
		place = ops.Add(ops.Mul(first, whole(size)), rank)
		block := ops.Iota(g, dtype.Int64, shape.Of(blocks, 1), 0)
		past := count(ops.Le(ops.Unsqueeze(ends, 0), block))
		owner = ops.Minimum(ops.Cast(ops.Sum(past, 1), dtype.Int64), whole(cfg.Experts-1))
	}
	// The token of each place, the first one where there is none: nobody reads what
	// becomes of it.
	tokens := ops.Iota(g, dtype.Int64, shape.Of(cfg.TopK, n), 1)
	token := ops.ScatterSet(ops.FullInt(g, dtype.Int64, shape.Of(blocks*size), 0), place, ops.Reshape(tokens, m), 0)
	in := ops.Reshape(ops.Take(x, token, 0), blocks, size, cfg.Width)
	out := ops.Reshape(l.Experts.apply(c, cfg, in, owner), blocks*size, cfg.Width)
	back := ops.Take(out, ops.Minimum(place, whole(blocks*size-1)), 0) // [K*N D]
	y := ops.Mul(back, ops.Unsqueeze(w, 1))
	return ops.Sum(ops.Reshape(y, cfg.TopK, n, cfg.Width), 0)
}

// blockSize is the number of places of a block for m choices among experts: the
// shorter blocks are the fewer places stay empty, and the more weights are copied.
// The numbers are those of BenchmarkMixtureOfExperts in train.
func blockSize(m, experts int) int {
	mean := func(parts int) int { return (m + parts*experts - 1) / (parts * experts) }
	return min(mean(1), max(mean(4), 64))
}

// apply runs a block of tokens [P S D] each through the expert that owns it.
func (l *Experts) apply(c *Ctx, cfg MixtureOfExpertsConfig, x, owner *ir.Value) *ir.Value {
	defer c.Enter(l)()
	product := func(x *ir.Value, p *Param) *ir.Value {
		w := c.Param(p)
		if owner != nil {
			w = ops.Take(w, owner, 0)
		}
		return ops.DotGeneral(x, w, ops.DotSpec{XBatch: []int{0}, YBatch: []int{0}, XContract: []int{2}, YContract: []int{2}})
	}
	if !cfg.Gated {
		return product(cfg.Activation.apply(product(x, l.UpProj)), l.DownProj)
	}
	both := product(x, l.GateUpProj)
	gate, up := ops.Narrow(both, 2, 0, cfg.Hidden), ops.Narrow(both, 2, cfg.Hidden, cfg.Hidden)
	return product(ops.Mul(cfg.Activation.apply(gate), up), l.DownProj)
}
