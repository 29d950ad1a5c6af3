package layers

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

func sequenceKinds() []config.Kind {
	return []config.Kind{
		{Name: "embedding", Default: DefaultEmbedding()},
		{Name: "learned_position", Default: LearnedPosition{}},
		{Name: "sinusoidal_position", Default: SinusoidalPosition{}},
		{Name: "rope", Default: RoPE{RoPEConfig: nn.DefaultRoPE(), Heads: 1}},
		{Name: "class_token", Default: ClassToken{}},
		{Name: "lstm", Default: LSTM{Recurrent: DefaultRecurrent()}},
		{Name: "gru", Default: GRU{DefaultRecurrent()}},
		{Name: "rnn", Default: RNN{Recurrent: DefaultRecurrent(), Nonlinearity: nn.TanhNonlinearity}},
		{Name: "multihead_attention", Default: MultiheadAttention{Bias: true}},
		{Name: "transformer_encoder_layer", Default: TransformerEncoderLayer{DefaultTransformer()}},
		{Name: "transformer_encoder", Default: TransformerEncoder{Transformer: DefaultTransformer(), Layers: 1}},
		{Name: "time_pool", Default: TimePool{By: MeanOverTime}},
		{Name: "masking", Default: Masking{}},
	}
}

// Embedding looks vectors up: whole numbers [B ...] to [B ... Width]. The vector
// of padding is 0 and stays so.
type Embedding struct {
	Named           `yaml:",inline"`
	Count           *int     `json:"count" yaml:"count"`                           // vectors; null takes as many as the data have numbers
	Width           int      `json:"width" yaml:"width"`                           // of a vector
	PaddingIdx      *int     `json:"padding_idx" yaml:"padding_idx"`               // number that stands for no token; null takes that of the data, if they have one
	Mask            bool     `json:"mask" yaml:"mask"`                             // later layers leave out places [B T] that are padding
	MaxNorm         *float64 `json:"max_norm" yaml:"max_norm"`                     // longer vectors become as short as this when they are looked up; null for no limit
	ScaleGradByFreq bool     `json:"scale_grad_by_freq" yaml:"scale_grad_by_freq"` // divide a vector's gradient by how often it is in the batch
	Initial         `yaml:",inline"`
}

// DefaultEmbedding takes all but the width from the data, which must be set.
func DefaultEmbedding() Embedding { return Embedding{Mask: true} }

// Validate tells all that is wrong.
func (cfg Embedding) Validate() error {
	count := math.MaxInt32 // an index is checked against the data later
	if cfg.Count != nil {
		count = *cfg.Count
	}
	errs := []error{atLeast(1, "width", cfg.Width), atLeast(1, "count", count)}
	if p := cfg.PaddingIdx; p != nil && (*p < 0 || *p >= count) {
		errs = append(errs, fmt.Errorf("padding_idx must be in 0..%d, got %d", count-1, *p))
	}
	if m := cfg.MaxNorm; m != nil {
		errs = append(errs, smallest("max_norm", *m))
	}
	return errors.Join(errs...)
}

// Build makes the layer.
func (cfg Embedding) Build(x Operand) (Module, error) {
	if !x.Type.DType.IsInt() || x.Rank() > 5 {
		return nil, x.not("whole numbers such as tokens")
	}
	c, err := cfg.config(x)
	if err != nil {
		return nil, err
	}
	return &embedding{c.Build(), cfg.Mask}, nil
}

// config is that of package nn for an operand of whole numbers.
func (cfg Embedding) config(x Operand) (nn.EmbeddingConfig, error) {
	c := nn.EmbeddingConfig{Count: x.Values, Width: cfg.Width, PaddingIdx: cfg.PaddingIdx, MaxNorm: cfg.MaxNorm, ScaleGradByFreq: cfg.ScaleGradByFreq}
	if c.PaddingIdx == nil {
		c.PaddingIdx = x.Padding
	}
	switch {
	case cfg.Count == nil && x.Values == 0:
		return c, errors.New("count must be given, since the data don't tell how many numbers there are")
	case cfg.Count != nil && x.Values > *cfg.Count:
		return c, fmt.Errorf("count must be at least %d, which is how many numbers the data have, got %d", x.Values, *cfg.Count)
	case cfg.Count != nil:
		c.Count = *cfg.Count
	}
	return c, c.Validate()
}

