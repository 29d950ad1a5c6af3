package data

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Token is the set of types that hold tokens: bytes of text, or the numbers
// that a tokenizer gives.
type Token interface {
	~byte | ~uint16 | ~int32 | ~uint32 | ~int64
}

// A WindowSet is a Dataset of language modelling: pieces of a long list of
// tokens, each with what follows every one of its tokens.
type WindowSet[T Token] struct {
	tokens         []T
	length, stride int
}

// Windows returns the set whose item i is, as i64, the tokens s to s+length and
// those one further, where s = i*stride. What is left at the end, too short for
// an item, is not used. It does not copy.
func Windows[T Token](tokens []T, length, stride int) (*WindowSet[T], error) {
	if length < 1 || stride < 1 {
		return nil, fmt.Errorf("data: windows of %d tokens every %d: both must be at least 1", length, stride)
	}
	if len(tokens) <= length {
		return nil, fmt.Errorf("data: %d tokens are too few for a window of %d and the one that follows", len(tokens), length)
	}
	return &WindowSet[T]{tokens, length, stride}, nil
}

// Len is the number of items.
func (s *WindowSet[T]) Len() int { return (len(s.tokens)-s.length-1)/s.stride + 1 }

// Item returns window i and what follows.
func (s *WindowSet[T]) Item(i int) ([]*tensor.Tensor, error) {
	x, y := tensor.New(dtype.Int64, shape.Of(s.length)), tensor.New(dtype.Int64, shape.Of(s.length))
	s.fill(tensor.Data[int64](x), tensor.Data[int64](y), i)
	return []*tensor.Tensor{x, y}, nil
}

// Gather fills whole batches.
func (s *WindowSet[T]) Gather(dst []*tensor.Tensor, items []int, epoch int) error {
	x, y := tensor.Data[int64](dst[0]), tensor.Data[int64](dst[1])
	for k, i := range items {
		s.fill(x[k*s.length:(k+1)*s.length], y[k*s.length:(k+1)*s.length], i)
	}
	return nil
}

func (s *WindowSet[T]) fill(x, y []int64, i int) {
	from := s.tokens[i*s.stride : i*s.stride+s.length+1]
	for j := range x {
		x[j], y[j] = int64(from[j]), int64(from[j+1])
	}
}
