package layers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/shape"
)

// Config describes a [Model]. With one input and one output, Layers is all.
type Config struct {
	// Inputs are what single inputs go through before they are joined, by
	// name; one that is not named here is joined as it is. Its keys begin with
	// inputs.NAME.
	Inputs map[string][]Layer `json:"inputs" yaml:"inputs"`
	Join   Join               `json:"join" yaml:"join"` // of several inputs, along the channels
	Layers []Layer            `json:"layers" yaml:"layers"`
	// Outputs are what the result of Layers goes through for each of several
	// targets, by name. Their keys begin with outputs.NAME.
	Outputs map[string][]Layer `json:"outputs" yaml:"outputs"`

	// Reads and Gives say what the model reads and gives. A recipe leaves them
	// out: they are those of the data, and are saved with the model.
	Reads []Read `json:"reads" yaml:"reads"`
	Gives []Give `json:"gives" yaml:"gives"`
}

// A Read is an input, as data.
type Read struct {
	Name    string `json:"name" yaml:"name"`
	DType   string `json:"dtype" yaml:"dtype"`     // such as "f32", "i64"
	Shape   []int  `json:"shape" yaml:"shape"`     // of one example
	Values  int    `json:"values" yaml:"values"`   // how many whole numbers there are, if it holds such; else 0
	Padding *int   `json:"padding" yaml:"padding"` // the number that stands for no token; null if there is none
}

// A Give is an output, as data.
type Give struct {
	Name string `json:"name" yaml:"name"`
	Size int    `json:"size" yaml:"size"`
}

// Default joins inputs side by side.
func Default() Config { return Config{Join: Concat} }

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	errs := []error{cfg.Join.validate(), validate(cfg.Layers, "layers")}
	if len(cfg.Layers)+len(cfg.Inputs)+len(cfg.Outputs) == 0 {
		errs = append(errs, errors.New("layers must name at least one"))
	}
	n := count(cfg.Layers)
	for _, lists := range []map[string][]Layer{cfg.Inputs, cfg.Outputs} {
		for _, list := range lists {
			n += count(list)
		}
	}
	if n > maxLayers {
		errs = append(errs, fmt.Errorf("layers: a model has at most %d of them, with all repetitions", maxLayers))
	}
	for _, part := range []struct {
		key   string
		lists map[string][]Layer
	}{{"inputs", cfg.Inputs}, {"outputs", cfg.Outputs}} {
		for _, name := range slices.Sorted(maps.Keys(part.lists)) {
			if name == "" || strings.Contains(name, ".") {
				errs = append(errs, fmt.Errorf("%s: a name is not empty and has no dots, got %q", part.key, name))
			}
			errs = append(errs, validate(part.lists[name], part.key+"."+name))
		}
	}
	_, err := cfg.Operands()
	return errors.Join(append(errs, err)...)
}

// Operands are the inputs that Reads describes.
func (cfg Config) Operands() ([]module.Input, error) {
	var in []module.Input
	var errs []error
	for i, r := range cfg.Reads {
		dt, err := dtype.Parse(r.DType)
		errs = append(errs, config.Under(fmt.Sprintf("reads.%d", i), err))
		s, err := shape.Make(r.Shape...)
		errs = append(errs, config.Under(fmt.Sprintf("reads.%d", i), err))
		in = append(in, module.Input{Name: r.Name, Item: ir.Type{DType: dt, Shape: s}, Values: r.Values, Padding: r.Padding})
	}
	return in, errors.Join(errs...)
}

func (cfg Config) gives() (out []module.Output) {
	for _, g := range cfg.Gives {
		out = append(out, module.Output(g))
	}
	return out
}

// Fit returns the config with what the data say of inputs and outputs. What the
// config says itself must be the same.
func (cfg Config) Fit(inputs []module.Input, outputs []module.Output) (Config, error) {
	read, err := cfg.Operands()
	if err != nil {
		return cfg, err
	}
	if cfg.Reads != nil && !slices.EqualFunc(read, inputs, module.Input.Equal) {
		return cfg, fmt.Errorf("the model reads %v, and the data have %v", told(read), told(inputs))
	}
	if cfg.Gives != nil && !slices.Equal(cfg.gives(), outputs) {
		return cfg, fmt.Errorf("the model gives %v, and the data want %v", cfg.gives(), outputs)
	}
	if len(inputs) == 0 || len(outputs) == 0 {
		return cfg, errors.New("a model has at least one input and one output")
	}
	cfg.Reads, cfg.Gives = nil, nil
	for _, in := range inputs {
		cfg.Reads = append(cfg.Reads, Read{in.Name, in.Item.DType.String(), in.Item.Shape.Dims(), in.Values, in.Padding})
	}
	for _, out := range outputs {
		cfg.Gives = append(cfg.Gives, Give(out))
	}
	return cfg, cfg.names()
}

// told prints inputs as messages have them.
func told(in []module.Input) string {
	var text []string
	for _, i := range in {
		text = append(text, i.Name+" "+i.Item.String())
	}
	return strings.Join(text, ", ")
}

// names says which lists belong to nothing.
func (cfg Config) names() error {
	var in, out []string
	for _, r := range cfg.Reads {
		in = append(in, r.Name)
	}
	for _, g := range cfg.Gives {
		out = append(out, g.Name)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(cfg.Inputs)) {
		if !slices.Contains(in, name) {
			errs = append(errs, config.Under("inputs."+name, fmt.Errorf("the data have no such input; they have %s", strings.Join(in, ", "))))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Outputs)) {
		if !slices.Contains(out, name) {
			errs = append(errs, config.Under("outputs."+name, fmt.Errorf("the data have no such target; they have %s", strings.Join(out, ", "))))
		}
	}
	if len(out) > 1 || len(cfg.Outputs) > 0 {
		for _, name := range out {
			if _, ok := cfg.Outputs[name]; !ok {
				errs = append(errs, config.Under("outputs", fmt.Errorf("wants layers for each of the targets %s; there are none for %s", strings.Join(out, ", "), name)))
			}
		}
	}
	return errors.Join(errs...)
}

