// Package feature turns rows of a source into tensors and remembers how.
//
// A [Config] names columns and what becomes of them; it is data that a recipe
// holds. What it needs to know of the data (means, vocabularies, classes) is
// learnt from the training rows alone, by its [Fitter], and kept in an
// [Encoder], which is data too: it is saved with the model and does the same at
// prediction.
package feature

import (
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Config says how one tensor of an example is made.
type Config interface {
	// Validate tells all that is wrong with the settings.
	Validate() error
	// Reads names the columns that the tensor is made of.
	Reads() []string
	// Fitter begins to learn from rows; columns are those of Reads.
	Fitter(columns []source.Column) (Fitter, error)
}

// A Fitter learns from the training rows.
type Fitter interface {
	// Add takes one row: a value for each column, nil where there is none.
	// It keeps nothing of values that it does not copy.
	Add(values []any) error
	// Encoder is called once, after the last row.
	Encoder() (Encoder, error)
}

// A Brief fitter may know enough before the last row; it is given no more
// then, and what it reads is not read on.
type Brief interface {
	Fitter
	Enough() bool
}

// An Encoder makes the tensor of an example. It is plain data, with exported
// fields, and safe for concurrent use.
type Encoder interface {
	// Validate tells what is wrong with an encoder that was read from a file.
	Validate() error
	// Reads names the columns, as the Config did.
	Reads() []string
	// Item is the element type and shape of the tensor.
	Item() (dtype.DType, shape.Shape)
	// Encode fills dst, of that type and shape. It allocates little or
	// nothing, keeps neither dst nor values, and draws random numbers from d
	// alone.
	Encode(dst *tensor.Tensor, values []any, d data.Draw) error
}

// A Varying encoder makes tensors whose first axis has a length of its own in
// each example. Its Item has the largest length, which Encode pads to.
type Varying interface {
	Encoder
	// Varies reports whether it does, with its settings.
	Varies() bool
	// Make returns the tensor in its own length.
	Make(values []any, d data.Draw) (*tensor.Tensor, error)
	// Padding is what fills the rest of a batch.
	Padding() float64
}

// A Checker is an encoder of files that tells in a small part of the time of
// Encode whether it takes one.
type Checker interface {
	Encoder
	// Check returns the error that Encode would return, or nil where only
	// Encode can find one.
	Check(values []any) error
}

// An Indexed encoder makes numbers of entries of a table, in 0..Entries()-1, as
// an embedding takes them.
type Indexed interface {
	Encoder
	Entries() int
}

// A Target is an Encoder of what a model is to find.
type Target interface {
	Encoder
	// Outputs is the number of values that the model gives for each position:
	// the number of classes, or of numbers.
	Outputs() int
	// Decode turns a model's output for one example into what a person reads,
	// a value that encodes to JSON: class and probabilities, a number in its
	// own unit.
	Decode(output *tensor.Tensor) (any, error)
}
