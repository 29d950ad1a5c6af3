// Package layers is a model as a list: every layer of package nn under the name
// that PyTorch gives it, with branches, as data that a recipe holds.
//
//	layers:
//	  - {type: conv2d, out: 32, kernel: 3, padding: 1}
//	  - batch_norm
//	  - relu
//	  - type: residual
//	    layers:
//	      - {type: conv2d, out: 32, kernel: 3, padding: 1}
//	      - relu
//	  - {type: max_pool, kernel: 2}
//	  - flatten
//	  - {type: linear, name: head}
//
// Only the sizes of results are given: those of operands follow from what the
// layers before give, which is found out by tracing one layer after another. A
// linear layer without a size gives as many numbers as the target wants.
// Parameters have the keys of torch.nn.Sequential, "0.weight", or the name of
// the layer in place of its number, "head.weight".
//
// Sequences are [B T D], also between recurrent layers and transformers. An
// embedding marks which places of a sequence are padding, if the data have a
// number for it; the mark follows the sequence through all layers that keep its
// places, and recurrent layers, attention and time_pool leave out what is marked.
//
// All arithmetic is that of package nn.
package layers

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
)

// A Layer is a layer as data.
type Layer interface {
	// Label is its name in keys; "" takes its number.
	Label() string
	// Validate tells all that is wrong with the settings.
	Validate() error
	// Build makes the layer for an operand.
	Build(x Operand) (Module, error)
}

// A Module is a layer that was built. Package module's Walk finds its
// parameters.
type Module interface {
	Apply(c *module.Ctx, x Flow) Flow
}

// A Flow is what goes from layer to layer.
type Flow struct {
	Value *ir.Value
	Mask  *ir.Value // bool [B T]: true where Value [B T ...] is no padding; nil if nothing is
}

// An Operand is what is known of a Flow before there is one.
type Operand struct {
	Type    ir.Type // with an axis for the batch, of any extent
	Values  int     // how many whole numbers there are, if it holds such; else 0
	Padding *int    // the number that stands for no token; nil if there is none
	Masked  bool
	Size    int // values that the model is to give, for a layer that leaves its size to the data; 0 if there is no such wish
}

// String is the type with B for the batch: "f32[B 3 32 32]".
func (x Operand) String() string {
	var dims []string
	for i, d := range x.Type.Shape.Dims() {
		if i == 0 {
			dims = append(dims, "B")
		} else {
			dims = append(dims, strconv.Itoa(d))
		}
	}
	return x.Type.DType.String() + "[" + strings.Join(dims, " ") + "]"
}

// Rank counts the batch's axis too.
func (x Operand) Rank() int { return x.Type.Shape.Rank() }

// Dim is an extent; a negative axis counts from the end.
func (x Operand) Dim(axis int) int {
	if axis < 0 {
		axis += x.Rank()
	}
	return x.Type.Shape.Dim(axis)
}

// wants is nil if the operand is floating-point and has one of some ranks.
func (x Operand) wants(what string, ranks ...int) error {
	if !x.Type.DType.IsFloat() {
		return x.whole()
	}
	for _, r := range ranks {
		if x.Rank() == r {
			return nil
		}
	}
	return x.not(what)
}

// whole says that the operand must not be whole numbers.
func (x Operand) whole() error {
	return fmt.Errorf("wants floating-point numbers, got %v; an embedding makes vectors of whole numbers", x)
}

// not says that the operand is not what is wanted.
func (x Operand) not(what string) error { return fmt.Errorf("wants %s, got %v", what, x) }

// Named gives a layer a name.
type Named struct {
	Name string `json:"name" yaml:"name"` // in keys, in place of the layer's number
}

// Label is the name.
func (n Named) Label() string { return n.Name }

