package kernel

import "math"

// Winograd's convolution makes a square of 4 by 4 results of a kernel of 3 by
// 3 from one of 6 by 6 pixels with 36 products where the sum by its formula
// takes 144: as polynomials are multiplied by their values at some points.
// With the matrices B, G and A below,
//
//	y = A' ((G w G') * (B' x B)) A
//
// for one channel, the product in the middle being element by element; with
// many channels it is 36 matrix products. The gradient by the weight is
//
//	dw = G' ((B' x B) * (A dy A')) G
//
// The points are 0, a, -a, b, -b and infinity with a = sqrt(1/2) and
// b = sqrt(2), which lose about one bit to the sum by its formula where the
// usual 0, 1, -1, 2, -2 lose more than two (TestWinogradError):
//
//	     | 1  0 -5/2  0   1  0 |        |   1     0     0  |       | 1  0   0   0  |
//	     | 0 -b  -2   a   1  0 |        | -2/3 -2a/3  -1/3 |       | 1  a  1/2 a/2 |
//	B' = | 0  b  -2  -a   1  0 |    G = | -2/3  2a/3  -1/3 |   A = | 1 -a  1/2 -a/2|
//	     | 0 -a -1/2  b   1  0 |        |  1/6   b/6   1/3 |       | 1  b   2  2b  |
//	     | 0  a -1/2 -b   1  0 |        |  1/6  -b/6   1/3 |       | 1 -b   2 -2b  |
//	     | 0  1   0 -5/2  0  1 |        |   0     0     1  |       | 0  0   0   1  |
//
// A transform applies one of them to the columns of a square of vectors, and
// then to its rows:
//
//	dst[i*dstRow + j*dstCol + c] = (M s M')[i][j] for c < channels,
//	s[i][j] = src[origin + i*srcRow + j*srcCol + c]
//
// Channels are a multiple of 16. Bit 8*i+j of valid tells whether an element
// exists, of the square of pixels for image and spread, of the results for
// result: others are zero, and are not written. Where all do, valid is ^0.
type transform func(channels int, valid uint64, src *float32, origin, srcRow, srcCol int, dst *float32, dstRow, dstCol int)

// winogradTransforms are those of one instruction set. The assembly rounds a
// product and its addition once.
type winogradTransforms struct {
	image  transform // B', 6 to 6
	weight transform // G, 3 to 6
	result transform // A', 6 to 4
	spread transform // A, 4 to 6
	gather transform // G', 6 to 3

	// least is the least number of channels on either side that pays for the
	// transforms (BenchmarkConv, resnet).
	least int
}

const (
	winogradIn     = 6 // pixels of a side
	winogradOut    = 4 // results of a side
	winogradPoints = winogradIn * winogradIn
	// winogradLanes divides the channels of a transform.
	winogradLanes = 16

	winogradA = math.Sqrt2 / 2
	winogradB = math.Sqrt2
)

var genericWinograd = winogradTransforms{
	image:  square(6, 6, imageLine),
	weight: square(3, 6, weightLine),
	result: square(6, 4, resultLine),
	spread: square(4, 6, spreadLine),
	gather: square(6, 3, gatherLine),
	least:  32,
}

// square makes a transform of what is done to a line of up to six numbers.
func square(from, to int, line func(x *[6]float32) [6]float32) transform {
	return func(channels int, valid uint64, src *float32, origin, srcRow, srcCol int, dst *float32, dstRow, dstCol int) {
		for c := range channels {
			var between [6][6]float32 // [row column]
			for j := range from {
				var column [6]float32
				for i := range from {
					if to < from || valid>>(8*i+j)&1 != 0 {
						column[i] = *elem(src, origin+i*srcRow+j*srcCol+c)
					}
				}
				for i, x := range line(&column) {
					between[i][j] = x
				}
			}
			for i := range to {
				for j, x := range line(&between[i]) {
					if j < to && (to == 6 || valid>>(8*i+j)&1 != 0) {
						*elem(dst, i*dstRow+j*dstCol+c) = x
					}
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

func weightLine(w *[6]float32) [6]float32 {
	third := float32(w[2] * (1. / 3))
	e, o := -third-float32(w[0]*(2./3)), float32(w[1]*(-2./3*winogradA))
	f, q := third+float32(w[0]*(1./6)), float32(w[1]*(winogradB/6))
	return [6]float32{w[0], e + o, e - o, f + q, f - q, w[2]}
}

func resultLine(m *[6]float32) [6]float32 {
	s, d := m[1]+m[2], float32(winogradA*float32(m[1]-m[2]))
	t, e := m[3]+m[4], float32(winogradB*float32(m[3]-m[4]))
	return [6]float32{m[0] + s + t, d + e, 0.5*s + 2*t, 0.5*d + 2*e + m[5]}
}

func spreadLine(y *[6]float32) [6]float32 {
	e, o := y[0]+0.5*y[2], float32(winogradA*float32(y[1]+0.5*y[3]))
	f, q := y[0]+2*y[2], float32(winogradB*float32(y[1]+2*y[3]))
	return [6]float32{y[0], e + o, e - o, f + q, f - q, y[3]}
}

func gatherLine(m *[6]float32) [6]float32 {
	s, d := m[1]+m[2], m[1]-m[2]
	t, e := m[3]+m[4], m[3]-m[4]
	return [6]float32{
		m[0] - float32(s*(2./3)) + float32(t*(1./6)),
		float32(d*(-2./3*winogradA)) + float32(e*(winogradB/6)),
		float32((t-s)*(1./3)) + m[5],
	}
}
