package nn

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// AdaptiveAvgPool1d takes the mean of Out windows of a sequence,
// whatever its extent: window i of m is from element i*n/m, rounded down, to
// before (i+1)*n/m, rounded up.
// x [B C T], y [B C Out].
//
// Source: torch.nn.AdaptiveAvgPool1d.
type AdaptiveAvgPool1d struct{ Out int }

// NewAdaptiveAvgPool1d cuts the time in out windows; 1 takes all of it.
func NewAdaptiveAvgPool1d(out int) *AdaptiveAvgPool1d { return &AdaptiveAvgPool1d{out} }

// Forward pools x [B C T].
func (l *AdaptiveAvgPool1d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "adaptive_avg_pool", positive("out", l.Out), x, 1) {
		return x
	}
	return ops.AdaptiveAvgPool(x, l.Out)
}

// AdaptiveAvgPool2d takes the mean of Out windows of an image,
// whatever its extent: window i of m is from element i*n/m, rounded down, to
// before (i+1)*n/m, rounded up.
// x [B C Y X], y [B C Out[0] Out[1]].
//
// Source: torch.nn.AdaptiveAvgPool2d.
type AdaptiveAvgPool2d struct{ Out [2]int }

// NewAdaptiveAvgPool2d cuts images in y by x windows; 1 by 1 takes all of an
// image.
func NewAdaptiveAvgPool2d(y, x int) *AdaptiveAvgPool2d { return &AdaptiveAvgPool2d{[2]int{y, x}} }

// Forward pools x [B C Y X].
func (l *AdaptiveAvgPool2d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "adaptive_avg_pool", positive("out", l.Out[:]), x, 2) {
		return x
	}
	return ops.AdaptiveAvgPool(x, l.Out[:]...)
}

// AdaptiveAvgPool3d takes the mean of Out windows of a volume,
// whatever its extent: window i of m is from element i*n/m, rounded down, to
// before (i+1)*n/m, rounded up.
// x [B C Z Y X], y [B C Out[0] Out[1] Out[2]].
//
// Source: torch.nn.AdaptiveAvgPool3d.
type AdaptiveAvgPool3d struct{ Out [3]int }

// NewAdaptiveAvgPool3d cuts volumes in z by y by x windows; 1 by 1 by 1 takes
// all of a volume.
func NewAdaptiveAvgPool3d(z, y, x int) *AdaptiveAvgPool3d { return &AdaptiveAvgPool3d{[3]int{z, y, x}} }

// Forward pools x [B C Z Y X].
func (l *AdaptiveAvgPool3d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "adaptive_avg_pool", positive("out", l.Out[:]), x, 3) {
		return x
	}
	return ops.AdaptiveAvgPool(x, l.Out[:]...)
}

// AdaptiveMaxPool1d takes the largest element of Out windows of a sequence,
// whatever its extent: window i of m is from element i*n/m, rounded down, to
// before (i+1)*n/m, rounded up.
// x [B C T], y [B C Out].
//
// Source: torch.nn.AdaptiveMaxPool1d.
type AdaptiveMaxPool1d struct{ Out int }

// NewAdaptiveMaxPool1d cuts the time in out windows; 1 takes all of it.
func NewAdaptiveMaxPool1d(out int) *AdaptiveMaxPool1d { return &AdaptiveMaxPool1d{out} }

// Forward pools x [B C T].
func (l *AdaptiveMaxPool1d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "adaptive_max_pool", positive("out", l.Out), x, 1) {
		return x
	}
	return ops.AdaptiveMaxPool(x, l.Out)
}

// AdaptiveMaxPool2d takes the largest element of Out windows of an image,
// whatever its extent: window i of m is from element i*n/m, rounded down, to
// before (i+1)*n/m, rounded up.
// x [B C Y X], y [B C Out[0] Out[1]].
//
// Source: torch.nn.AdaptiveMaxPool2d.
type AdaptiveMaxPool2d struct{ Out [2]int }

// NewAdaptiveMaxPool2d cuts images in y by x windows; 1 by 1 takes all of an
// image.
func NewAdaptiveMaxPool2d(y, x int) *AdaptiveMaxPool2d { return &AdaptiveMaxPool2d{[2]int{y, x}} }

// Forward pools x [B C Y X].
func (l *AdaptiveMaxPool2d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "adaptive_max_pool", positive("out", l.Out[:]), x, 2) {
		return x
	}
	return ops.AdaptiveMaxPool(x, l.Out[:]...)
}

// AdaptiveMaxPool3d takes the largest element of Out windows of a volume,
// whatever its extent: window i of m is from element i*n/m, rounded down, to
// before (i+1)*n/m, rounded up.
// x [B C Z Y X], y [B C Out[0] Out[1] Out[2]].
//
// Source: torch.nn.AdaptiveMaxPool3d.
type AdaptiveMaxPool3d struct{ Out [3]int }

// NewAdaptiveMaxPool3d cuts volumes in z by y by x windows; 1 by 1 by 1 takes
// all of a volume.
func NewAdaptiveMaxPool3d(z, y, x int) *AdaptiveMaxPool3d { return &AdaptiveMaxPool3d{[3]int{z, y, x}} }

// Forward pools x [B C Z Y X].
func (l *AdaptiveMaxPool3d) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if refuses(c, "adaptive_max_pool", positive("out", l.Out[:]), x, 3) {
		return x
	}
	return ops.AdaptiveMaxPool(x, l.Out[:]...)
}