// Kinds lists the layers.
func Kinds() []config.Kind {
	return []config.Kind{
		{Name: "linear", Default: DefaultLinear()},
		{Name: "conv2d", Default: Conv2d{DefaultConv()}},
		{Name: "conv1d", Default: Conv1d{Conv: DefaultConv()}},
		{Name: "conv3d", Default: Conv3d{DefaultConv()}},
		{Name: "conv_transpose2d", Default: ConvTranspose2d{DefaultConvTranspose()}},
		{Name: "conv_transpose1d", Default: ConvTranspose1d{DefaultConvTranspose()}},
		{Name: "conv_transpose3d", Default: ConvTranspose3d{DefaultConvTranspose()}},
		{Name: "depthwise_conv1d", Default: DepthwiseConv1d{DefaultDepthwise()}},
		{Name: "depthwise_conv2d", Default: DepthwiseConv2d{DefaultDepthwise()}},
		{Name: "separable_conv1d", Default: SeparableConv1d{Separable{Depthwise: DefaultDepthwise()}}},
		{Name: "separable_conv2d", Default: SeparableConv2d{Separable{Depthwise: DefaultDepthwise()}}},
		{Name: "batch_norm", Default: DefaultBatchNorm()},
		{Name: "sync_batch_norm", Default: SyncBatchNorm{DefaultBatchNorm()}},
		{Name: "layer_norm", Default: DefaultLayerNorm()},
		{Name: "group_norm", Default: DefaultGroupNorm()},
		{Name: "instance_norm", Default: DefaultInstanceNorm()},
		{Name: "rms_norm", Default: DefaultRMSNorm()},
		{Name: "local_response_norm", Default: DefaultLocalResponseNorm()},
		{Name: "relu", Default: ReLU{}},
		{Name: "relu6", Default: ReLU6{}},
		{Name: "leaky_relu", Default: LeakyReLU{Slope: 0.01}},
		{Name: "elu", Default: ELU{Alpha: 1}},
		{Name: "selu", Default: SELU{}},
		{Name: "gelu", Default: GELU{}},
		{Name: "silu", Default: SiLU{}},
		{Name: "mish", Default: Mish{}},
		{Name: "softplus", Default: Softplus{Beta: 1, Threshold: 20}},
		{Name: "hardswish", Default: Hardswish{}},
		{Name: "tanh", Default: Tanh{}},
		{Name: "celu", Default: CELU{Alpha: 1}},
		{Name: "hardshrink", Default: Hardshrink{Lambd: 0.5}},
		{Name: "hardsigmoid", Default: Hardsigmoid{}},
		{Name: "hardtanh", Default: Hardtanh{MinVal: -1, MaxVal: 1}},
		{Name: "log_sigmoid", Default: LogSigmoid{}},
		{Name: "softshrink", Default: Softshrink{Lambd: 0.5}},
		{Name: "softsign", Default: Softsign{}},
		{Name: "tanhshrink", Default: Tanhshrink{}},
		{Name: "threshold", Default: Threshold{}},
		{Name: "rrelu", Default: RReLU{Lower: 1.0 / 8, Upper: 1.0 / 3}},
		{Name: "softmin", Default: Softmin{Axis: -1}},
		{Name: "softmax2d", Default: Softmax2d{}},
		{Name: "glu", Default: GLU{Axis: -1}},
		{Name: "swiglu", Default: SwiGLU{Axis: -1}},
		{Name: "geglu", Default: GeGLU{Axis: -1}},
		{Name: "reglu", Default: ReGLU{Axis: -1}},
		{Name: "identity", Default: Identity{}},
		{Name: "sigmoid", Default: Sigmoid{}},
		{Name: "softmax", Default: Softmax{Axis: -1}},
		{Name: "log_softmax", Default: LogSoftmax{Axis: -1}},
		{Name: "prelu", Default: PReLU{}},
		{Name: "weight_norm", Default: WeightNorm{}},
		{Name: "spectral_norm", Default: SpectralNorm{SpectralNormConfig: nn.DefaultSpectralNorm()}},
		{Name: "bilinear", Default: Bilinear{Bias: true}},
		{Name: "max_pool", Default: DefaultMaxPool()},
		{Name: "avg_pool", Default: DefaultAvgPool()},
		{Name: "lp_pool", Default: LPPool{Norm: 2}},
		{Name: "adaptive_avg_pool", Default: AdaptiveAvgPool{Out: []int{1}}},
		{Name: "adaptive_max_pool", Default: AdaptiveMaxPool{Out: []int{1}}},
		{Name: "global_avg_pool", Default: GlobalAvgPool{}},
		{Name: "global_max_pool", Default: GlobalMaxPool{}},
		{Name: "fractional_max_pool", Default: FractionalMaxPool{}},
		{Name: "max_unpool", Default: MaxUnpool{Padding: []int{0}}},
		{Name: "spatial_transformer", Default: SpatialTransformer{}},
		{Name: "pad", Default: Pad{}},
		{Name: "constant_pad", Default: ConstantPad{}},
		{Name: "unfold", Default: Unfold{Patches: DefaultPatches()}},
		{Name: "fold", Default: Fold{Patches: DefaultPatches()}},
		{Name: "upsample", Default: Upsample{}},
		{Name: "pixel_shuffle", Default: PixelShuffle{Factor: 2}},
		{Name: "pixel_unshuffle", Default: PixelUnshuffle{Factor: 2}},
		{Name: "channel_shuffle", Default: ChannelShuffle{Groups: 2}},
		{Name: "activity_regularization", Default: ActivityRegularization{}},
		{Name: "unit_norm", Default: UnitNorm{UnitNorm: nn.UnitNorm{Axis: -1}}},
		{Name: "crop", Default: Crop{}},
		{Name: "adaptive_log_softmax", Default: AdaptiveLogSoftmax{DivValue: 4}},
		{Name: "einsum_dense", Default: EinsumDense{}},
		{Name: "dropout", Default: Dropout{P: 0.5}},
		{Name: "channel_dropout", Default: ChannelDropout{P: 0.5}},
		{Name: "alpha_dropout", Default: AlphaDropout{P: 0.5}},
		{Name: "feature_alpha_dropout", Default: FeatureAlphaDropout{P: 0.5}},
		{Name: "gaussian_dropout", Default: GaussianDropout{P: 0.5}},
		{Name: "gaussian_noise", Default: GaussianNoise{Std: 0.1}},
		{Name: "drop_path", Default: DropPath{P: 0.1}},
		{Name: "flatten", Default: Flatten{Start: 1}},
		{Name: "unflatten", Default: Unflatten{Axis: -1}},
		{Name: "reshape", Default: Reshape{}},
		{Name: "permute", Default: Permute{}},
		{Name: "embedding", Default: DefaultEmbedding()},
		{Name: "embedding_bag", Default: EmbeddingBag{Mode: nn.MeanBag}},
		{Name: "learned_position", Default: LearnedPosition{}},
		{Name: "sinusoidal_position", Default: SinusoidalPosition{}},
		{Name: "rope", Default: RoPE{RoPEConfig: nn.DefaultRoPE(), Heads: 1}},
		{Name: "class_token", Default: ClassToken{}},
		{Name: "lstm", Default: LSTM{Recurrent: DefaultRecurrent()}},
		{Name: "gru", Default: GRU{DefaultRecurrent()}},
		{Name: "rnn", Default: RNN{Recurrent: DefaultRecurrent(), Nonlinearity: nn.TanhNonlinearity}},
		{Name: "conv_lstm", Default: DefaultConvLSTM()},
		{Name: "dot_attention", Default: DotAttention{}},
		{Name: "additive_attention", Default: AdditiveAttention{Scale: true}},
		{Name: "multihead_attention", Default: MultiheadAttention{Bias: true}},
		{Name: "grouped_query_attention", Default: GroupedQueryAttention{}},
		{Name: "mixture_of_experts", Default: DefaultMixtureOfExperts()},
		{Name: "transformer_encoder_layer", Default: TransformerEncoderLayer{DefaultTransformer()}},
		{Name: "transformer_encoder", Default: TransformerEncoder{Transformer: DefaultTransformer(), Layers: 1}},
		{Name: "time_pool", Default: TimePool{By: MeanOverTime}},
		{Name: "masking", Default: Masking{}},
		{Name: "cosine_similarity", Default: CosineSimilarity{Eps: 1e-8}},
		{Name: "pairwise_distance", Default: PairwiseDistance{P: 2, Eps: 1e-6}},
		{Name: "time_distributed", Default: TimeDistributed{}},
		{Name: "residual", Default: Residual{}},
		{Name: "parallel", Default: Parallel{Join: Concat}},
		{Name: "sequential", Default: Sequential{}},
		{Name: "repeat", Default: Repeat{Times: 1}},
	}
}

