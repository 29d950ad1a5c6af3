// Package optest holds, for each op, a table of cases: inputs, the graph built
// of them, reference values and gradients where there are any, and mistakes
// with their messages.
//
// The tables are used three times. The tests of this package run them through
// the interpreter and compare with the references; the tests of package grad
// compare gradients with differences; the test of a backend is one call of
// [RunAll], which compares it with the interpreter.
package optest

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// A Case is one graph with its inputs. Floats are Float64 here; [Case.As]
// turns them into another type.
type Case struct {
	Name string
	// Golden is the file and case of testdata that the references come from, as
	// FILE/CASE; empty for others.
	Golden string
	// In are the inputs. An absent operand is nil, and nil in Build.
	In []*tensor.Tensor
	// Build makes the results from the inputs.
	Build func(in []*ir.Value) []*ir.Value

	// Want are reference results; nil, or a nil entry, where there is none.
	Want []*tensor.Tensor
	// Gout are cotangents of the results, nil for those that have no gradient,
	// and WantGrad the reference gradients of the inputs that belong to them,
	// nil where there is none.
	Gout, WantGrad []*tensor.Tensor

	// ByElement measures errors by each element's own magnitude, not by the
	// largest: for functions of single elements.
	ByElement bool
	// Loose, if not 0, multiplies the tolerance of Float32 results. The table
	// says why.
	Loose float64
	// NoGrad marks cases whose gradients differences can't check: at kinks and
	// ties, at infinities, or where there is none.
	NoGrad bool
	// Smooth marks cases whose second gradients are checked too.
	Smooth bool
}

// A Mistake is a wrong use: the message that the graph keeps must hold Want.
type Mistake struct {
	Name  string
	In    []ir.Type
	Build func(in []*ir.Value)
	Want  string
}

// A Table holds the cases of one file of package ops.
type Table struct {
	Cases    []Case
	Mistakes []Mistake
}

// Graph builds the case; inputs that are absent get no input of the graph.
func (c Case) Graph() (g *ir.Graph, in, out []*ir.Value) {
	g = ir.NewGraph()
	in = make([]*ir.Value, len(c.In))
	for i, t := range c.In {
		if t != nil {
			in[i] = g.Input(ir.Arg, fmt.Sprint("in", i), ir.Type{DType: t.DType(), Shape: t.Shape()})
		}
	}
	out = c.Build(in)
	g.SetOutputs(out...)
	return g, in, out
}

// Inputs are those inputs that are there, as a run of the graph takes them.
func (c Case) Inputs() []*tensor.Tensor { return present(c.In) }

func present(list []*tensor.Tensor) (there []*tensor.Tensor) {
	for _, t := range list {
		if t != nil {
			there = append(there, t)
		}
	}
	return there
}

// As returns the case with its Float64 inputs rounded to another type of
// floats, without references.
func (c Case) As(dt dtype.DType) Case {
	in := make([]*tensor.Tensor, len(c.In))
	for i, t := range c.In {
		if in[i] = t; t != nil && (t.DType() == dtype.Float64 || t.DType().IsHalf()) {
			in[i] = Convert(t, dt)
		}
	}
	return Case{Name: c.Name, In: in, Build: c.Build, ByElement: c.ByElement, Loose: c.Loose, NoGrad: c.NoGrad, Smooth: c.Smooth}
}

// InHalf reports whether the case has something to say about floats of 16 bits:
// it has a float among its inputs.
func (c Case) InHalf() bool {
	for _, t := range c.Inputs() {
		if t.DType().IsHalf() {
			return true
		}
	}
	return false
}

// Convert returns a copy of t, rounded to another type.
func Convert(t *tensor.Tensor, dt dtype.DType) *tensor.Tensor {
	c := tensor.New(dt, t.Shape())
	for i := range t.Size() {
		c.SetFloat(i, t.Float(i))
	}
	return c
}

// one lets builders of one result stand as Build.
func one(f func(in []*ir.Value) *ir.Value) func(in []*ir.Value) []*ir.Value {
	return func(in []*ir.Value) []*ir.Value { return []*ir.Value{f(in)} }
}

// typ is shorthand for a type in mistakes.
func typ(dt dtype.DType, dims ...int) ir.Type { return tensorType(tensor.New(dt, shapeOf(dims))) }

// byElement sets ByElement on all cases.
func byElement(cases []Case) []Case {
	for i := range cases {
		cases[i].ByElement = true
	}
	return cases
}
