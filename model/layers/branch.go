package layers

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

func branchKinds() []config.Kind {
	return []config.Kind{
		{Name: "residual", Default: Residual{}},
		{Name: "parallel", Default: Parallel{Join: Concat}},
		{Name: "sequential", Default: Sequential{}},
		{Name: "repeat", Default: Repeat{Times: 1}},
	}
}

// Sequential is a list of layers in the place of one.
type Sequential struct {
	Named  `yaml:",inline"`
	Layers []Layer `json:"layers" yaml:"layers"`
}

// Validate tells all that is wrong.
func (cfg Sequential) Validate() error {
	return errors.Join(some(cfg.Layers), validate(cfg.Layers, "layers"))
}

func some(list []Layer) error {
	if len(list) == 0 {
		return errors.New("layers must name at least one")
	}
	return nil
}

// Build makes the layers.
func (cfg Sequential) Build(x Operand) (Module, error) {
	ch, _, err := build(cfg.Layers, "layers", x)
	return ch, err
}

// Repeat is a list of layers several times, with weights of their own: their
// keys begin with the number of the repetition.
type Repeat struct {
	Named  `yaml:",inline"`
	Times  int     `json:"times" yaml:"times"`
	Layers []Layer `json:"layers" yaml:"layers"`
}

// Validate tells all that is wrong.
func (cfg Repeat) Validate() error {
	return errors.Join(atLeast(1, "times", cfg.Times), atMost(maxStack, "times", cfg.Times), some(cfg.Layers), validate(cfg.Layers, "layers"))
}

// Build makes the layers.
func (cfg Repeat) Build(x Operand) (Module, error) {
	all := &chain{}
	for i := range cfg.Times {
		ch, y, err := build(cfg.Layers, "layers", x)
		if err != nil {
			if i > 0 {
				err = fmt.Errorf("in repetition %d: %w", i+1, err)
			}
			return nil, err
		}
		all.names, all.modules = append(all.names, strconv.Itoa(i)), append(all.modules, ch)
		x = y
	}
	return all, nil
}

// Residual adds what goes into a list of layers to what comes out. Keys of the
// shortcut begin with "shortcut".
type Residual struct {
	Named    `yaml:",inline"`
	Layers   []Layer `json:"layers" yaml:"layers"`
	Shortcut []Layer `json:"shortcut" yaml:"shortcut"` // what the operand goes through before it is added; null for nothing
}

// Validate tells all that is wrong.
func (cfg Residual) Validate() error {
	return errors.Join(some(cfg.Layers), validate(cfg.Layers, "layers"), validate(cfg.Shortcut, "shortcut"))
}

// Build makes the layers.
func (cfg Residual) Build(x Operand) (Module, error) {
	body, y, err := build(cfg.Layers, "layers", x)
	if err != nil {
		return nil, err
	}
	short, s, err := build(cfg.Shortcut, "shortcut", x)
	if err != nil {
		return nil, err
	}
	switch {
	case y.Type == s.Type:
	case len(cfg.Shortcut) == 0:
		return nil, fmt.Errorf("layers give %v, which can't be added to %v; a shortcut with layers of its own can give it that shape", y, x)
	default:
		return nil, fmt.Errorf("layers give %v and the shortcut %v, which can't be added", y, s)
	}
	return &residual{body, short}, nil
}

type residual struct{ body, short *chain }

// Children are the layers, and the shortcut.
func (r *residual) Children() []module.Child {
	return append(r.body.Children(), module.Child{Name: "shortcut", Module: r.short})
}

// Apply adds both ways.
func (r *residual) Apply(c *module.Ctx, x Flow) Flow {
	defer c.Enter(r)()
	y, s := r.body.run(c, x), r.short.Apply(c, x)
	return Flow{ops.Add(y.Value, s.Value), y.Mask}
}

// A Join is a way to make one value of several.
type Join string

// The ways.
const (
	Concat Join = "concat" // side by side, along an axis
	Add    Join = "add"
	Mul    Join = "mul"
)

// Values lists the ways.
func (Join) Values() []string { return []string{string(Concat), string(Add), string(Mul)} }