// Nested lists what fields of layers hold that are one of several structs, or
// start from settings of their own.
func Nested() config.Kinds {
	return config.Kinds{
		reflect.TypeFor[Layer](): Kinds(),
		reflect.TypeFor[Init]():  InitKinds(),
		reflect.TypeFor[nn.RoPEScaling](): {
			{Name: "linear", Default: nn.LinearRoPE{}},
			{Name: "dynamic", Default: nn.DynamicRoPE{}},
			{Name: "yarn", Default: nn.DefaultYaRNRoPE()},
			{Name: "longrope", Default: nn.LongRoPE{}},
			{Name: "llama3", Default: nn.DefaultLlama3RoPE()},
			{Name: "proportional", Default: nn.ProportionalRoPE{Factor: 1}},
		},
		reflect.TypeFor[nn.RoPEConfig]():             {{Default: nn.DefaultRoPE()}},
		reflect.TypeFor[nn.RelativePositionConfig](): {{Default: nn.DefaultRelativePosition()}},
	}
}

// validate tells all that is wrong with a list of layers.
func validate(list []Layer, key string) error {
	var errs []error
	seen := map[string]int{}
	for i, l := range list {
		at := fmt.Sprintf("%s.%d", key, i)
		if l == nil {
			errs = append(errs, config.Under(at, errors.New("is no layer")))
			continue
		}
		errs = append(errs, config.Under(at, check(l)))
		name := l.Label()
		switch j, twice := seen[name]; {
		case name == "":
		case twice:
			errs = append(errs, config.Under(at, fmt.Errorf("%s.%d has the name %q too", key, j, name)))
		case strings.Contains(name, ".") || strings.Trim(name, "0123456789") == "":
			errs = append(errs, config.Under(at, fmt.Errorf("a name has no dots and is no number, got %q", name)))
		}
		seen[name] = i
	}
	return errors.Join(errs...)
}

