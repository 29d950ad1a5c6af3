package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
)

// Patches says where patches of images lie. Pairs are in the order Y, X. There
// are (Y + 2 Padding - Dilation (Kernel-1) - 1)/Stride + 1 of them along Y,
// rounded down, and so along X.
//
// Source: torch.nn.functional.unfold and fold.
type Patches struct{ Kernel, Stride, Padding, Dilation [2]int }

// count is how many patches lie over an image of y by x.
func (p Patches) count(size [2]int) (n [2]int, err error) {
	for i := range n {
		if p.Kernel[i] < 1 || p.Stride[i] < 1 || p.Dilation[i] < 1 || p.Padding[i] < 0 {
			return n, fmt.Errorf("wants kernel, stride and dilation of at least 1 and no negative padding, got %+v", p)
		}
		span := p.Dilation[i]*(p.Kernel[i]-1) + 1
		if rest := size[i] + 2*p.Padding[i] - span; rest >= 0 {
			n[i] = rest/p.Stride[i] + 1
		} else {
			return n, fmt.Errorf("a patch over %d positions does not fit into %d and padding of %d", span, size[i], p.Padding[i])
		}
	}
	return n, nil
}

// Unfold puts the patches of x [B C Y X] side by side: y [B C*Ky*Kx L], of which
// column l is patch number l, row-major. What lies outside of x is 0.
//
// Source: torch.nn.functional.unfold.
func Unfold(x *ir.Value, p Patches) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if x.Rank() != 4 {
		return fail("unfold", errors.New("wants images [B C Y X]"), x)
	}
	n, err := p.count([2]int{x.Dim(2), x.Dim(3)})
	if err != nil {
		return fail("unfold", err, x)
	}
	b, c := x.Dim(0), x.Dim(1)
	pad := []int{0, 0, p.Padding[0], p.Padding[1]}
	x = PadConstant(x, 0, pad, pad)
	var taps []*ir.Value
	for ky := range p.Kernel[0] {
		for kx := range p.Kernel[1] {
			y, u := ky*p.Dilation[0], kx*p.Dilation[1]
			taps = append(taps, Slice(x, []int{0, 0, y, u}, []int{b, c, y + (n[0]-1)*p.Stride[0] + 1, u + (n[1]-1)*p.Stride[1] + 1},
				[]int{1, 1, p.Stride[0], p.Stride[1]}))
		}
	}
	return Reshape(Stack(2, taps...), b, c*len(taps), n[0]*n[1])
}

// Fold adds patches up to images of the extents out: of x [B C*Ky*Kx L] it makes
// y [B C out], in which each element is the sum of those of the patches that lie
// over it. It is the gradient of [Unfold].
//
// Source: torch.nn.functional.fold.
func Fold(x *ir.Value, out [2]int, p Patches) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	n, err := p.count(out)
	taps := p.Kernel[0] * p.Kernel[1]
	if err == nil && (x.Rank() != 3 || x.Dim(1)%taps != 0 || x.Dim(2) != n[0]*n[1]) {
		err = fmt.Errorf("wants [B C*%d %d] for images of %d by %d", taps, n[0]*n[1], out[0], out[1])
	}
	if err != nil {
		return fail("fold", err, x)
	}
	b, c := x.Dim(0), x.Dim(1)/taps
	x = Reshape(x, b, c, taps, n[0], n[1])
	var y *ir.Value
	for ky := range p.Kernel[0] {
		for kx := range p.Kernel[1] {
			tap := Reshape(Narrow(x, 2, ky*p.Kernel[1]+kx, 1), b, c, n[0], n[1])
			lo, hi, interior := make([]int, 4), make([]int, 4), make([]int, 4)
			for i, k := range []int{ky, kx} {
				interior[2+i] = p.Stride[i] - 1
				lo[2+i] = k*p.Dilation[i] - p.Padding[i]
				hi[2+i] = out[i] - lo[2+i] - (n[i]-1)*p.Stride[i] - 1
			}
			tap = Pad(tap, Scalar(tap, 0), lo, hi, interior)
			if y == nil {
				y = tap
			} else {
				y = Add(y, tap)
			}
		}
	}
	return y
}