// Model is lists of layers: one for each input, one for what they make
// together, one for each output.
type Model struct {
	Config  Config
	inputs  []*chain // nil where an input goes through nothing
	join    joiner
	trunk   *chain
	outputs []*chain // none: the trunk gives the output
}

// New makes a model of a config that says what it reads and gives; see
// Config.Fit.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if len(cfg.Reads) == 0 || len(cfg.Gives) == 0 {
		return nil, errors.New("reads and gives must name at least one input and one output")
	}
	if err := cfg.names(); err != nil {
		return nil, err
	}
	m := &Model{Config: cfg}
	x, err := m.read()
	if err != nil {
		return nil, err
	}
	if len(cfg.Outputs) == 0 {
		x.Size = cfg.Gives[0].Size
	}
	if m.trunk, x, err = build(cfg.Layers, "layers", x); err != nil {
		return nil, err
	}
	if len(cfg.Outputs) == 0 {
		return m, gives(x, cfg.Gives[0])
	}
	for _, g := range cfg.Gives {
		x.Size = g.Size
		ch, y, err := build(cfg.Outputs[g.Name], "outputs."+g.Name, x)
		if err != nil {
			return nil, err
		}
		if err := gives(y, g); err != nil {
			return nil, err
		}
		m.outputs = append(m.outputs, ch)
	}
	return m, nil
}

// probe is the extent of the batch while sizes are found out.
const probe = 2

// read builds the lists of the inputs and says what they give together.
func (m *Model) read() (Operand, error) {
	cfg := m.Config
	ins, err := cfg.Operands()
	if err != nil {
		return Operand{}, err
	}
	var xs []Operand
	for _, in := range ins {
		s, err := shape.Make(append([]int{probe}, in.Item.Shape.Dims()...)...)
		if err != nil {
			return Operand{}, fmt.Errorf("input %s: %w", in.Name, err)
		}
		x := Operand{Type: ir.Type{DType: in.Item.DType, Shape: s}, Values: in.Values, Padding: in.Padding}
		ch, y, err := build(cfg.Inputs[in.Name], "inputs."+in.Name, x)
		if err != nil {
			return y, err
		}
		if len(ch.modules) == 0 {
			ch = nil
		}
		m.inputs, xs = append(m.inputs, ch), append(xs, y)
	}
	if len(xs) == 1 {
		return xs[0], nil
	}
	if m.join, err = cfg.Join.of(xs, nil); err != nil {
		var names []string
		for _, in := range ins {
			names = append(names, in.Name)
		}
		return Operand{}, fmt.Errorf("the inputs %s can't be joined: %w; layers under inputs can give them the same shape", strings.Join(names, ", "), err)
	}
	y := xs[0]
	y.Values, y.Padding = 0, nil
	for _, x := range xs[1:] {
		y.Masked = y.Masked && x.Masked
	}
	if cfg.Join == Concat {
		n := 0
		for _, x := range xs {
			n += x.Dim(m.join.axis)
		}
		y.Type.Shape = y.Type.Shape.With(m.join.axis, n)
		y.Masked = y.Masked && m.join.axis != 1
	}
	return y, nil
}

// gives checks that a result has as many values as its target wants.
func gives(x Operand, g Give) error {
	if g.Size == 0 || x.Rank() >= 2 && (x.Dim(1) == g.Size || x.Dim(-1) == g.Size) {
		return nil
	}
	return fmt.Errorf("the last layer gives %v, and the target %s wants %d values; a linear layer without out has as many", x, g.Name, g.Size)
}

// Children are the lists of layers.
func (m *Model) Children() []module.Child {
	var all []module.Child
	for i, ch := range m.inputs {
		if ch != nil {
			all = append(all, module.Child{Name: "inputs." + m.Config.Reads[i].Name, Module: ch})
		}
	}
	all = append(all, m.trunk.Children()...)
	for i, ch := range m.outputs {
		all = append(all, module.Child{Name: "outputs." + m.Config.Gives[i].Name, Module: ch})
	}
	return all
}

// Map gives the outputs of a batch of inputs, each [B ...].
func (m *Model) Map(c *module.Ctx, in []*ir.Value) []*ir.Value {
	defer c.Enter(m)()
	if len(in) != len(m.inputs) {
		c.Graph().Fail("layers", fmt.Sprintf("wants %d inputs, got %d", len(m.inputs), len(in)), in)
		return in
	}
	var xs []Flow
	for i, v := range in {
		x := Flow{Value: v}
		if m.inputs[i] != nil {
			x = m.inputs[i].Apply(c, x)
		}
		xs = append(xs, x)
	}
	x := xs[0]
	if len(xs) > 1 {
		x = m.join.apply(xs)
	}
	x = m.trunk.run(c, x)
	if len(m.outputs) == 0 {
		return []*ir.Value{x.Value}
	}
	var out []*ir.Value
	for _, ch := range m.outputs {
		out = append(out, ch.Apply(c, x).Value)
	}
	return out
}

// Forward is Map of one input and one output.
func (m *Model) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	out := m.Map(c, []*ir.Value{x})
	if len(out) != 1 {
		c.Graph().Fail("layers", fmt.Sprintf("gives %d outputs, which Map returns", len(out)), []*ir.Value{x})
		return x
	}
	return out[0]
}
