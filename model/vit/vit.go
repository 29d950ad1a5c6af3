// Package vit is the vision transformer: an image is cut in patches, which an
// encoder of transformer layers reads like words, beside a token of the class if
// their mean does not stand for it.
//
// Source: Dosovitskiy and others, "An image is worth 16x16 words" (2020),
// section 3.1; keys and initial values as in torchvision's VisionTransformer.
package vit

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// Pool names what the last layer reads.
type Pool string

// The ways to make one vector of an image.
const (
	// ClassToken is a token beside those of the patches, as in the paper.
	ClassToken Pool = "class_token"
	// PatchMean is the mean of the patches, without such a token: Zhai and
	// others, "Scaling vision transformers" (2021), section 3.2. torchvision does
	// not have it; keys are the same but for class_token.
	PatchMean Pool = "mean"
)

// Values lists the ways.
func (Pool) Values() []string { return []string{string(ClassToken), string(PatchMean)} }

// Config describes a [Model].
type Config struct {
	InChannels       int     `json:"in_channels" yaml:"in_channels"` // of the image
	Size             int     `json:"size" yaml:"size"`               // of the image, Y and X
	Patch            int     `json:"patch" yaml:"patch"`             // of a patch, Y and X; divides Size
	Layers           int     `json:"layers" yaml:"layers"`
	Width            int     `json:"width" yaml:"width"`
	Heads            int     `json:"heads" yaml:"heads"`
	Hidden           int     `json:"hidden" yaml:"hidden"` // width inside the two-layer networks
	Pool             Pool    `json:"pool" yaml:"pool"`     // what the last layer reads
	Classes          int     `json:"classes" yaml:"classes"`
	Dropout          float64 `json:"dropout" yaml:"dropout"`                     // of patches, and of what each half of a layer adds
	AttentionDropout float64 `json:"attention_dropout" yaml:"attention_dropout"` // of the weights of attention
	Eps              float64 `json:"eps" yaml:"eps"`                             // of the norms
}

// B16 is the model of 86 million parameters for 224x224 colour images of 1000
// classes, with patches of 16x16.
func B16() Config { return imageNet(16, 12, 768, 12, 3072) }

func imageNet(patch, layers, width, heads, hidden int) Config {
	return Config{
		InChannels: 3, Size: 224, Patch: patch, Layers: layers, Width: width, Heads: heads, Hidden: hidden,
		Pool: ClassToken, Classes: 1000, Eps: 1e-6,
	}
}

// Variants are the networks that have a name, as torchvision names them.
func Variants() []config.Kind {
	return []config.Kind{
		{Name: "vit_b_16", Default: B16()},
		{Name: "vit_b_32", Default: imageNet(32, 12, 768, 12, 3072)},
		{Name: "vit_l_16", Default: imageNet(16, 24, 1024, 16, 4096)},
		{Name: "vit_l_32", Default: imageNet(32, 24, 1024, 16, 4096)},
		{Name: "vit_h_14", Default: imageNet(14, 32, 1280, 16, 5120)},
	}
}

// Small is a model for 32x32 colour images of 10 classes, with patches of 4x4:
// 6 layers of width 192 and 3 heads.
func Small() Config {
	return Config{InChannels: 3, Size: 32, Patch: 4, Layers: 6, Width: 192, Heads: 3, Hidden: 768, Pool: ClassToken, Classes: 10, Eps: 1e-6}
}

// maxLayers is more than any model has; a config may come from elsewhere.
const maxLayers = 1000

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	var errs []error
	add := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("vit: %s: %w", what, err))
		}
	}
	add("conv_proj", nn.DefaultConv2d(cfg.InChannels, cfg.Width, cfg.Patch).Validate())
	if cfg.Size < 1 || cfg.Patch > 0 && cfg.Size%cfg.Patch != 0 {
		add("size", fmt.Errorf("an image of %d can't be cut in patches of %d", cfg.Size, cfg.Patch))
	}
	if cfg.Layers < 1 || cfg.Layers > maxLayers {
		add("layers", fmt.Errorf("must be in 1..%d, got %d", maxLayers, cfg.Layers))
	}
	add("self_attention", cfg.attention().Validate())
	add("mlp", nn.DefaultLinear(cfg.Width, cfg.Hidden).Validate())
	add("head", nn.DefaultLinear(cfg.Width, cfg.Classes).Validate())
	if cfg.Pool != ClassToken && cfg.Pool != PatchMean {
		add("pool", fmt.Errorf("there is no %q; there are %s and %s", cfg.Pool, ClassToken, PatchMean))
	}
	if !(cfg.Dropout >= 0 && cfg.Dropout <= 1) {
		add("dropout", fmt.Errorf("probability %v is outside 0..1", cfg.Dropout))
	}
	if !(cfg.Eps >= 0) {
		add("eps", fmt.Errorf("must not be negative, got %v", cfg.Eps))
	}
	return errors.Join(errs...)
}

func (cfg Config) attention() nn.MultiheadAttentionConfig {
	a := nn.DefaultMultiheadAttention(cfg.Width, cfg.Heads)
	a.Dropout = cfg.AttentionDropout
	return a
}

