package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// Diagonal takes a diagonal of the matrices along two axes, which it drops,
// as a new last axis: elements [i, i+offset], or [i-offset, i] for an offset
// below 0. Negative axes count from the end.
//
// Source: torch.diagonal.
func Diagonal(x *ir.Value, offset, rows, cols int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	r, err1 := x.Shape().Axis(rows)
	c, err2 := x.Shape().Axis(cols)
	if err := errors.Join(err1, err2); err != nil || r == c {
		return fail("diagonal", fmt.Errorf("axes %d and %d are not two of a tensor of rank %d", rows, cols, x.Rank()), x)
	}
	var perm []int
	for a := range x.Rank() {
		if a != r && a != c {
			perm = append(perm, a)
		}
	}
	x = Transpose(x, append(perm, r, c)...) // [... R C]
	height, width := x.Dim(-2), x.Dim(-1)
	first := offset // place of the first element in a matrix
	n := min(height, width-offset)
	if offset < 0 {
		first = -offset * width
		n = min(height+offset, width)
	}
	n = max(n, 0)
	dims := x.Shape().Dims()[:x.Rank()-2]
	if n == 0 {
		return Full(x.Graph(), x.DType(), shape.Of(append(dims, 0)...), 0)
	}
	// One below the other in a row of all elements, a row and one more apart.
	flat := Reshape(x, append(dims, height*width)...)
	from, to, step := make([]int, flat.Rank()), flat.Shape().Dims(), padBehind(flat.Rank(), width+1)
	from[flat.Rank()-1] = first
	to[flat.Rank()-1] = first + (n-1)*(width+1) + 1
	return Slice(flat, from, to, step)
}

// padBehind is a list of ones that ends with a number.
func padBehind(n, last int) []int {
	list := padFront(nil, n)
	list[n-1] = last
	return list
}

// DiagEmbed makes diagonal matrices [... N N] of the rows of x [... N].
//
// Source: torch.diag_embed with its defaults.
func DiagEmbed(x *ir.Value) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if x.Rank() == 0 {
		return fail("diag_embed", errors.New("wants rank 1 and up"), x)
	}
	return Select(diagonalMask(x.Graph(), x.Dim(-1)), Unsqueeze(x, -1), Scalar(x, 0))
}

// Eye is the identity matrix [n n].
//
// Source: torch.eye.
func Eye(g *ir.Graph, dt dtype.DType, n int) *ir.Value {
	return Cast(diagonalMask(g, n), dt)
}

func diagonalMask(g *ir.Graph, n int) *ir.Value {
	s, err := shape.Make(n, n)
	if g.Err() == nil && err != nil {
		g.Fail("eye", err.Error(), nil)
	}
	if g.Err() != nil {
		return g.Poison(dtype.Bool)
	}
	return Eq(Iota(g, dtype.Int32, s, 0), Iota(g, dtype.Int32, s, 1))
}

// Trace is the sum of the main diagonal of x [... R C], over [...].
//
// Source: torch.trace, for batches too.
func Trace(x *ir.Value) *ir.Value {
	d := Diagonal(x, 0, -2, -1)
	if d.Graph().Err() != nil {
		return standIn(x)
	}
	return Sum(d, -1)
}
