package kernel

import "math"

// Winograd's convolution makes a square of n by n results of a kernel of k by
// k from one of 6 by 6 pixels, 6 = n + k - 1, with 36 products: where k is 3 the
// sum by its formula takes 144 for 4 by 4 results, where it is 5 it takes 100 for
// 2 by 2. As polynomials are multiplied by their values at some points, with the
// matrices B, G and A below,
//
//	y = A' ((G w G') * (B' x B)) A
//
// for one channel, the product in the middle being element by element; with
// many channels it is 36 matrix products. The gradients are
//
//	dw = G' ((B' x B) * (A dy A')) G
//	dx = B ((G w G') * (A dy A')) B'
//
// and dx is also the convolution of dy with the weight turned.
//
// The points are 0, a, -a, b, -b and infinity with a = sqrt(1/2) and
// b = sqrt(2), which lose about one bit to the sum by its formula where the
// usual 0, 1, -1, 2, -2 lose more than two (TestWinogradError). G has as many
// of its columns as the kernel has taps, A as there are results, and the last
// row of both is that of infinity, whose 1 stands in the last column:
//
//	     | 1  0 -5/2  0   1  0 |        |   1     0     0     0     0  |       | 1  0   0   0  |
//	     | 0 -b  -2   a   1  0 |        | -2/3 -2a/3  -1/3  -a/3  -1/6 |       | 1  a  1/2 a/2 |
//	B' = | 0  b  -2  -a   1  0 |    G = | -2/3  2a/3  -1/3   a/3  -1/6 |   A = | 1 -a  1/2 -a/2|
//	     | 0 -a -1/2  b   1  0 |        |  1/6   b/6   1/3   b/3   2/3 |       | 1  b   2  2b  |
//	     | 0  a -1/2 -b   1  0 |        |  1/6  -b/6   1/3  -b/3   2/3 |       | 1 -b   2 -2b  |
//	     | 0  1   0 -5/2  0  1 |        |   0     0     0     0     1  |       | 0  0   0   1  |
//
// A transform applies one of them to the columns of a square of vectors, and
// then to its rows:
//
//	dst[i*dstRow + j*dstCol + c] = (M s M')[i][j] for c < channels,
//	s[i][j] = src[i*srcRow + j*srcCol + c]
//
// Channels are a multiple of 16. One side of a transform are points, the other
// pixels or taps, and those need not exist: origin leads from src, or from dst
// for result, gather and overlay, to the first of them, and bit 8*i+j of valid
// tells whether that of row i and column j exists. Others are zero, and are not
// written. Where all do, valid is ^0; those of weight and gather do.
type transform func(channels int, valid uint64, origin int, src *float32, srcRow, srcCol int, dst *float32, dstRow, dstCol int)

// winogradTransforms are those of one instruction set. The assembly rounds a
// product and its addition once.
type winogradTransforms struct {
	image   transform // B', 6 to 6
	overlay transform // B, 6 to 6, which adds to dst
	three   winogradForm
	five    winogradForm
}

// A winogradForm is the method for kernels of one size.
type winogradForm struct {
	kernel, out int // taps of a side, results of a side

	weight transform // G, kernel to 6
	result transform // A', 6 to out
	spread transform // A, out to 6
	gather transform // G', 6 to kernel

	// least is the least number of channels on either side that pays for the
	// transforms (BenchmarkConv, resnet and mnist2).
	least int
}

const (
	winogradIn     = 6 // pixels of a side
	winogradPoints = winogradIn * winogradIn
	// winogradLanes divides the channels of a transform.
	winogradLanes = 16

	winogradA = math.Sqrt2 / 2
	winogradB = math.Sqrt2
)

var genericWinograd = winogradTransforms{
	image:   square(6, 6, fromPixels, imageLine),
	overlay: square(6, 6, ontoPixels, overlayLine),
	three: winogradForm{
		kernel: 3, out: 4, least: 32,
		weight: square(3, 6, fromPixels, weight3Line),
		result: square(6, 4, toPixels, result4Line),
		spread: square(4, 6, fromPixels, spread4Line),
		gather: square(6, 3, toPixels, gather3Line),
	},
	five: winogradForm{
		kernel: 5, out: 2, least: 32,
		weight: square(5, 6, fromPixels, weight5Line),
		result: square(6, 2, toPixels, result2Line),
		spread: square(2, 6, fromPixels, spread2Line),
		gather: square(6, 5, toPixels, gather5Line),
	},
}

// form returns the method for kernels of n by n taps, or nil.
func (w *winogradTransforms) form(n int) *winogradForm {
	for _, f := range []*winogradForm{&w.three, &w.five} {
		if f.kernel == n {
			return f
		}
	}
	return nil
}

// taps is the number of taps of the kernel.
func (f *winogradForm) taps() int { return f.kernel * f.kernel }

// A direction of a transform is from pixels or taps to points, to them, or to
// what is added to them.
type direction int

const (
	fromPixels direction = iota
	toPixels
	ontoPixels
)

