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
	"slices"
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
	return slices.Concat(plainKinds(), convKinds(), normKinds(), activationKinds(), reparametrizeKinds(),
		poolKinds(), spatialTransformerKinds(), padKinds(), cropKinds(), adaptiveLogSoftmaxKinds(),
		einsumDenseKinds(), dropoutKinds(), sequenceKinds(), embeddingBagKinds(), convLstmKinds(),
		dotAttentionKinds(), attentionKinds(), expertsKinds(), timeDistributedKinds(), similarityKinds(),
		branchKinds())
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
