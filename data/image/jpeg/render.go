package jpeg

import "encoding/binary"

// slack is what memory has past its samples, so that eight bytes may be read
// and written at a time.
const slack = 8

// render makes pixels of the samples of a rectangle.
func (d *Decoder) render(dst []byte, r Rect) {
	w := r.X1 - r.X0
	n := d.header.Channels
	var rows [4][]byte
	for y := r.Y0; y < r.Y1; y++ {
		for i := range d.components {
			rows[i] = d.row(i, y, r.X0, r.X1)
		}
		out := dst[(y-r.Y0)*w*n:][:w*n]
		switch d.space {
		case grey:
			copy(out, rows[0])
		case rgb:
			interleave(out, rows[0], rows[1], rows[2])
		case yCbCr:
			convert(out, rows[0], rows[1], rows[2])
		case cmyk:
			// Files hold white as 255, after Adobe.
			for x := range w {
				for i := range 4 {
					out[4*x+i] = 255 - rows[i][x]
				}
			}
		case ycck:
			for x := range w {
				r, g, b := pixel(rows[0][x], rows[1][x], rows[2][x])
				out[4*x], out[4*x+1], out[4*x+2], out[4*x+3] = r, g, b, 255-rows[3][x]
			}
		}
	}
}

func interleave(dst, a, b, c []byte) {
	for x, v := range a {
		p := dst[3*x : 3*x+3 : 3*x+3]
		p[0], p[1], p[2] = v, b[x], c[x]
	}
}

// row returns the samples x0 <= x < x1 of row y of component i at the size of
// the image.
func (d *Decoder) row(i, y, x0, x1 int) []byte {
	c := &d.components[i]
	fx, fy := d.hMax/c.h, d.vMax/c.v
	if fx == 1 && fy == 1 {
		return c.samples[(y-c.y0)*c.stride+x0-c.x0:][:x1-x0]
	}
	w := x1 - x0
	from, to := x0/fx, ceil(x1, fx) // samples of the component
	d.rows[i] = grow(d.rows[i], (to-from)*fx+slack)
	row := d.rows[i]
	near := c.line(y / fy)
	far := near
	if fy == 2 {
		far = c.line(y/2 - 1 + y%2*2)
	}
	smooth := c.width > 2
	switch {
	case fx == 2 && fy == 1 && smooth:
		double(row, d.lanes(near, nil, c, from, to), to-from, 1, 2, 2)
	case fx == 2 && fy == 2 && smooth:
		double(row, d.lanes(near, far, c, from, to), to-from, 8, 7, 4)
	case fx == 1 && fy == 2:
		for x := range w {
			row[x] = byte((3*int(near[x0+x-c.x0]) + int(far[x0+x-c.x0]) + 1 + y%2) >> 2)
		}
	default:
		for x := range (to - from) * fx {
			row[x] = near[from+x/fx-c.x0]
		}
	}
	return row[x0-from*fx:][:w]
}

// line returns row y of samples; past the edges lie the last ones again.
func (c *component) line(y int) []byte {
	y = min(max(y, 0), c.height-1)
	return c.samples[(y-c.y0)*c.stride:][:c.stride+slack]
}

// Colour is doubled as libjpeg's h2v1_fancy_upsample and h2v2_fancy_upsample do
// it: a new sample is 3/4 the nearer and 1/4 the further one, in each
// direction, rounded up and down in turn. Four samples are worked on at a time,
// each in 16 bits of a word, a lane.

const (
	lane0 = 0x0001_0001_0001_0001
	lanes = 0x00FF_00FF_00FF_00FF
)

// lanes stores, for the samples from-1 to to of two rows, 3*near + far, or near
// if there is no far, two bytes each. The first and last sample of an image
// stand again beside themselves.
func (d *Decoder) lanes(near, far []byte, c *component, from, to int) []byte {
	n := to - from
	d.sums = grow(d.sums, 2*(n+2)+slack)
	sums := d.sums
	lo, hi := max(from-1, 0), min(to+1, c.width)
	out := sums[2*(lo-from+1):]
	near = near[lo-c.x0:]
	if far == nil {
		for x := 0; x < hi-lo; x += 4 {
			binary.LittleEndian.PutUint64(out[2*x:], spread(near[x:]))
		}
	} else {
		far = far[lo-c.x0:]
		for x := 0; x < hi-lo; x += 4 {
			binary.LittleEndian.PutUint64(out[2*x:], 3*spread(near[x:])+spread(far[x:]))
		}
	}
	if from == 0 {
		copy(sums[:2], sums[2:4])
	}
	if to == c.width {
		copy(sums[2*(n+1):2*(n+2)], sums[2*n:2*n+2])
	}
	return sums
}

// spread puts four bytes in the lanes of a word, the first lowest.
func spread(b []byte) uint64 {
	v := uint64(binary.LittleEndian.Uint32(b))
	v = (v | v<<16) & 0x0000_FFFF_0000_FFFF
	return (v | v<<8) & lanes
}

// double makes 2n samples of the lanes of n, which begin one before:
//
//	row[2x] = (3 s[x] + s[x-1] + even) >> shift
//	row[2x+1] = (3 s[x] + s[x+1] + odd) >> shift
func double(row, sums []byte, n int, even, odd uint64, shift uint) {
	even, odd = even*lane0, odd*lane0
	for x := 0; x < n; x += 4 {
		s := sums[2*x : 2*x+12 : 2*x+12]
		row := row[2*x : 2*x+8 : 2*x+8]
		this := 3 * binary.LittleEndian.Uint64(s[2:])
		a := (this + binary.LittleEndian.Uint64(s) + even) >> shift & lanes
		b := (this + binary.LittleEndian.Uint64(s[4:]) + odd) >> shift & lanes
		binary.LittleEndian.PutUint64(row, a|b<<8)
	}
}

// pixel converts a colour of JFIF to RGB:
//
//	r = y + 1.402 (cr-128)
//	g = y - 0.34414 (cb-128) - 0.71414 (cr-128)
//	b = y + 1.772 (cb-128)
//
// in fixed point of 16 bits, rounded as libjpeg does it.
func pixel(y, cb, cr uint8) (r, g, b uint8) {
	const half = 1 << 15
	yy := int32(y)<<16 + half
	u, v := int32(cb)-128, int32(cr)-128
	return clip(yy + 91881*v), clip(yy - 22554*u - 46802*v), clip(yy + 116130*u)
}

// clip is v >> 16 within 0 to 255.
func clip(v int32) uint8 {
	if uint32(v)>>24 == 0 {
		return uint8(v >> 16)
	}
	return uint8(^(v >> 31))
}

// convert is pixel for a row; written out, since calls would take half the time.
func convert(dst, y, cb, cr []byte) {
	const half = 1 << 15
	cb, cr = cb[:len(y)], cr[:len(y)]
	for x, v := range y {
		yy := int32(v)<<16 + half
		u, v := int32(cb[x])-128, int32(cr[x])-128
		p := dst[3*x : 3*x+3 : 3*x+3]
		p[0] = clip(yy + 91881*v)
		p[1] = clip(yy - 22554*u - 46802*v)
		p[2] = clip(yy + 116130*u)
	}
}