// A chain is modules one after another.
type chain struct {
	names   []string
	modules []Module
}

// Children are the modules by their names.
func (ch *chain) Children() []module.Child {
	var children []module.Child
	for i, m := range ch.modules {
		children = append(children, module.Child{Name: ch.names[i], Module: m})
	}
	return children
}

// Apply applies all modules.
func (ch *chain) Apply(c *module.Ctx, x Flow) Flow {
	defer c.Enter(ch)()
	return ch.run(c, x)
}

func (ch *chain) run(c *module.Ctx, x Flow) Flow {
	for i, m := range ch.modules {
		leave := c.EnterChild(ch.names[i])
		x = m.Apply(c, x)
		leave()
	}
	return x
}

// build makes the layers of a list for an operand, and says what they give. The
// key is that of the list, for errors.
func build(list []Layer, key string, x Operand) (*chain, Operand, error) {
	ch := &chain{}
	for i, l := range list {
		m, y, err := buildOne(l, x)
		if err != nil {
			return nil, x, config.Under(fmt.Sprintf("%s.%d", key, i), err)
		}
		name := l.Label()
		if name == "" {
			name = strconv.Itoa(i)
		}
		ch.names, ch.modules = append(ch.names, name), append(ch.modules, m)
		x = y
	}
	return ch, x, nil
}

// check says what is wrong with the settings of a layer.
func check(l Layer) error { return errors.Join(l.Validate(), initialOf(l).validate()) }

// begun is a layer that was built, with the initial weights that it asks for.
func begun(l Layer, x Operand) (Module, error) {
	m, err := l.Build(x)
	if err != nil {
		return nil, err
	}
	return m, initialOf(l).set(m)
}

func buildOne(l Layer, x Operand) (Module, Operand, error) {
	if err := check(l); err != nil {
		return nil, x, err
	}
	m, err := begun(l, x)
	y := x
	if err == nil {
		y, err = trace(m, x)
	}
	var inner *config.Problem
	if err != nil && !errors.As(err, &inner) {
		err = fmt.Errorf("%s: %w", kind(l), err)
	}
	return m, y, err
}