type embedding struct {
	*nn.Embedding
	mask bool
}

// Apply looks vectors up, and marks padding.
func (e *embedding) Apply(c *module.Ctx, x Flow) Flow {
	y := Flow{Value: e.Forward(c, x.Value)}
	if p := e.Config.PaddingIdx; e.mask && p != nil && c.Graph().Err() == nil && x.Value.Rank() == 2 {
		idx := ops.Cast(x.Value, dtype.Int64)
		y.Mask = ops.Ne(idx, ops.FullInt(c.Graph(), dtype.Int64, shape.Shape{}, int64(*p)))
	}
	return y
}

// LearnedPosition adds a vector that is trained to each place of a sequence
// [B T D].
type LearnedPosition struct {
	Named   `yaml:",inline"`
	Context *int `json:"context" yaml:"context"` // the most places; null takes those of the data
}

// Validate tells all that is wrong.
func (cfg LearnedPosition) Validate() error { return context(cfg.Context) }

func context(n *int) error {
	if n == nil {
		return nil
	}
	return atLeast(1, "context", *n)
}

// Build makes the layer.
func (cfg LearnedPosition) Build(x Operand) (Module, error) {
	n, err := places(x, cfg.Context)
	if err != nil {
		return nil, err
	}
	return keeping(nn.NewLearnedPosition(n, x.Dim(2)))
}

func places(x Operand, context *int) (int, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return 0, err
	}
	if context == nil {
		return x.Dim(1), nil
	}
	return *context, nil
}

// SinusoidalPosition adds waves to each place of a sequence [B T D].
type SinusoidalPosition struct {
	Named   `yaml:",inline"`
	Context *int `json:"context" yaml:"context"` // the most places; null takes those of the data
}

// Validate tells all that is wrong.
func (cfg SinusoidalPosition) Validate() error { return context(cfg.Context) }

// Build makes the layer.
func (cfg SinusoidalPosition) Build(x Operand) (Module, error) {
	n, err := places(x, cfg.Context)
	if err != nil {
		return nil, err
	}
	return keeping(nn.NewSinusoidalPosition(n, x.Dim(2)))
}

// RoPE turns the numbers of each place of a sequence [B T D] by how far on it is,
// in heads of equal width. Inside of attention, where it belongs to queries and
// keys alone, it is a setting of grouped_query_attention.
type RoPE struct {
	Named         `yaml:",inline"`
	nn.RoPEConfig `yaml:",inline"`
	Heads         int `json:"heads" yaml:"heads"` // divides the width
}

// Validate tells all that is wrong.
func (cfg RoPE) Validate() error {
	return errors.Join(atLeast(1, "heads", cfg.Heads), cfg.RoPEConfig.Validate())
}

// Build makes the layer.
func (cfg RoPE) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	if x.Dim(2)%cfg.Heads != 0 {
		return nil, fmt.Errorf("width %d can't be split among %d heads", x.Dim(2), cfg.Heads)
	}
	return &rope{cfg.RoPEConfig.Build(), cfg.Heads}, nil
}

type rope struct {
	*nn.RoPE
	heads int
}

// Apply turns x.
func (r *rope) Apply(c *module.Ctx, x Flow) Flow {
	v := x.Value
	if c.Graph().Err() != nil {
		return x
	}
	b, t, d := v.Dim(0), v.Dim(1), v.Dim(2)
	y := r.Forward(c, ops.Reshape(v, b, t, r.heads, d/r.heads))
	return Flow{ops.Reshape(y, b, t, d), x.Mask}
}

// ClassToken puts a vector that is trained before a sequence: [B T D] to
// [B 1+T D]. A time_pool by "first" gives what became of it.
type ClassToken struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (ClassToken) Validate() error { return nil }

// Build makes the layer.
func (ClassToken) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	return &classToken{Weight: module.NewParam(nn.Normal(0, 0.02), 1, 1, x.Dim(2))}, nil
}

type classToken struct{ Weight *module.Param }

