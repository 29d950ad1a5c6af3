// Package model has the families of models under one table: what a recipe can
// name, as data, and how the data it is trained on complete it.
//
// A [Config] of a recipe may leave out what the data determine: the size of
// images, the number of classes, the vocabulary. [New] fills it in, and refuses
// what is given and differs; the completed config is what is saved with the
// weights, and makes the same model again without data.
package model

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
)

// The types of package module, under the names that programs use.
type (
	Input  = module.Input
	Output = module.Output
)

// A Config is a model as data.
type Config interface {
	// Validate tells all that is wrong with the settings. What the data
	// determine may be missing.
	Validate() error
	// Fit returns the config with what the data determine.
	Fit(in []Input, out []Output) (Config, error)
	// Build makes the model of a complete config: a module.Forwarder, or a
	// module.Mapper.
	Build() (any, error)
	// Reads tells what the model of a complete config reads.
	Reads() []Input
}

// A Network is a model with what is known of it.
type Network struct {
	Type   string // the family's name in Kinds
	Config Config // complete
	Module any    // what a store holds
	Inputs []Input
}

// New makes the model of a config for data that have some inputs and targets.
func New(cfg Config, in []Input, out []Output) (*Network, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	full, err := cfg.Fit(in, out)
	if err != nil {
		return nil, err
	}
	return Complete(full)
}

// Complete makes the model of a config that lacks nothing.
func Complete(cfg Config) (*Network, error) {
	kind, ok := kindOf(cfg)
	if !ok {
		return nil, fmt.Errorf("model: %T is the config of no family", cfg)
	}
	m, err := cfg.Build()
	if err != nil {
		return nil, err
	}
	return &Network{Type: kind.Name, Config: cfg, Module: m, Inputs: cfg.Reads()}, nil
}

// Map gives the outputs of a batch of inputs.
func (n *Network) Map(c *module.Ctx, in []*ir.Value) []*ir.Value {
	switch m := n.Module.(type) {
	case module.Mapper:
		return m.Map(c, in)
	case module.Forwarder:
		if len(in) == 1 {
			return []*ir.Value{m.Forward(c, in[0])}
		}
	}
	c.Graph().Fail(n.Type, fmt.Sprintf("wants %d inputs, got %d", len(n.Inputs), len(in)), in)
	return in
}

// Summary lists the modules that one example goes through.
func (n *Network) Summary() (*nn.Summary, error) {
	var in []ir.Type
	for _, input := range n.Inputs {
		s, err := shape.Make(append([]int{1}, input.Item.Shape.Dims()...)...)
		if err != nil {
			return nil, fmt.Errorf("model: input %s: %w", input.Name, err)
		}
		in = append(in, ir.Type{DType: input.Item.DType, Shape: s})
	}
	return nn.Summarize(n.Module, in...)
}

// single are the input and output of a family that has one of each.
func single(family string, in []Input, out []Output) (Input, Output, error) {
	if len(in) != 1 || len(out) != 1 {
		return Input{}, Output{}, fmt.Errorf("%s reads one input and gives one output, and the data have inputs %s and targets %s; type layers can have several",
			family, names(in, func(i Input) string { return i.Name }), names(out, func(o Output) string { return o.Name }))
	}
	return in[0], out[0], nil
}

func names[T any](list []T, name func(T) string) string {
	var all []string
	for _, x := range list {
		all = append(all, name(x))
	}
	return strings.Join(all, ", ")
}

// image are the input and output of a family that classifies images, or their pixels.
func image(family string, in []Input, out []Output) (channels, y, x int, size int, err error) {
	i, o, err := single(family, in, out)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	s := i.Item.Shape
	if s.Rank() != 3 || !i.Item.DType.IsFloat() {
		return 0, 0, 0, 0, fmt.Errorf("%s reads images [C Y X], and input %s is %v", family, i.Name, i.Item)
	}
	return s.Dim(0), s.Dim(1), s.Dim(2), o.Size, nil
}

// fitImage takes channels, size and classes of a family that classifies images, or
// their pixels, from the data.
func fitImage(family string, in []Input, out []Output, channels *int, size *[2]int, classes *int) error {
	c, y, x, n, err := image(family, in, out)
	if err != nil {
		return err
	}
	return errors.Join(fill(family, "in_channels", channels, c), fill(family, "size.0", &size[0], y), fill(family, "size.1", &size[1], x),
		fill(family, "classes", classes, n))
}

// text are the input and output of a family that reads tokens.
func text(family string, in []Input, out []Output) (context, vocabulary, size int, err error) {
	i, o, err := single(family, in, out)
	if err != nil {
		return 0, 0, 0, err
	}
	if i.Item.Shape.Rank() != 1 || !i.Item.DType.IsInt() {
		return 0, 0, 0, fmt.Errorf("%s reads tokens [T], and input %s is %v", family, i.Name, i.Item)
	}
	return i.Item.Shape.Dim(0), i.Values, o.Size, nil
}

// fill sets what a config leaves to the data, and refuses what differs.
func fill(family, name string, v *int, data int) error {
	switch {
	case data == 0 || *v == data:
	case *v == 0:
		*v = data
	default:
		return fmt.Errorf("%s: %s is %d, and the data have %d; without this key the data decide", family, name, *v, data)
	}
	return nil
}

// or is v, or a stand-in where the data are to give it.
func or(v, standIn int) int {
	if v == 0 {
		return standIn
	}
	return v
}
