package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// A BagFunc says how the rows of a bag become one.
type BagFunc uint8

// The ways.
const (
	SumBag BagFunc = iota
	MeanBag
	MaxBag
)

// EmbeddingBag looks up rows of weight [V D] and combines those of each bag:
// y [B D]. The words of the bags stand one bag behind the other in idx [N], and
// offsets [B], rising from 0, tells where each begins; or, with offsets nil,
// idx [B L] has a bag a row. scale, of the shape of idx, multiplies the rows of
// a sum; it may be nil. Words paddingIdx, if it is not nil, count for nothing.
// An empty bag gives zeros. An index outside gives NaN. Equal largest elements
// share the gradient of their maximum evenly.
//
// Source: torch.nn.functional.embedding_bag, which gives the gradient of a
// maximum to one of equals.
func EmbeddingBag(weight, idx, offsets, scale *ir.Value, f BagFunc, paddingIdx *int) *ir.Value {
	if weight.Graph().Err() != nil {
		return standIn(weight)
	}
	g := weight.Graph()
	if err := checkBag(weight, idx, offsets, scale, f); err != nil {
		return fail("embedding_bag", err, weight, idx)
	}
	bags, words := idx.Dim(0), idx.Shape().Size()
	flat := Reshape(idx, words)
	var bag *ir.Value // of each word
	if offsets != nil {
		bags = offsets.Dim(0)
		bag = SearchSorted(offsets, Iota(g, offsets.DType(), shape.Of(words), 0), true)
		bag = Sub(bag, Scalar(bag, 1))
	} else {
		bag = Reshape(Iota(g, dtype.Int64, idx.Shape(), 0), words)
	}
	counts := Full(g, weight.DType(), shape.Of(words), 1)
	rows := Take(weight, flat, 0)
	if scale != nil {
		rows = Mul(rows, Reshape(scale, words, 1))
	}
	if paddingIdx != nil {
		padding := Eq(flat, FullInt(g, flat.DType(), shape.Shape{}, int64(*paddingIdx)))
		counts = Cast(Not(padding), weight.DType())
		nothing := 0.0
		if f == MaxBag {
			nothing = math.Inf(-1)
		}
		rows = MaskedFill(rows, Unsqueeze(padding, 1), nothing)
	}
	out := shape.Of(bags, weight.Dim(1))
	if f == SumBag {
		return IndexAdd(Full(g, weight.DType(), out, 0), bag, rows, 0)
	}
	n := Unsqueeze(IndexAdd(Full(g, weight.DType(), shape.Of(bags), 0), bag, counts, 0), 1)
	if f == MeanBag {
		return Div(IndexAdd(Full(g, weight.DType(), out, 0), bag, rows, 0), Maximum(n, Scalar(n, 1)))
	}
	most := IndexReduce(AmaxFunc, Full(g, weight.DType(), out, math.Inf(-1)), bag, rows, 0, true)
	return Select(Eq(n, Scalar(n, 0)), Scalar(most, 0), most)
}

func checkBag(weight, idx, offsets, scale *ir.Value, f BagFunc) error {
	switch {
	case weight.Rank() != 2 || !weight.DType().IsFloat():
		return errors.New("wants weight [V D] of a floating-point type")
	case !idx.DType().IsInt():
		return fmt.Errorf("wants an index of an integer type, got %v", idx.DType())
	case offsets == nil && idx.Rank() != 2:
		return errors.New("wants an index [B L], or offsets")
	case offsets != nil && (idx.Rank() != 1 || offsets.Rank() != 1 || !offsets.DType().IsInt()):
		return errors.New("wants an index [N] and whole offsets [B]")
	case scale != nil && f != SumBag:
		return errors.New("scales the rows of sums alone")
	case scale != nil && (scale.Shape() != idx.Shape() || scale.DType() != weight.DType()):
		return errors.New("wants one scale a word, of the weight's type")
	case f > MaxBag:
		return errors.New("combines by sum, mean or max only")
	}
	return nil
}
