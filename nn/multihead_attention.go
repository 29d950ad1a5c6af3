package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// MultiheadAttentionConfig describes a [MultiheadAttention].
type MultiheadAttentionConfig struct {
	Width      int     `json:"width" yaml:"width"` // of queries and of the result
	Heads      int     `json:"heads" yaml:"heads"`
	KeyWidth   int     `json:"key_width" yaml:"key_width"`     // of what keys are made of
	ValueWidth int     `json:"value_width" yaml:"value_width"` // of what values are made of
	Bias       bool    `json:"bias" yaml:"bias"`               // of all projections
	AddBiasKV  bool    `json:"add_bias_kv" yaml:"add_bias_kv"` // one more key and value, which are trained
	Dropout    float64 `json:"dropout" yaml:"dropout"`         // of the weights, in training mode
}

// DefaultMultiheadAttention has biases, no dropout, and keys and values of the
// width of queries.
func DefaultMultiheadAttention(width, heads int) MultiheadAttentionConfig {
	return MultiheadAttentionConfig{Width: width, Heads: heads, KeyWidth: width, ValueWidth: width, Bias: true}
}

// Validate tells all that is wrong.
func (cfg MultiheadAttentionConfig) Validate() error {
	errs := []error{positive("width", cfg.Width, "heads", cfg.Heads, "key width", cfg.KeyWidth, "value width", cfg.ValueWidth)}
	if errs[0] == nil {
		if cfg.Width%cfg.Heads != 0 {
			errs = append(errs, fmt.Errorf("width %d can't be split among %d heads", cfg.Width, cfg.Heads))
		}
		errs = append(errs, fits(3, cfg.Width, max(cfg.Width, cfg.KeyWidth, cfg.ValueWidth)))
	}
	if !(cfg.Dropout >= 0 && cfg.Dropout <= 1) {
		errs = append(errs, fmt.Errorf("probability %v is outside 0..1", cfg.Dropout))
	}
	return errors.Join(errs...)
}

// MultiheadAttention lets each head compare projected queries with projected
// keys and add up projected values, and projects what the heads give, side by
// side. With h one of Heads, of width K = Width/Heads,
//
//	head h = softmax(q_h k_hᵀ / sqrt(K) + mask) v_h
//	y      = [head 0, head 1, ...] out_proj.weightᵀ + out_proj.bias
//
// Queries [B T Width], keys [B S KeyWidth], values [B S ValueWidth], result
// [B T Width]. Parameters: in_proj_weight [3*Width Width], or q_proj_weight,
// k_proj_weight and v_proj_weight where the widths differ; in_proj_bias
// [3*Width]; bias_k and bias_v [1 1 Width]; out_proj.
//
// A query that may see no key gives the bias of out_proj, and no gradient.
//
// Source: Vaswani and others, "Attention is all you need" (2017), section 3.2;
// torch.nn.MultiheadAttention with batch_first, which gives NaN for a query
// without keys.
type MultiheadAttention struct {
	Config       MultiheadAttentionConfig `param:"-"`
	QProjWeight  *Param                   // nil where the widths are equal
	KProjWeight  *Param
	VProjWeight  *Param
	InProjWeight *Param // nil where the widths differ
	InProjBias   *Param
	BiasK, BiasV *Param
	OutProj      *Linear
	err          error
}

