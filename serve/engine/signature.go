package engine

import (
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/shape"
)

// A Signature is what a model takes and gives.
type Signature struct {
	// Columns are what data come as: the server does what training did with
	// them. A request gives a value of each for every example.
	Columns []feature.Raw
	// Tensors are the same when preprocessing is done, for clients that do it
	// themselves.
	Tensors []Tensor
	// Outputs are what an answer may hold.
	Outputs []Output
}

// A Tensor is an input of the network.
type Tensor struct {
	Name   string
	DType  dtype.DType
	Shape  shape.Shape // of one example
	Varies bool        // the first axis of an example may be shorter
}

// A Role is what an output says of its target.
type Role string

// The roles.
const (
	Class         Role = "class"         // text: the most probable class
	Probabilities Role = "probabilities" // float32 [C], by Labels
	Logits        Role = "logits"        // what the network gives, float32
	Value         Role = "value"         // float64: numbers in the data's own unit
)

// An Output is one tensor of an answer.
type Output struct {
	Name   string
	Target string // the target that it is of
	Role   Role
	Text   bool // strings, and no DType
	DType  dtype.DType
	Shape  []int    // of one example; -1 where it depends on the input
	Labels []string // the classes, where the last axis is by class
	Asked  bool     // in an answer only if the request names it
}

// signature finds out what a model takes and gives.
func signature(s *recipe.Saved) Signature {
	sig := Signature{Columns: s.Set.Raw()}
	for _, f := range s.Set.Inputs {
		t := Tensor{Name: f.Name}
		t.DType, t.Shape = f.Encoder.Item()
		if v, ok := f.Encoder.(feature.Varying); ok {
			t.Varies = v.Varies()
		}
		sig.Tensors = append(sig.Tensors, t)
	}
	for _, f := range s.Set.Targets {
		sig.Outputs = append(sig.Outputs, outputsOf(f)...)
	}
	return sig
}

// outputsOf lists what can be told of a target. The first is what it is known
// by.
func outputsOf(f feature.Fitted) []Output {
	logits := Output{Name: f.Name + "_logits", Target: f.Name, Role: Logits, DType: dtype.Float32, Asked: true}
	switch e := f.Encoder.(type) {
	case *feature.ClassEncoder:
		n := []int{len(e.Classes)}
		logits.Shape, logits.Labels = n, e.Classes
		return []Output{
			{Name: f.Name, Target: f.Name, Role: Class, Text: true, Shape: []int{}},
			{Name: f.Name + "_probabilities", Target: f.Name, Role: Probabilities, DType: dtype.Float32, Shape: n, Labels: e.Classes},
			logits,
		}
	case *feature.ClassesEncoder:
		n := []int{len(e.Classes)}
		logits.Shape, logits.Labels = n, e.Classes
		return []Output{
			{Name: f.Name + "_probabilities", Target: f.Name, Role: Probabilities, DType: dtype.Float32, Shape: n, Labels: e.Classes},
			logits,
		}
	case *feature.NumberEncoder:
		return []Output{{Name: f.Name, Target: f.Name, Role: Value, DType: dtype.Float64, Shape: []int{len(e.Columns)}, Labels: e.Columns}}
	}
	// Scores of positions, pixels and steps come as the network gives them.
	logits.Name, logits.Asked, logits.Shape = f.Name, false, []int{-1}
	return []Output{logits}
}