// Apply puts the vector before x.
func (t *classToken) Apply(c *module.Ctx, x Flow) Flow {
	defer c.Enter(t)()
	if c.Graph().Err() != nil {
		return x
	}
	b, d := x.Value.Dim(0), x.Value.Dim(2)
	y := Flow{Value: ops.Concat(1, ops.Broadcast(c.Param(t.Weight), shape.Of(b, 1, d)), x.Value)}
	if x.Mask != nil {
		y.Mask = ops.Concat(1, ops.FullInt(c.Graph(), dtype.Bool, shape.Of(b, 1), 1), x.Mask)
	}
	return y
}

// Recurrent is what recurrent layers have in common: [B T D] to [B T Hidden], or
// 2*Hidden if they read both ways, unless Merge makes one of two. Behind the end of a sequence they give 0.
type Recurrent struct {
	Named         `yaml:",inline"`
	Hidden        int     `json:"hidden" yaml:"hidden"` // units
	Layers        int     `json:"layers" yaml:"layers"` // one above the other
	Bias          bool    `json:"bias" yaml:"bias"`
	Bidirectional bool    `json:"bidirectional" yaml:"bidirectional"` // a second set of units reads backwards
	Dropout       float64 `json:"dropout" yaml:"dropout"`             // after all layers but the last
	Merge         Merge   `json:"merge" yaml:"merge"`                 // what becomes of the last layer's two directions
}

// DefaultRecurrent is one layer with biases, whose directions stand side by side;
// Hidden must be set.
func DefaultRecurrent() Recurrent { return Recurrent{Layers: 1, Bias: true, Merge: ConcatDirections} }

// Merge is a way to make one sequence of the two that both directions give.
type Merge string

// The ways.
const (
	ConcatDirections Merge = "concat" // side by side
	AddDirections    Merge = "sum"
	MulDirections    Merge = "mul"
	MeanOfDirections Merge = "ave"
)

// Values lists the ways.
func (Merge) Values() []string {
	return []string{string(ConcatDirections), string(AddDirections), string(MulDirections), string(MeanOfDirections)}
}

func (m Merge) validate() error {
	if !slices.Contains(m.Values(), string(m)) {
		return fmt.Errorf("merge: there is no %q; there are concat, sum, mul and ave", string(m))
	}
	return nil
}

// apply merges y [B T 2*D].
func (m Merge) apply(y *ir.Value) *ir.Value {
	d := y.Dim(2) / 2
	if m == ConcatDirections || y.Graph().Err() != nil {
		return y
	}
	a, b := ops.Narrow(y, 2, 0, d), ops.Narrow(y, 2, d, d)
	switch m {
	case MulDirections:
		return ops.Mul(a, b)
	case AddDirections:
		return ops.Add(a, b)
	}
	return ops.Mul(ops.Add(a, b), ops.Scalar(y, 0.5))
}

func (cfg Recurrent) config(in int) nn.RecurrentConfig {
	return nn.RecurrentConfig{In: in, Hidden: cfg.Hidden, Layers: cfg.Layers, Bias: cfg.Bias, Bidirectional: cfg.Bidirectional, Dropout: cfg.Dropout}
}

func (cfg Recurrent) check() error {
	return errors.Join(atMost(maxStack, "layers", cfg.Layers), cfg.Merge.validate())
}

// module makes a module of a recurrent layer.
func (cfg Recurrent) module(l Reader) (Module, error) {
	if !cfg.Bidirectional {
		return &recurrent{l, ConcatDirections}, nil
	}
	return &recurrent{l, cfg.Merge}, nil
}

// Reader is a recurrent layer.
type Reader interface {
	Outputs(c *module.Ctx, x, lengths *ir.Value) *ir.Value
}

// A recurrent module leaves out what is masked at the ends of sequences.
type recurrent struct {
	Reader
	merge Merge
}

// Apply reads x up to the end of each sequence.
func (r *recurrent) Apply(c *module.Ctx, x Flow) Flow {
	var lengths *ir.Value
	if x.Mask != nil {
		lengths = block.Ends(x.Mask)
	}
	return Flow{Value: r.merge.apply(r.Outputs(c, x.Value, lengths)), Mask: x.Mask}
}

