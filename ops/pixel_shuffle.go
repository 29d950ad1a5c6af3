package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
)

// PixelShuffle makes images larger by a factor r with pixels from their
// channels: x [B C*r*r Y X], y [B C Y*r X*r],
//
//	y[b, c, v*r + i, u*r + j] = x[b, (c*r + i)*r + j, v, u]
//
// Source: torch.nn.functional.pixel_shuffle.
func PixelShuffle(x *ir.Value, factor int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if x.Rank() != 4 || factor < 1 || x.Dim(1)%(factor*factor) != 0 {
		return fail("pixel_shuffle", fmt.Errorf("wants images [B C Y X] whose channels divide by the square of the factor %d", factor), x)
	}
	b, c, y, w := x.Dim(0), x.Dim(1)/(factor*factor), x.Dim(2), x.Dim(3)
	x = Transpose(Reshape(x, b, c, factor, factor, y, w), 0, 1, 4, 2, 5, 3)
	return Reshape(x, b, c, y*factor, w*factor)
}

// PixelUnshuffle undoes [PixelShuffle]: x [B C Y*r X*r], y [B C*r*r Y X].
//
// Source: torch.nn.functional.pixel_unshuffle.
func PixelUnshuffle(x *ir.Value, factor int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if x.Rank() != 4 || factor < 1 || x.Dim(2)%factor != 0 || x.Dim(3)%factor != 0 {
		return fail("pixel_unshuffle", fmt.Errorf("wants images [B C Y X] whose extents divide by the factor %d", factor), x)
	}
	b, c, y, w := x.Dim(0), x.Dim(1), x.Dim(2)/factor, x.Dim(3)/factor
	x = Transpose(Reshape(x, b, c, y, factor, w, factor), 0, 1, 3, 5, 2, 4)
	return Reshape(x, b, c*factor*factor, y, w)
}