// Build makes the layer.
func (cfg MultiheadAttentionConfig) Build() *MultiheadAttention {
	l := &MultiheadAttention{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	d := cfg.Width
	if cfg.KeyWidth == d && cfg.ValueWidth == d {
		l.InProjWeight = newParam(XavierUniform(1), 3*d, d)
	} else {
		l.QProjWeight = newParam(XavierUniform(1), d, d)
		l.KProjWeight = newParam(XavierUniform(1), d, cfg.KeyWidth)
		l.VProjWeight = newParam(XavierUniform(1), d, cfg.ValueWidth)
	}
	l.OutProj = LinearConfig{In: d, Out: d, Bias: cfg.Bias}.Build()
	if cfg.Bias {
		l.InProjBias = newParam(Zeros(), 3*d)
		l.OutProj.Bias.Init = Zeros()
	}
	if cfg.AddBiasKV {
		l.BiasK, l.BiasV = newParam(XavierNormal(1), 1, 1, d), newParam(XavierNormal(1), 1, 1, d)
	}
	return l
}

// NewMultiheadAttention is DefaultMultiheadAttention(width, heads).Build().
func NewMultiheadAttention(width, heads int) *MultiheadAttention {
	return DefaultMultiheadAttention(width, heads).Build()
}

// AttentionMask says what queries may see. Values that are nil hide nothing.
type AttentionMask struct {
	Causal bool // a query sees the keys up to its own place
	// Mask is bool, true where a key is hidden, or a number to be added:
	// [T S], or [B*Heads T S].
	Mask *ir.Value
	// KeyPadding is bool, true where a key is hidden, or a number to be added:
	// [B S].
	KeyPadding *ir.Value
}

// Forward is attention of x to itself.
func (l *MultiheadAttention) Forward(c *Ctx, x *ir.Value) *ir.Value {
	return l.Attend(c, x, x, x, AttentionMask{})
}

// Attend is attention of queries q to keys k and values v.
func (l *MultiheadAttention) Attend(c *Ctx, q, k, v *ir.Value, mask AttentionMask) *ir.Value {
	defer c.Enter(l)()
	if c.Graph().Err() != nil {
		return q
	}
	if err := l.check(q, k, v); err != nil {
		c.Graph().Fail("multihead_attention", err.Error(), []*ir.Value{q, k, v})
		return q
	}
	b, t, s := q.Dim(0), q.Dim(1), k.Dim(1)
	o := ops.AttentionOptions{Causal: mask.Causal}
	if l.BiasK != nil {
		s++
		if mask.Causal { // the additional key is visible to all
			o.Causal = false
			places := shape.Of(t, s)
			key, query := ops.Iota(c.Graph(), dtype.Int64, places, 1), ops.Iota(c.Graph(), dtype.Int64, places, 0)
			last := ops.FullInt(c.Graph(), dtype.Int64, shape.Shape{}, int64(s-1))
			show(&o, ops.Or(ops.Le(key, query), ops.Eq(key, last)))
		}
	}
	if err := l.hide(c, &o, mask, b, t, s); err != nil {
		return refuse(c, "multihead_attention", err, q)
	}
	if c.Training() && l.Config.Dropout != 0 {
		key := c.Random()
		o.Dropout = &ops.AttentionDropout{P: l.Config.Dropout, Seed: key.Seed, Step: key.Step, Stream: key.Stream}
	}
	y := l.heads(c, q, k, v, o) // [B T H K]
	return l.OutProj.Forward(c, ops.Reshape(y, b, t, l.Config.Width))
}

func (l *MultiheadAttention) check(q, k, v *ir.Value) error {
	if l.err != nil {
		return l.err
	}
	if q.Rank() != 3 || k.Rank() != 3 || v.Rank() != 3 ||
		q.Dim(2) != l.Config.Width || k.Dim(2) != l.Config.KeyWidth || v.Dim(2) != l.Config.ValueWidth ||
		k.Dim(0) != q.Dim(0) || v.Dim(0) != q.Dim(0) || v.Dim(1) != k.Dim(1) {
		return fmt.Errorf("wants queries [B T %d], keys [B S %d] and values [B S %d]", l.Config.Width, l.Config.KeyWidth, l.Config.ValueWidth)
	}
	return nil
}

// heads projects and attends.
func (l *MultiheadAttention) heads(c *Ctx, q, k, v *ir.Value, o ops.AttentionOptions) *ir.Value {
	d, h := l.Config.Width, l.Config.Heads
	split := func(x *ir.Value, heads int) *ir.Value {
		return ops.Reshape(x, x.Dim(0), x.Dim(1), heads, d/l.Config.Heads)
	}
	if q == k && k == v && l.InProjWeight != nil && l.BiasK == nil {
		qkv := ops.Linear(q, c.Param(l.InProjWeight), optional(c, l.InProjBias))
		return ops.AttentionPacked(split(qkv, 3*h), h, o)
	}
	project := func(x *ir.Value, i int, own *Param) *ir.Value {
		var w, b *ir.Value
		if own != nil {
			w = c.Param(own)
		} else {
			w = ops.Narrow(c.Param(l.InProjWeight), 0, i*d, d)
		}
		if l.InProjBias != nil {
			b = ops.Narrow(c.Param(l.InProjBias), 0, i*d, d)
		}
		return ops.Linear(x, w, b)
	}
	more := func(x *ir.Value, row *Param) *ir.Value {
		if row == nil {
			return x
		}
		return ops.Concat(1, x, ops.Broadcast(c.Param(row), shape.Of(x.Dim(0), 1, d)))
	}
	q = project(q, 0, l.QProjWeight)
	k, v = more(project(k, 1, l.KProjWeight), l.BiasK), more(project(v, 2, l.VProjWeight), l.BiasV)
	return ops.Attention(split(q, h), split(k, h), split(v, h), o)
}

// hide adds the masks to the options. Numbers become a bias; what is hidden
// does not count, whatever number is there.
func (l *MultiheadAttention) hide(c *Ctx, o *ops.AttentionOptions, mask AttentionMask, b, t, s int) error {
	keys := s
	if l.BiasK != nil {
		keys--
	}
	add := func(m *ir.Value, dims ...int) {
		m = ops.Reshape(m, dims...)
		hidden := m.DType() == dtype.Bool
		if hidden {
			m = ops.Eq(m, ops.Broadcast(falseOf(c), m.Shape()))
		}
		if l.BiasK != nil { // the additional key is visible
			dims[3] = 1
			always := ops.Scalar(m, 0)
			if hidden {
				always = ops.Eq(falseOf(c), falseOf(c))
			}
			m = ops.Concat(3, m, ops.Broadcast(always, shape.Of(dims...)))
		}
		if hidden {
			show(o, m)
		} else if o.Bias == nil {
			o.Bias = m
		} else {
			o.Bias = ops.Add(o.Bias, m)
		}
	}
	if m := mask.Mask; m != nil {
		heads := l.Config.Heads
		switch m.Shape() {
		case shape.Of(t, keys):
			add(m, 1, 1, t, keys)
		case shape.Of(b*heads, t, keys):
			add(m, b, heads, t, keys)
		default:
			return fmt.Errorf("wants a mask [%d %d] or [%d %d %d], got %v", t, keys, b*heads, t, keys, m.Type())
		}
	}
	if m := mask.KeyPadding; m != nil {
		if m.Shape() != shape.Of(b, keys) {
			return fmt.Errorf("wants a mask of padding [%d %d], got %v", b, keys, m.Type())
		}
		add(m, b, 1, 1, keys)
	}
	return nil
}

// show hides, beside what the options hide, all that m does not name.
func show(o *ops.AttentionOptions, m *ir.Value) {
	if o.Mask != nil {
		m = ops.And(o.Mask, m)
	}
	o.Mask = m
}

// falseOf is false as a scalar.
func falseOf(c *Ctx) *ir.Value { return ops.FullInt(c.Graph(), dtype.Bool, shape.Shape{}, 0) }