// kind is the name of a layer's type.
func kind(l Layer) string {
	for _, k := range Kinds() {
		if reflect.TypeOf(k.Default) == reflect.TypeOf(l) {
			return k.Name
		}
	}
	return fmt.Sprintf("%T", l)
}

// trace finds out what a module gives.
func trace(m Module, x Operand) (Operand, error) {
	tree, err := module.Walk(m)
	if err != nil {
		return x, err
	}
	g := ir.NewGraph()
	in := Flow{Value: g.Input(ir.Arg, "x", x.Type)}
	if x.Masked {
		in.Mask = g.Input(ir.Arg, "mask", ir.Type{DType: dtype.Bool, Shape: shape.Of(x.Dim(0), x.Dim(1))})
	}
	out := m.Apply(module.NewCtx(g, tree, nil), in)
	if err := g.Err(); err != nil {
		var e *shape.Error
		if errors.As(err, &e) {
			err = fmt.Errorf("%s: %s; got %v", e.Op, e.Reason, x)
		}
		return x, err
	}
	y := Operand{Type: out.Value.Type(), Masked: out.Mask != nil, Size: x.Size}
	if y.Type == x.Type {
		y.Values, y.Padding = x.Values, x.Padding
	}
	return y, nil
}

// A plain module is a layer of package nn. Those that keep the places of a
// sequence keep its mask.
type plain struct {
	nn.Forwarder
	keep bool
}

// Apply maps the value.
func (m *plain) Apply(c *module.Ctx, x Flow) Flow {
	y := Flow{Value: m.Forward(c, x.Value)}
	if m.keep {
		y.Mask = x.Mask
	}
	return y
}

// keeping makes a module of a layer that keeps the places of a sequence.
func keeping(l nn.Forwarder) (Module, error) { return &plain{l, true}, nil }

// losing makes a module of a layer that does not.
func losing(l nn.Forwarder) (Module, error) { return &plain{l, false}, nil }

// spread gives each of n axes its number: one for all, or one for each.
func spread(name string, v []int, n int) ([]int, error) {
	switch len(v) {
	case n:
		return v, nil
	case 1:
		all := make([]int, n)
		for i := range all {
			all[i] = v[0]
		}
		return all, nil
	}
	return nil, fmt.Errorf("%s wants one number, or one for each of %d axes, got %v", name, n, v)
}

// atLeast says which of some numbers are too small, or that there is none.
func atLeast(least int, name string, v ...int) error {
	if len(v) == 0 {
		return fmt.Errorf("%s must be given", name)
	}
	var errs []error
	for _, n := range v {
		if n < least {
			errs = append(errs, fmt.Errorf("%s must be at least %d, got %d", name, least, n))
		}
	}
	return errors.Join(errs...)
}

// atMost refuses a number that no model needs, and that would take a machine's
// memory: settings may come with a model from elsewhere.
func atMost(most int, name string, n int) error {
	if n > most {
		return fmt.Errorf("%s must be at most %d, got %d", name, most, n)
	}
	return nil
}

// maxLayers bounds the layers of a model, and those of a stack.
const (
	maxLayers = 10_000
	maxStack  = 1000
)

// count is the number of layers in a list with those inside them, no more than
// what is above maxLayers.
func count(list []Layer) int {
	n := 0
	for _, l := range list {
		switch l := l.(type) {
		case Sequential:
			n += count(l.Layers)
		case TimeDistributed:
			n += count(l.Layers)
		case Residual:
			n += count(l.Layers) + count(l.Shortcut)
		case Parallel:
			for _, b := range l.Branches {
				n += count(b)
			}
		case MaxUnpool:
			n += count(l.Layers)
		case SpatialTransformer:
			n += count(l.Layers)
		case WeightNorm:
			n += count([]Layer{l.Layer})
		case SpectralNorm:
			n += count([]Layer{l.Layer})
		case Repeat:
			n += max(l.Times, 0) * count(l.Layers)
		}
		if n++; n > maxLayers {
			return maxLayers + 1
		}
	}
	return n
}

// probability wants a number in 0..1.
func probability(name string, p float64) error {
	if !(p >= 0 && p <= 1) {
		return fmt.Errorf("%s must be in 0..1, got %v", name, p)
	}
	return nil
}