// square makes a transform of what is done to a line of up to six numbers.
func square(from, to int, d direction, line func(x *[6]float32) [6]float32) transform {
	return func(channels int, valid uint64, origin int, src *float32, srcRow, srcCol int, dst *float32, dstRow, dstCol int) {
		first := origin
		if d == fromPixels {
			first = 0
		}
		origin -= first
		for c := range channels {
			var between [6][6]float32 // [row column]
			for j := range from {
				var column [6]float32
				for i := range from {
					if d != fromPixels || valid>>(8*i+j)&1 != 0 {
						column[i] = *elem(src, origin+i*srcRow+j*srcCol+c)
					}
				}
				for i, x := range line(&column) {
					between[i][j] = x
				}
			}
			for i := range to {
				for j, x := range line(&between[i]) {
					if j >= to || d != fromPixels && valid>>(8*i+j)&1 == 0 {
						continue
					}
					p := elem(dst, first+i*dstRow+j*dstCol+c)
					if d == ontoPixels {
						x += *p
					}
					*p = x
				}
			}
		}
	}
}

func imageLine(d *[6]float32) [6]float32 {
	e, o := d[4]-2*d[2], winogradA*float32(d[3]-2*d[1])
	f, q := d[4]-0.5*d[2], winogradB*float32(d[3]-0.5*d[1])
	return [6]float32{float32(d[0]-float32(2.5*d[2])) + d[4], e + o, e - o, f + q, f - q, float32(d[1]-float32(2.5*d[3])) + d[5]}
}

func overlayLine(m *[6]float32) [6]float32 {
	s, d := m[1]+m[2], float32(winogradA*float32(m[1]-m[2]))
	t, e := m[3]+m[4], float32(winogradB*float32(m[3]-m[4]))
	return [6]float32{
		m[0], m[5] - 2*d - 0.5*e, -float32(2.5*m[0]) - 2*s - 0.5*t,
		d + e - float32(2.5*m[5]), m[0] + s + t, m[5],
	}
}

func weight3Line(w *[6]float32) [6]float32 {
	third := float32(w[2] * (1. / 3))
	e, o := -third-float32(w[0]*(2./3)), float32(w[1]*(-2./3*winogradA))
	f, q := third+float32(w[0]*(1./6)), float32(w[1]*(winogradB/6))
	return [6]float32{w[0], e + o, e - o, f + q, f - q, w[2]}
}

func result4Line(m *[6]float32) [6]float32 {
	s, d := m[1]+m[2], float32(winogradA*float32(m[1]-m[2]))
	t, e := m[3]+m[4], float32(winogradB*float32(m[3]-m[4]))
	return [6]float32{m[0] + s + t, d + e, 0.5*s + 2*t, 0.5*d + 2*e + m[5]}
}

func spread4Line(y *[6]float32) [6]float32 {
	e, o := y[0]+0.5*y[2], float32(winogradA*float32(y[1]+0.5*y[3]))
	f, q := y[0]+2*y[2], float32(winogradB*float32(y[1]+2*y[3]))
	return [6]float32{y[0], e + o, e - o, f + q, f - q, y[3]}
}

func gather3Line(m *[6]float32) [6]float32 {
	s, d := m[1]+m[2], m[1]-m[2]
	t, e := m[3]+m[4], m[3]-m[4]
	return [6]float32{
		m[0] - float32(s*(2./3)) + float32(t*(1./6)),
		float32(d*(-2./3*winogradA)) + float32(e*(winogradB/6)),
		float32((t-s)*(1./3)) + m[5],
	}
}

func weight5Line(w *[6]float32) [6]float32 {
	e, o := float32((w[0]+0.5*(w[2]+0.5*w[4]))*(-2./3)), float32((w[1]+0.5*w[3])*(-2./3*winogradA))
	f, q := float32((w[0]+2*(w[2]+2*w[4]))*(1./6)), float32((w[1]+2*w[3])*(winogradB/6))
	return [6]float32{w[0], e + o, e - o, f + q, f - q, w[4]}
}

func result2Line(m *[6]float32) [6]float32 {
	d, e := float32(winogradA*float32(m[1]-m[2])), float32(winogradB*float32(m[3]-m[4]))
	return [6]float32{m[0] + (m[1] + m[2]) + (m[3] + m[4]), d + e + m[5]}
}

func spread2Line(y *[6]float32) [6]float32 {
	o, q := float32(winogradA*y[1]), float32(winogradB*y[1])
	return [6]float32{y[0], y[0] + o, y[0] - o, y[0] + q, y[0] - q, y[1]}
}

func gather5Line(m *[6]float32) [6]float32 {
	s, d := float32((m[1]+m[2])*(-2./3)), float32((m[1]-m[2])*(-2./3*winogradA))
	t, e := float32((m[3]+m[4])*(1./6)), float32((m[3]-m[4])*(winogradB/6))
	return [6]float32{m[0] + s + t, d + e, 0.5*s + 2*t, 0.5*d + 2*e, 0.25*s + 4*t + m[5]}
}
