package image

import (
	"encoding/binary"
	"math"
)

// A Filter is how new pixels are made of old ones when an image is resized.
// All but Nearest take a weighted mean over an area that grows when the image
// shrinks (antialias).
type Filter string

// The filters, named as Pillow names them.
const (
	Nearest  Filter = "nearest"
	Box      Filter = "box"
	Bilinear Filter = "bilinear"
	Bicubic  Filter = "bicubic" // a = -0.5
	Lanczos  Filter = "lanczos" // a = 3
)

var filters = []Filter{Bilinear, Bicubic, Lanczos, Box, Nearest}

// Values lists the filters.
func (Filter) Values() []string { return texts(filters) }

// Validate tells whether there is such a filter.
func (f Filter) Validate() error { return oneOf("filter", f, filters) }

// support is how far a filter reaches, in pixels of the larger of both grids.
func (f Filter) support() float64 {
	switch f {
	case Box:
		return 0.5
	case Bicubic:
		return 2
	case Lanczos:
		return 3
	}
	return 1
}

// at is the filter's curve.
func (f Filter) at(x float64) float64 {
	switch f {
	case Box:
		if x > -0.5 && x <= 0.5 {
			return 1
		}
	case Bilinear:
		return max(0, 1-math.Abs(x))
	case Bicubic:
		const a = -0.5
		switch x = math.Abs(x); {
		case x < 1:
			return ((a+2)*x-(a+3))*x*x + 1
		case x < 2:
			return (((x-5)*x+8)*x - 4) * a
		}
	case Lanczos:
		if x >= -3 && x < 3 {
			return sinc(x) * sinc(x/3)
		}
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// precision is the number of bits of a weight after its point: 8 bits of a
// pixel and the growth of a sum leave that many of 32.
const precision = 32 - 8 - 2

// weights are those of one axis: pixel i of the new image is the sum of
// value[i*taps+k] * old[from[i]+k] for k < taps. All pixels have equally many,
// some of them 0, for a loop whose length changes costs more.
type weights struct {
	filter   Filter
	old, new int
	taps     int
	from     []int
	value    []int32
	exact    []float64
}

// set computes the weights, unless they are there already.
func (w *weights) set(f Filter, old, new int) {
	if w.filter == f && w.old == old && w.new == new {
		return
	}
	w.filter, w.old, w.new = f, old, new
	scale := float64(old) / float64(new)
	stretch := max(scale, 1)
	support := f.support() * stretch
	span := func(i int) (lo, hi int, center float64) {
		center = (float64(i) + 0.5) * scale
		return max(0, int(center-support+0.5)), min(old, int(center+support+0.5)), center
	}
	w.taps = 0
	for i := range new {
		lo, hi, _ := span(i)
		w.taps = max(w.taps, hi-lo)
	}
	// 4 and 6 have loops of their own.
	if w.taps < 4 {
		w.taps = min(4, old)
	} else if w.taps == 5 {
		w.taps = min(6, old)
	}
	w.from, w.value, w.exact = grow(w.from, new), grow(w.value, new*w.taps), grow(w.exact, w.taps)
	clear(w.value)
	for i := range new {
		lo, hi, center := span(i)
		var sum float64
		for k := range hi - lo {
			w.exact[k] = f.at((float64(k+lo) - center + 0.5) * (1 / stretch))
			sum += w.exact[k]
		}
		w.from[i] = min(lo, old-w.taps)
		value := w.value[i*w.taps+lo-w.from[i]:]
		for k := range hi - lo {
			v := w.exact[k]
			if sum != 0 {
				v /= sum
			}
			value[k] = int32(math.Trunc(v*(1<<precision) + math.Copysign(0.5, v)))
		}
	}
}

// Resize gives im another size. The result is that of Pillow's Image.resize,
// bit by bit: columns first, then rows, in whole numbers with 22 bits after the
// point. Alpha is multiplied in while pixels are mixed.
func (im *Image) Resize(width, height int, f Filter) {
	im.resize(im.Width, im.Height, 0, 0, width, height, f, Rect{0, 0, width, height})
}

// ResizePart is Resize followed by Crop, in the time that the part takes.
func (im *Image) ResizePart(width, height int, f Filter, part Rect) {
	im.resize(im.Width, im.Height, 0, 0, width, height, f, part)
}

// resize does so with an image of which im is what lies at (left, top): all that
// the part needs.
func (im *Image) resize(fullWidth, fullHeight, left, top, width, height int, f Filter, part Rect) {
	if f == Nearest {
		im.nearest(fullWidth, fullHeight, left, top, width, height, part)
		return
	}
	if (width != fullWidth || height != fullHeight) && im.Channels == 4 {
		im.premultiply()
		defer im.unpremultiply()
	}
	// Without resizing along an axis, the part is cut out.
	cut := Rect{0, 0, im.Width, im.Height}
	if width != fullWidth {
		w := &im.filter[0]
		w.set(f, fullWidth, width)
		im.columns(w, left, part.X, part.X+part.Width)
		cut.Width = part.Width
	} else {
		cut.X, cut.Width = part.X-left, part.Width
	}
	if height != fullHeight {
		w := &im.filter[1]
		w.set(f, fullHeight, height)
		im.rows(w, top, part.Y, part.Y+part.Height)
		cut.Height = part.Height
	} else {
		cut.Y, cut.Height = part.Y-top, part.Height
	}
	im.Crop(cut)
}

// source is the part of an image of old pixels that a part of the new one is
// made of.
func (im *Image) source(fullWidth, fullHeight, width, height int, f Filter, part Rect) Rect {
	if f == Nearest {
		return Rect{0, 0, fullWidth, fullHeight}
	}
	x0, x1, y0, y1 := part.X, part.X+part.Width, part.Y, part.Y+part.Height
	if width != fullWidth {
		im.filter[0].set(f, fullWidth, width)
		x0, x1 = im.filter[0].span(x0, x1)
	}
	if height != fullHeight {
		im.filter[1].set(f, fullHeight, height)
		y0, y1 = im.filter[1].span(y0, y1)
	}
	return Rect{x0, y0, x1 - x0, y1 - y0}
}

// span is what the new pixels lo to hi-1 are made of.
func (w *weights) span(lo, hi int) (from, to int) {
	return w.from[lo], w.from[hi-1] + w.taps
}

// columns makes the new columns lo to hi-1 of each row, which begins with column
// left of the old ones.
func (im *Image) columns(w *weights, left, lo, hi int) {
	n, from := im.Channels, im.Width*im.Channels
	old := im.turn(hi-lo, im.Height, n)
	for y := range im.Height {
		line, out := old[y*from:(y+1)*from], im.Row(y)
		switch n {
		case 1:
			for i, first := range w.from[lo:hi] {
				k := w.value[(lo+i)*w.taps:][:w.taps]
				sum := int32(1) << (precision - 1)
				first -= left
				for j, v := range line[first:][:len(k)] {
					sum += k[j] * int32(v)
				}
				out[i] = clip(sum)
			}
		case 3:
			from, value := w.from[lo:hi], w.value[lo*w.taps:hi*w.taps]
			switch w.taps {
			case 4:
				rgb4(out, line, from, left, value)
			case 6:
				rgb6(out, line, from, left, value)
			default:
				rgb(out, line, from, left, value, w.taps)
			}
		default:
			for i, first := range w.from[lo:hi] {
				k := w.value[(lo+i)*w.taps:][:w.taps]
				for c := range n {
					sum := int32(1) << (precision - 1)
					for j, k := range k {
						sum += k * int32(line[(first-left+j)*n+c])
					}
					out[i*n+c] = clip(sum)
				}
			}
		}
	}
}

// rgb makes a row of pixels of three channels, each from taps others.
func rgb(out, line []uint8, from []int, left int, value []int32, taps int) {
	for i, first := range from {
		r, g, b := int32(1)<<(precision-1), int32(1)<<(precision-1), int32(1)<<(precision-1)
		at := 3 * (first - left)
		for _, k := range value[i*taps:][:taps] {
			p := (*[3]uint8)(line[at:])
			r += k * int32(p[0])
			g += k * int32(p[1])
			b += k * int32(p[2])
			at += 3
		}
		o := out[3*i : 3*i+3 : 3*i+3]
		o[0], o[1], o[2] = clip(r), clip(g), clip(b)
	}
}

// rgb4 is rgb with 4 taps, which is enough to shrink bilinearly to 2/3 and to
// enlarge by any filter but Lanczos; written out it takes half the time.
func rgb4(out, line []uint8, from []int, left int, value []int32) {
	const half = 1 << (precision - 1)
	for i, first := range from {
		p, k := (*[12]uint8)(line[3*(first-left):]), (*[4]int32)(value[4*i:])
		r := half + k[0]*int32(p[0]) + k[1]*int32(p[3]) + k[2]*int32(p[6]) + k[3]*int32(p[9])
		g := half + k[0]*int32(p[1]) + k[1]*int32(p[4]) + k[2]*int32(p[7]) + k[3]*int32(p[10])
		b := half + k[0]*int32(p[2]) + k[1]*int32(p[5]) + k[2]*int32(p[8]) + k[3]*int32(p[11])
		o := out[3*i : 3*i+3 : 3*i+3]
		o[0], o[1], o[2] = clip(r), clip(g), clip(b)
	}
}

// rgb6 is rgb with 6 taps, enough to shrink bilinearly to 2/5.
func rgb6(out, line []uint8, from []int, left int, value []int32) {
	const half = 1 << (precision - 1)
	for i, first := range from {
		p, k := (*[18]uint8)(line[3*(first-left):]), (*[6]int32)(value[6*i:])
		r := half + k[0]*int32(p[0]) + k[1]*int32(p[3]) + k[2]*int32(p[6]) + k[3]*int32(p[9]) + k[4]*int32(p[12]) + k[5]*int32(p[15])
		g := half + k[0]*int32(p[1]) + k[1]*int32(p[4]) + k[2]*int32(p[7]) + k[3]*int32(p[10]) + k[4]*int32(p[13]) + k[5]*int32(p[16])
		b := half + k[0]*int32(p[2]) + k[1]*int32(p[5]) + k[2]*int32(p[8]) + k[3]*int32(p[11]) + k[4]*int32(p[14]) + k[5]*int32(p[17])
		o := out[3*i : 3*i+3 : 3*i+3]
		o[0], o[1], o[2] = clip(r), clip(g), clip(b)
	}
}

// rows makes the new rows lo to hi-1, each of some old ones, which begin with
// row top. Eight levels are summed at a time,
// two in a word, 32 bits apart: a product of the word with a weight is both
// products, and what the lower sum borrows from the upper one is given back at
// the end.
func (im *Image) rows(w *weights, top, lo, hi int) {
	const pair = 0x0000_00FF_0000_00FF
	const half = 1<<(precision-1) | 1<<(precision-1)<<32
	n := im.Width * im.Channels
	old := im.turn(im.Width, hi-lo, im.Channels)
	for i, first := range w.from[lo:hi] {
		out := im.Row(i)
		k := w.value[(lo+i)*w.taps:][:w.taps]
		first -= top
		for ; len(k) > 1 && k[0] == 0; k = k[1:] {
			first++
		}
		for len(k) > 1 && k[len(k)-1] == 0 {
			k = k[:len(k)-1]
		}
		x := 0
		for ; x+8 <= n; x += 8 {
			var a, b, c, d int64 = half, half, half, half
			at := first*n + x
			for _, k := range k {
				v := binary.LittleEndian.Uint64(old[at:])
				k := int64(k)
				a += int64(v&pair) * k
				b += int64(v>>8&pair) * k
				c += int64(v>>16&pair) * k
				d += int64(v>>24&pair) * k
				at += n
			}
			o := out[x : x+8 : x+8]
			o[0], o[4] = clip2(a)
			o[1], o[5] = clip2(b)
			o[2], o[6] = clip2(c)
			o[3], o[7] = clip2(d)
		}
		for ; x < n; x++ {
			sum := int32(1) << (precision - 1)
			for j, k := range k {
				sum += k * int32(old[(first+j)*n+x])
			}
			out[x] = clip(sum)
		}
	}
}

// clip2 is clip of the two sums in a word.
func clip2(v int64) (lo, hi uint8) {
	low := int32(v)
	return clip(low), clip(int32((v - int64(low)) >> 32))
}

// clip is a sum of weighted pixels as a pixel.
func clip(v int32) uint8 {
	v >>= precision
	if uint32(v) > 255 {
		return uint8(^(v >> 31))
	}
	return uint8(v)
}

// nearest takes the pixel under the middle of each new one.
func (im *Image) nearest(fullWidth, fullHeight, left, top, width, height int, part Rect) {
	w, n := im.Width, im.Channels
	old := im.turn(part.Width, part.Height, n)
	sx, sy := float64(fullWidth)/float64(width), float64(fullHeight)/float64(height)
	// Sums, as Pillow's, not products: the roundings are a part of the result.
	fy := sy * 0.5
	for y := range part.Y + part.Height {
		at := min(int(fy), fullHeight-1) - top
		fy += sy
		if y < part.Y {
			continue
		}
		line, out := old[at*w*n:], im.Row(y-part.Y)
		fx := sx * 0.5
		for x := range part.X + part.Width {
			if x >= part.X {
				copy(out[(x-part.X)*n:(x-part.X+1)*n], line[(min(int(fx), fullWidth-1)-left)*n:])
			}
			fx += sx
		}
	}
}

// premultiply multiplies colours with alpha.
func (im *Image) premultiply() {
	for i := 0; i+4 <= len(im.Pix); i += 4 {
		p := im.Pix[i : i+4 : i+4]
		a := uint32(p[3])
		p[0], p[1], p[2] = scale255(uint32(p[0]), a), scale255(uint32(p[1]), a), scale255(uint32(p[2]), a)
	}
}

// scale255 is a*b/255 rounded.
func scale255(a, b uint32) uint8 {
	t := a*b + 128
	return uint8((t>>8 + t) >> 8)
}

func (im *Image) unpremultiply() {
	for i := 0; i+4 <= len(im.Pix); i += 4 {
		p := im.Pix[i : i+4 : i+4]
		if a := uint32(p[3]); a != 0 && a != 255 {
			for c := range 3 {
				p[c] = uint8(min(255, 255*uint32(p[c])/a))
			}
		}
	}
}