// lengthsOf counts the places of each sequence that are no padding, [B].
func lengthsOf(mask *ir.Value) *ir.Value { return ops.Sum(ops.Cast(mask, dtype.Int64), 1) }

// LSTM is nn.LSTM.
type LSTM struct {
	Recurrent `yaml:",inline"`
	ProjSize  int `json:"proj_size" yaml:"proj_size"` // width of what a projection makes of the units; 0 for none
}

func (cfg LSTM) lstm(in int) nn.LSTMConfig {
	return nn.LSTMConfig{RecurrentConfig: cfg.config(in), ProjSize: cfg.ProjSize}
}

// Validate tells all that is wrong.
func (cfg LSTM) Validate() error { return errors.Join(cfg.check(), cfg.lstm(1).Validate()) }

// Build makes the layer.
func (cfg LSTM) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	return cfg.module(cfg.lstm(x.Dim(2)).Build())
}

// GRU is nn.GRU.
type GRU struct {
	Recurrent `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg GRU) Validate() error {
	return errors.Join(cfg.check(), nn.GRUConfig{RecurrentConfig: cfg.config(1)}.Validate())
}

// Build makes the layer.
func (cfg GRU) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	return cfg.module(nn.GRUConfig{RecurrentConfig: cfg.config(x.Dim(2))}.Build())
}

// RNN is nn.RNN.
type RNN struct {
	Recurrent    `yaml:",inline"`
	Nonlinearity nn.Nonlinearity `json:"nonlinearity" yaml:"nonlinearity"` // tanh or relu
}

func (cfg RNN) rnn(in int) nn.RNNConfig {
	return nn.RNNConfig{RecurrentConfig: cfg.config(in), Nonlinearity: cfg.Nonlinearity}
}

// Validate tells all that is wrong.
func (cfg RNN) Validate() error { return errors.Join(cfg.check(), cfg.rnn(1).Validate()) }

// Build makes the layer.
func (cfg RNN) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	return cfg.module(cfg.rnn(x.Dim(2)).Build())
}

// MultiheadAttention is nn.MultiheadAttention of a sequence [B T D] to itself.
type MultiheadAttention struct {
	Named   `yaml:",inline"`
	Heads   int     `json:"heads" yaml:"heads"` // divides the width
	Causal  bool    `json:"causal" yaml:"causal"`
	Bias    bool    `json:"bias" yaml:"bias"`
	Dropout float64 `json:"dropout" yaml:"dropout"` // of the weights

	AddBiasKV   bool `json:"add_bias_kv" yaml:"add_bias_kv"`     // one more key and value, which are trained
	AddZeroAttn bool `json:"add_zero_attn" yaml:"add_zero_attn"` // one more key and value, which are 0
}

// Validate tells all that is wrong.
func (cfg MultiheadAttention) Validate() error { return cfg.config(max(cfg.Heads, 1)).Validate() }

func (cfg MultiheadAttention) config(width int) nn.MultiheadAttentionConfig {
	c := nn.DefaultMultiheadAttention(width, cfg.Heads)
	c.Bias, c.Dropout, c.AddBiasKV, c.AddZeroAttn = cfg.Bias, cfg.Dropout, cfg.AddBiasKV, cfg.AddZeroAttn
	return c
}

// Build makes the layer.
func (cfg MultiheadAttention) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	return &attention{cfg.config(x.Dim(2)).Build(), cfg.Causal}, nil
}

type attention struct {
	*nn.MultiheadAttention
	causal bool
}

// Apply lets the places of x see each other.
func (a *attention) Apply(c *module.Ctx, x Flow) Flow {
	return Flow{Value: a.Attend(c, x.Value, x.Value, x.Value, hidden(x, a.causal)), Mask: x.Mask}
}

// hidden is the mask of attention of a sequence to itself.
func hidden(x Flow, causal bool) nn.AttentionMask {
	m := nn.AttentionMask{Causal: causal}
	if x.Mask != nil {
		m.KeyPadding = ops.Not(x.Mask)
	}
	return m
}

// Transformer is what the layers of transformers have in common; they keep the
// shape of sequences [B T D].
type Transformer struct {
	Named        `yaml:",inline"`
	Heads        int                      `json:"heads" yaml:"heads"`   // divides the width
	Hidden       *int                     `json:"hidden" yaml:"hidden"` // width between the two linear layers; null takes four times that of the sequence
	Causal       bool                     `json:"causal" yaml:"causal"` // a place sees those up to itself
	Dropout      float64                  `json:"dropout" yaml:"dropout"`
	Activation   nn.TransformerActivation `json:"activation" yaml:"activation"` // relu or gelu
	LayerNormEps float64                  `json:"layer_norm_eps" yaml:"layer_norm_eps"`
	NormFirst    bool                     `json:"norm_first" yaml:"norm_first"` // norms stand before attention and linear layers, not behind the sums
	Bias         bool                     `json:"bias" yaml:"bias"`
}

// DefaultTransformer has dropout 0.1, ReLU, eps 1e-5, norms behind and biases;
// Heads must be set.
func DefaultTransformer() Transformer {
	return Transformer{Dropout: 0.1, Activation: nn.ReLUActivation, LayerNormEps: 1e-5, Bias: true}
}

// Validate tells all that is wrong.
func (cfg Transformer) Validate() error { return cfg.config(max(cfg.Heads, 1)).Validate() }

func (cfg Transformer) config(width int) nn.TransformerConfig {
	c := nn.TransformerConfig{
		Width: width, Heads: cfg.Heads, Hidden: 4 * width, Dropout: cfg.Dropout, Activation: cfg.Activation,
		LayerNormEps: cfg.LayerNormEps, NormFirst: cfg.NormFirst, Bias: cfg.Bias,
	}
	if cfg.Hidden != nil {
		c.Hidden = *cfg.Hidden
	}
	return c
}

// An encoder is one or several layers of a transformer.
type encoder struct {
	nn.Forwarder
	encode func(c *nn.Ctx, x *ir.Value, mask nn.AttentionMask) *ir.Value
	causal bool
}

// Apply lets the places of x see each other.
func (e *encoder) Apply(c *module.Ctx, x Flow) Flow {
	return Flow{Value: e.encode(c, x.Value, hidden(x, e.causal)), Mask: x.Mask}
}

// TransformerEncoderLayer is nn.TransformerEncoderLayer.
type TransformerEncoderLayer struct {
	Transformer `yaml:",inline"`
}

// Build makes the layer.
func (cfg TransformerEncoderLayer) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	l := cfg.config(x.Dim(2)).BuildEncoderLayer()
	return &encoder{l, l.Encode, cfg.Causal}, nil
}

// TransformerEncoder is nn.TransformerEncoder.
type TransformerEncoder struct {
	Transformer `yaml:",inline"`
	Layers      int  `json:"layers" yaml:"layers"`
	Norm        bool `json:"norm" yaml:"norm"` // a norm behind the last layer
}

// Validate tells all that is wrong.
func (cfg TransformerEncoder) Validate() error {
	return errors.Join(cfg.Transformer.Validate(), atLeast(1, "layers", cfg.Layers), atMost(maxStack, "layers", cfg.Layers))
}

// Build makes the layer.
func (cfg TransformerEncoder) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	l := cfg.config(x.Dim(2)).BuildEncoder(cfg.Layers, cfg.Norm)
	return &encoder{l, l.Encode, cfg.Causal}, nil
}

// OverTime is a way to make one state of a sequence.
type OverTime string

// The ways. Padding counts in none of them; a sequence of padding alone gives 0.
const (
	MeanOverTime OverTime = "mean"
	MaxOverTime  OverTime = "max"
	LastInTime   OverTime = "last"
	FirstInTime  OverTime = "first" // the state of a class token
)

// Values lists the ways.
func (OverTime) Values() []string {
	return []string{string(MeanOverTime), string(MaxOverTime), string(LastInTime), string(FirstInTime)}
}

// TimePool makes one state of a sequence: [B T D] to [B D]. Of a layer that reads
// both ways the last place has seen the whole sequence only forwards; the mean
// and the maximum have all of both.
type TimePool struct {
	Named `yaml:",inline"`
	By    OverTime `json:"by" yaml:"by"`
}

// Validate tells all that is wrong.
func (cfg TimePool) Validate() error {
	for _, v := range cfg.By.Values() {
		if string(cfg.By) == v {
			return nil
		}
	}
	return fmt.Errorf("by: there is no %q; there are mean, max, last and first", string(cfg.By))
}

// Build makes the layer.
func (cfg TimePool) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	return &timePool{cfg.By}, nil
}

type timePool struct{ by OverTime }

// Apply makes one state of x.
func (p *timePool) Apply(c *module.Ctx, x Flow) Flow {
	defer c.Enter(p)()
	v, m := x.Value, x.Mask
	if c.Graph().Err() != nil {
		return x
	}
	b, t, d := v.Dim(0), v.Dim(1), v.Dim(2)
	at := func(i int) *ir.Value { return ops.Reshape(ops.Narrow(v, 1, i, 1), b, d) }
	switch {
	case p.by == FirstInTime:
		return Flow{Value: at(0)}
	case m == nil && p.by == MeanOverTime:
		return Flow{Value: ops.Mean(v, 1)}
	case m == nil && p.by == MaxOverTime:
		return Flow{Value: ops.Amax(v, 1)}
	case m == nil:
		return Flow{Value: at(t - 1)}
	}
	shown := ops.Broadcast(ops.Unsqueeze(m, -1), v.Shape()) // [B T D]
	lengths := lengthsOf(m)
	switch p.by {
	case MeanOverTime:
		n := ops.Cast(lengths, v.DType())
		n = ops.Unsqueeze(ops.Maximum(n, ops.Scalar(n, 1)), -1) // [B 1]
		return Flow{Value: ops.Div(ops.Sum(ops.Select(shown, v, ops.ZerosLike(v)), 1), n)}
	case MaxOverTime:
		low := ops.Full(c.Graph(), v.DType(), v.Shape(), math.Inf(-1))
		y := ops.Amax(ops.Select(shown, v, low), 1)
		return Flow{Value: orZero(lengths, y)}
	}
	one := ops.FullInt(c.Graph(), dtype.Int64, shape.Shape{}, 1)
	last := ops.Maximum(ops.Sub(block.Ends(m), one), ops.Sub(one, one))
	idx := ops.Broadcast(ops.Reshape(last, b, 1, 1), shape.Of(b, 1, d))
	return Flow{Value: orZero(lengths, ops.Reshape(ops.Gather(v, idx, 1), b, d))}
}

// orZero is y [B D] where a sequence has a length, else 0.
func orZero(lengths, y *ir.Value) *ir.Value {
	some := ops.Gt(lengths, ops.FullInt(y.Graph(), dtype.Int64, shape.Shape{}, 0))
	return ops.Select(ops.Broadcast(ops.Unsqueeze(some, -1), y.Shape()), y, ops.ZerosLike(y))
}

// Masking marks the steps of a sequence [B T D] that hold one number throughout as
// padding, and sets them to 0: recurrent layers, attention and time_pool leave
// them out.
//
// Source: keras.layers.Masking (3.15).
type Masking struct {
	Named `yaml:",inline"`
	Value float64 `json:"value" yaml:"value"`
}

// Validate tells all that is wrong.
func (cfg Masking) Validate() error { return finite("value", cfg.Value) }

// Build makes the layer.
func (cfg Masking) Build(x Operand) (Module, error) {
	if err := x.wants("sequences [B T D]", 3); err != nil {
		return nil, err
	}
	return &masking{cfg.Value}, nil
}

type masking struct{ value float64 }

// Apply marks padding.
func (m *masking) Apply(_ *module.Ctx, x Flow) Flow {
	v := x.Value
	if v.Graph().Err() != nil {
		return x
	}
	mask := ops.Any(ops.Ne(v, ops.Scalar(v, m.value)), 2)
	kept := ops.Select(ops.Unsqueeze(mask, 2), v, ops.ZerosLike(v))
	if x.Mask != nil {
		mask = ops.And(mask, x.Mask)
	}
	return Flow{kept, mask}
}
