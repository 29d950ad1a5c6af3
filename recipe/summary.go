package recipe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/backend/cost"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/shape"
)

// A Summary tells what a model is made of.
type Summary struct {
	Layers     []Layer // in the order in which the forward pass comes to them
	Parameters int64   // elements of all parameters
	Flops      int64   // arithmetic of a forward pass of one item
}

// A Layer is one call of a module that has a path of its own. What it tells
// includes the modules inside it.
type Layer struct {
	Path       string // such as "layer1.0.conv1"
	Kind       string // the Go type, such as "Conv2d"
	Output     ir.Type
	Parameters int64
	Flops      int64
}

// Summarize traces a forward pass of a batch of one in evaluation mode.
func Summarize(n *model.Network) (*Summary, error) {
	tree, err := module.Walk(n.Module)
	if err != nil {
		return nil, err
	}
	s := &Summary{}
	g := ir.NewGraph()
	c := module.NewCtx(g, tree, nil)
	var open []int // layers that were entered and not left
	c.Watch(func(v module.Visit) {
		if v.Path == "" {
			return
		}
		if !v.Left {
			open = append(open, len(s.Layers))
			s.Layers = append(s.Layers, Layer{Path: v.Path, Kind: kind(v.Module)})
			return
		}
		l := &s.Layers[open[len(open)-1]]
		open = open[:len(open)-1]
		for _, node := range g.Nodes()[v.From:v.To] {
			l.Flops += cost.Node(node)
		}
		l.Output = lastResult(g.Nodes()[:v.To])
	})
	var in []*ir.Value
	for _, input := range n.Inputs {
		batch, err := shape.Make(append([]int{1}, input.Item.Shape.Dims()...)...)
		if err != nil {
			return nil, err
		}
		in = append(in, g.Input(ir.Arg, input.Name, ir.Type{DType: input.Item.DType, Shape: batch}))
	}
	n.Map(c.Eval(), in)
	if err := g.Err(); err != nil {
		return nil, err
	}
	for _, node := range g.Nodes() {
		s.Flops += cost.Node(node)
	}
	for _, p := range tree.Params {
		size := int64(p.Shape.Size())
		s.Parameters += size
		for i := range s.Layers {
			if l := &s.Layers[i]; strings.HasPrefix(p.Key, l.Path+".") {
				l.Parameters += size
			}
		}
	}
	return s, nil
}

// lastResult is the type of what was computed last: the result of the module
// just left, also of one that passes its operand on.
func lastResult(nodes []*ir.Node) ir.Type {
	for _, n := range slices.Backward(nodes) {
		if in, ok := n.Op().(ir.Input); !ok || in.Kind == ir.Arg {
			return n.Out(0).Type()
		}
	}
	return ir.Type{}
}

// kind is the name of a module's type, as if it were exported.
func kind(m any) string {
	name := fmt.Sprintf("%T", m)
	name = name[strings.LastIndexByte(name, '.')+1:]
	return strings.ToUpper(name[:1]) + name[1:]
}
