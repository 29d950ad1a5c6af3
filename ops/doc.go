// Package ops holds the ops of the graph: for each its attributes, the builder
// that models call, its shape rule, its plain evaluation or expansion, and its
// gradient.
//
// A builder neither panics nor returns an error: a mistake is kept in the
// graph with op, operands, module path and the user's line, and returned when
// the graph is compiled.
//
// The type of an op carries the suffix Op; the builder has the plain name.
// Families whose members differ in a formula only ([UnaryOp], [BinaryOp],
// [CompareOp], [ReduceOp]) are one type with a table of formulas.
//
// Binary builders broadcast their operands by NumPy's rule and insert the
// broadcasts into the graph; the ops themselves take equal shapes.
package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// one is the result of Infer for an op of one result.
func one(dt dtype.DType, s shape.Shape) ([]ir.Type, error) {
	return []ir.Type{{DType: dt, Shape: s}}, nil
}

// fail keeps a mistake of a builder in the graph and returns a stand-in for its
// result.
func fail(op string, err error, in ...*ir.Value) *ir.Value {
	in[0].Graph().Fail(op, err.Error(), in)
	return standIn(in[0])
}

// standIn is what builders return once a mistake is kept: a value of extents
// 1, so that the user's own arithmetic on shapes can't fail.
func standIn(like *ir.Value) *ir.Value { return like.Graph().Poison(like.DType()) }

// operands checks the number of operands.
func operands(in []ir.Type, want int) error {
	if len(in) != want {
		return fmt.Errorf("wants %d operands, got %d", want, len(in))
	}
	return nil
}

// alike checks that all operands have one type.
func alike(in []ir.Type) error {
	for _, t := range in[1:] {
		if t.DType != in[0].DType {
			return errors.New("element types differ")
		}
		if t.Shape != in[0].Shape {
			return errors.New("shapes differ")
		}
	}
	return nil
}

// floating checks that an operand has a floating-point type.
func floating(t ir.Type) error {
	if !t.DType.IsFloat() {
		return fmt.Errorf("wants a floating-point type, got %v", t.DType)
	}
	return nil
}
