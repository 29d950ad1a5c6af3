package engine

import (
	"time"

	"github.com/gradus-ml/gradus/tensor"
)

// A Request asks a model about N examples.
type Request struct {
	Model   string
	Version string // a number or a label; "" lets the weights of versions decide
	// Key, unless it is "", makes the choice by weights always the same one for
	// the same key, while weights stay: that of a user, say.
	Key string
	// Fill, unless it is nil, is called with the version that will answer and
	// what it takes, and completes the request by that: what Info told of a
	// version may be true no more, where versions share requests or are replaced.
	// Its error is that of the request. It may call Enter.
	Fill func(version string, s *Signature) error
	N    int
	// Columns holds N values for each column of Signature.Columns, of the Go
	// types that feature.RawKind names, nil for none.
	Columns map[string][]any
	// Tensors, in place of Columns, holds [N ...] for each of Signature.Tensors.
	Tensors map[string]*tensor.Tensor
	// Outputs names what the answer is to hold; nil takes all that need not be
	// asked for, an empty list none.
	Outputs []string
	// Results asks for what a person reads, a value that encodes to JSON for
	// each example and target.
	Results bool

	enter func(n int) error // while Fill runs
}

// Enter sets N and takes the places of the examples in the queue, or tells that
// there are none. It is for Fill, before it makes values of what a client has
// sent: they may take much more memory than that.
func (r *Request) Enter(n int) error {
	r.N = n
	if r.enter == nil || n < 1 { // which Predict refuses
		return nil
	}
	return r.enter(n)
}

// A Response is the answer.
type Response struct {
	Model, Version string
	N              int
	Outputs        []Answer
	Results        []map[string]any // of each example, by target, if they were asked for
	Times          Times
}

// An Answer is one output of all examples: a tensor [N ...], or N strings.
type Answer struct {
	Output
	Tensor  *tensor.Tensor
	Strings []string
}

// Times tells what a request waited for.
type Times struct {
	Start   time.Time
	Encode  time.Duration // preprocessing
	Queue   time.Duration // waiting for company and for the processor
	Compute time.Duration // of the batches that it was part of
	Decode  time.Duration
	Batch   int // examples in the largest of them
}
