package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// GridSampleOptions says how [GridSample] reads images.
type GridSampleOptions struct {
	Nearest      bool // the nearest pixel; false for the four around, by distance
	Border       bool // the nearest pixel of the image stands for those outside; false for 0
	AlignCorners bool // -1 and 1 are the middles of the first and last pixels; false for their outer edges
}

// GridSample looks images up at places between pixels: x [B C Y X], grid
// [B Y' X' 2], y [B C Y' X']. A place is (u, v) along X and Y, of which -1 and 1
// are the edges of an image of n pixels: pixel
//
//	((u + 1) n - 1)/2, or (u + 1)(n - 1)/2 with AlignCorners
//
// Halves are rounded to even numbers. The gradient by the grid is 0 where Nearest
// is set, and along an axis on which a place is clamped. Places must be numbers:
// NaN and infinities stand for pixel 0.
//
// Source: Jaderberg and others, "Spatial transformer networks" (2015), section
// 3.3; torch.nn.functional.grid_sample with modes bilinear and nearest and
// padding zeros and border.
func GridSample(x, grid *ir.Value, o GridSampleOptions) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	var err error
	switch {
	case !x.DType().IsFloat() || x.DType() != grid.DType():
		err = errors.New("wants images and a grid of one floating-point type")
	case x.Rank() != 4 || grid.Rank() != 4 || grid.Dim(0) != x.Dim(0) || grid.Dim(3) != 2:
		err = errors.New("wants images [B C Y X] and a grid [B Y' X' 2]")
	case x.Shape().Size() == 0:
		err = fmt.Errorf("wants images with pixels, got %v", x.Shape())
	}
	if err != nil {
		return fail("grid_sample", err, x, grid)
	}
	return inFloat32(x, func(x *ir.Value) *ir.Value { return gridSample(x, Cast(grid, x.DType()), o) })
}

func gridSample(x, grid *ir.Value, o GridSampleOptions) *ir.Value {
	b, c, h, w := x.Dim(0), x.Dim(1), x.Dim(2), x.Dim(3)
	places := shape.Of(b, grid.Dim(1)*grid.Dim(2))
	along := func(axis, n int) *ir.Value {
		u := Reshape(Narrow(grid, 3, axis, 1), places.Dims()...)
		u = Select(IsFinite(u), u, Scalar(u, -1))
		u = Add(u, Scalar(u, 1))
		if o.AlignCorners {
			u = Mul(u, Scalar(u, float64(n-1)/2))
		} else {
			u = Mul(Sub(Mul(u, Scalar(u, float64(n))), Scalar(u, 1)), Scalar(u, 0.5))
		}
		if o.Border {
			return Clamp(u, 0, float64(n-1))
		}
		return Clamp(u, -2, float64(n+1)) // all further out is 0 too, and whole numbers stay small
	}
	u, v := along(0, w), along(1, h)
	// Pixels are rows of channels, so that each is read in one piece.
	rows := Reshape(Transpose(x, 0, 2, 3, 1), b*h*w, c)
	first := Mul(Iota(x.Graph(), dtype.Int64, places, 0), FullInt(x.Graph(), dtype.Int64, shape.Shape{}, int64(h*w)))
	pixels := func(py, px *ir.Value) *ir.Value { // [B L C], of whole numbers in floating point
		y, x := Clamp(py, 0, float64(h-1)), Clamp(px, 0, float64(w-1))
		at := Add(first, Add(Mul(Cast(y, dtype.Int64), FullInt(py.Graph(), dtype.Int64, shape.Shape{}, int64(w))), Cast(x, dtype.Int64)))
		got := Reshape(Take(rows, Reshape(at, places.Size()), 0), b, places.Dim(1), c)
		if o.Border {
			return got
		}
		inside := And(Eq(y, py), Eq(x, px))
		return Select(BroadcastInDim(inside, got.Shape(), 0, 1), got, ZerosLike(got))
	}
	var y *ir.Value
	if o.Nearest {
		y = pixels(Round(StopGradient(v)), Round(StopGradient(u)))
	} else {
		left, top := StopGradient(Floor(u)), StopGradient(Floor(v))
		fx, fy := Sub(u, left), Sub(v, top)
		one := func(t *ir.Value) *ir.Value { return Sub(Scalar(t, 1), t) }
		for _, p := range []struct {
			dy, dx float64
			weight *ir.Value
		}{{0, 0, Mul(one(fy), one(fx))}, {0, 1, Mul(one(fy), fx)}, {1, 0, Mul(fy, one(fx))}, {1, 1, Mul(fy, fx)}} {
			got := pixels(Add(top, Scalar(top, p.dy)), Add(left, Scalar(left, p.dx)))
			term := Mul(got, BroadcastInDim(p.weight, got.Shape(), 0, 1))
			if y == nil {
				y = term
			} else {
				y = Add(y, term)
			}
		}
	}
	return Reshape(Transpose(y, 0, 2, 1), b, c, grid.Dim(1), grid.Dim(2))
}

// AffineGrid gives the places [B Y X 2] that [GridSample] reads for images of y
// by x pixels moved by theta [B 2 3]:
//
//	(u, v) = theta (u', v', 1)
//
// for the place (u', v') of each pixel of the result.
//
// Source: Jaderberg and others, "Spatial transformer networks" (2015), equation
// 1; torch.nn.functional.affine_grid.
func AffineGrid(theta *ir.Value, y, x int, alignCorners bool) *ir.Value {
	if theta.Graph().Err() != nil {
		return standIn(theta)
	}
	if theta.Rank() != 3 || theta.Dim(1) != 2 || theta.Dim(2) != 3 || !theta.DType().IsFloat() || y < 1 || x < 1 {
		return fail("affine_grid", fmt.Errorf("wants matrices [B 2 3] and extents of at least 1, got %d by %d", y, x), theta)
	}
	g := theta.Graph()
	s := shape.Of(y, x)
	along := func(axis, n int) *ir.Value {
		i := Cast(Iota(g, dtype.Int64, s, axis), theta.DType())
		if alignCorners {
			if n == 1 {
				return ZerosLike(i)
			}
			return Sub(Mul(i, Scalar(i, 2/float64(n-1))), Scalar(i, 1))
		}
		return Sub(Mul(Add(Mul(i, Scalar(i, 2)), Scalar(i, 1)), Scalar(i, 1/float64(n))), Scalar(i, 1))
	}
	u := along(1, x)
	base := Reshape(Stack(2, u, along(0, y), OnesLike(u)), y*x, 3)
	all := MatMul(Broadcast(base, shape.Of(theta.Dim(0), y*x, 3)), Transpose(theta, 0, 2, 1))
	return Reshape(all, theta.Dim(0), y, x, 2)
}