// Model gives the logits of an image's classes. Its keys are torchvision's:
// class_token, conv_proj, encoder.pos_embedding,
// encoder.layers.encoder_layer_0.self_attention and so on, heads.head.
type Model struct {
	Config     Config    `param:"-"`
	ClassToken *nn.Param // nil with the mean of patches
	ConvProj   *nn.Conv2d
	Encoder    *Encoder
	Head       *nn.Linear `param:"heads.head"`
}

// New makes a model.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	conv := nn.DefaultConv2d(cfg.InChannels, cfg.Width, cfg.Patch)
	conv.Stride = conv.Kernel
	m := &Model{
		Config: cfg, ConvProj: conv.Build(), Encoder: cfg.encoder(), Head: nn.NewLinear(cfg.Width, cfg.Classes),
	}
	if cfg.Pool == ClassToken {
		m.ClassToken = module.NewParam(nn.Zeros(), 1, 1, cfg.Width)
	}
	m.ConvProj.Weight.Init = nn.Normal(0, 1/math.Sqrt(float64(cfg.InChannels*cfg.Patch*cfg.Patch)))
	m.ConvProj.Bias.Init = nn.Zeros()
	m.Head.Weight.Init, m.Head.Bias.Init = nn.Zeros(), nn.Zeros()
	return m, nil
}

// Forward gives the logits [B Classes] of images x [B InChannels Size Size].
func (m *Model) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	if c.Graph().Err() != nil {
		return x
	}
	if want := []int{m.Config.InChannels, m.Config.Size, m.Config.Size}; x.Rank() != 4 || shape.Of(x.Shape().Dims()[1:]...) != shape.Of(want...) {
		c.Graph().Fail("vit", fmt.Sprintf("wants images [B %d %d %d]", want[0], want[1], want[2]), []*ir.Value{x})
		return x
	}
	b := x.Dim(0)
	x = ops.Flatten(m.ConvProj.Forward(c, x), 2) // [B D T]
	x = ops.Transpose(x, 0, 2, 1)                // [B T D]
	if m.ClassToken == nil {
		return m.Head.Forward(c, ops.Mean(m.Encoder.Forward(c, x), 1))
	}
	class := ops.Broadcast(c.Param(m.ClassToken), shape.Of(b, 1, m.Config.Width))
	x = m.Encoder.Forward(c, ops.Concat(1, class, x))
	return m.Head.Forward(c, ops.Reshape(ops.Narrow(x, 1, 0, 1), b, m.Config.Width))
}

// Encoder adds what is learned of each place, and runs the layers.
type Encoder struct {
	PosEmbedding *nn.Param
	Drop         *nn.Dropout
	Layers       []*Layer `param:"layers.encoder_layer_#0"`
	LN           *nn.LayerNorm
}

func (cfg Config) encoder() *Encoder {
	places := cfg.Size / cfg.Patch * (cfg.Size / cfg.Patch)
	if cfg.Pool == ClassToken {
		places++
	}
	e := &Encoder{
		PosEmbedding: module.NewParam(nn.Normal(0, 0.02), 1, places, cfg.Width),
		Drop:         nn.NewDropout(cfg.Dropout), LN: cfg.norm(),
	}
	for range cfg.Layers {
		e.Layers = append(e.Layers, cfg.layer())
	}
	return e
}

// Forward maps the patches x [B T Width], the class before them if there is one.
func (e *Encoder) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(e)()
	x = e.Drop.Forward(c, ops.Add(x, c.Param(e.PosEmbedding)))
	for _, l := range e.Layers {
		x = l.Forward(c, x)
	}
	return e.LN.Forward(c, x)
}

// Layer adds attention and then a two-layer network, each of the normalised
// state.
type Layer struct {
	LN1           *nn.LayerNorm `param:"ln_1"`
	SelfAttention *nn.MultiheadAttention
	Dropout       *nn.Dropout
	LN2           *nn.LayerNorm  `param:"ln_2"`
	MLP           *nn.Sequential `param:"mlp"` // linear, GELU, dropout, linear, dropout
}

func (cfg Config) norm() *nn.LayerNorm {
	n := nn.DefaultLayerNorm(cfg.Width)
	n.Eps = cfg.Eps
	return n.Build()
}

func (cfg Config) layer() *Layer {
	linear := func(in, out int) *nn.Linear {
		l := nn.NewLinear(in, out)
		l.Weight.Init, l.Bias.Init = nn.XavierUniform(1), nn.Normal(0, 1e-6)
		return l
	}
	return &Layer{
		LN1: cfg.norm(), SelfAttention: cfg.attention().Build(), Dropout: nn.NewDropout(cfg.Dropout), LN2: cfg.norm(),
		MLP: nn.NewSequential(linear(cfg.Width, cfg.Hidden), &nn.GELU{}, nn.NewDropout(cfg.Dropout), linear(cfg.Hidden, cfg.Width), nn.NewDropout(cfg.Dropout)),
	}
}

// Forward maps states [B T Width].
func (l *Layer) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	x = ops.Add(x, l.Dropout.Forward(c, l.SelfAttention.Forward(c, l.LN1.Forward(c, x))))
	return ops.Add(x, l.MLP.Forward(c, l.LN2.Forward(c, x)))
}