func (j Join) validate() error {
	if j != Concat && j != Add && j != Mul {
		return fmt.Errorf("join: there is no %q; there are concat, add and mul", string(j))
	}
	return nil
}

// Parallel gives one operand to several lists of layers, and joins what they
// give. Keys begin with the number of the list.
type Parallel struct {
	Named    `yaml:",inline"`
	Branches [][]Layer `json:"branches" yaml:"branches"` // an empty list passes the operand on
	Join     Join      `json:"join" yaml:"join"`
	// Axis is the one along which values are joined, the batch's being 0; null
	// takes the channels: the last axis of [B D] and [B T D], axis 1 of images.
	Axis *int `json:"axis" yaml:"axis"`
}

// Validate tells all that is wrong.
func (cfg Parallel) Validate() error {
	errs := []error{cfg.Join.validate()}
	if len(cfg.Branches) == 0 {
		errs = append(errs, errors.New("branches must have at least one list of layers"))
	}
	for i, list := range cfg.Branches {
		errs = append(errs, validate(list, fmt.Sprintf("branches.%d", i)))
	}
	if cfg.Axis != nil {
		errs = append(errs, notBatch(*cfg.Axis))
	}
	return errors.Join(errs...)
}

// Build makes the layers.
func (cfg Parallel) Build(x Operand) (Module, error) {
	p := &parallel{}
	var outs []Operand
	for i, list := range cfg.Branches {
		ch, y, err := build(list, fmt.Sprintf("branches.%d", i), x)
		if err != nil {
			return nil, err
		}
		p.branches, outs = append(p.branches, ch), append(outs, y)
	}
	var err error
	p.join, err = cfg.Join.of(outs, cfg.Axis)
	return p, err
}

type parallel struct {
	branches []*chain
	join     joiner
}

// Children are the branches by their numbers.
func (p *parallel) Children() []module.Child {
	var all []module.Child
	for i, b := range p.branches {
		all = append(all, module.Child{Name: strconv.Itoa(i), Module: b})
	}
	return all
}

// Apply joins what the branches give.
func (p *parallel) Apply(c *module.Ctx, x Flow) Flow {
	defer c.Enter(p)()
	var outs []Flow
	for _, b := range p.branches {
		outs = append(outs, b.Apply(c, x))
	}
	return p.join.apply(outs)
}

// A joiner makes one value of several.
type joiner struct {
	by   Join
	axis int
}

// of checks that operands can be joined.
func (j Join) of(xs []Operand, axis *int) (joiner, error) {
	first := xs[0]
	at := 1
	if first.Rank() == 3 {
		at = 2
	}
	if axis != nil {
		if err := hasAxis(first, *axis); err != nil {
			return joiner{}, err
		}
		at = (*axis + first.Rank()) % first.Rank()
	}
	for i, x := range xs {
		same := x.Type.DType == first.Type.DType && x.Rank() == first.Rank()
		for a := 0; same && a < x.Rank(); a++ {
			same = x.Dim(a) == first.Dim(a) || j == Concat && a == at
		}
		if !same || first.Rank() < 2 {
			how := map[Join]string{Concat: fmt.Sprintf("concatenated along axis %d", at), Add: "added", Mul: "multiplied"}[j]
			return joiner{}, fmt.Errorf("%v of the first and %v of number %d can't be %s", first, x, i, how)
		}
	}
	return joiner{j, at}, nil
}

// apply joins values. A mask stays if all have one, and no places are added.
func (j joiner) apply(xs []Flow) Flow {
	y := xs[0]
	values := []*ir.Value{y.Value}
	for _, x := range xs[1:] {
		values = append(values, x.Value)
		switch j.by {
		case Add:
			y.Value = ops.Add(y.Value, x.Value)
		case Mul:
			y.Value = ops.Mul(y.Value, x.Value)
		}
		if x.Mask == nil {
			y.Mask = nil
		}
	}
	if j.by != Concat {
		return y
	}
	y.Value = ops.Concat(j.axis, values...)
	if j.axis == 1 {
		y.Mask = nil
	}
	return y
}
