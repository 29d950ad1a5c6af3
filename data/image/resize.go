package image

import (
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

// weights are those of one axis: the pixel i of the new image is the sum of
// value[i*width+k] * old[from[i]+k] for k < count[i].
type weights struct {
	filter   Filter
	old, new int
	width    int
	from     []int
	count    []int
	value    []int32
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
	w.width = int(math.Ceil(support))*2 + 1
	w.from, w.count, w.value = grow(w.from, new), grow(w.count, new), grow(w.value, new*w.width)
	clear(w.value)
	var exact []float64
	if w.width > 64 {
		exact = make([]float64, w.width)
	} else {
		exact = make([]float64, 64)
	}
	for i := range new {
		center := (float64(i) + 0.5) * scale
		lo := max(0, int(center-support+0.5))
		hi := min(old, int(center+support+0.5))
		var sum float64
		for k := range hi - lo {
			exact[k] = f.at((float64(k+lo) - center + 0.5) * (1 / stretch))
			sum += exact[k]
		}
		w.from[i], w.count[i] = lo, hi-lo
		for k := range hi - lo {
			v := exact[k]
			if sum != 0 {
				v /= sum
			}
			w.value[i*w.width+k] = int32(math.Trunc(v*(1<<precision) + math.Copysign(0.5, v)))
		}
	}
}

// Resize gives im another size. The result is that of Pillow's Image.resize,
// bit by bit: columns first, then rows, in whole numbers with 22 bits after the
// point. Alpha is multiplied in while pixels are mixed.
func (im *Image) Resize(width, height int, f Filter) {
	if width == im.Width && height == im.Height {
		return
	}
	if f == Nearest {
		im.nearest(width, height)
		return
	}
	if im.Channels == 4 {
		im.premultiply()
		defer im.unpremultiply()
	}
	if width != im.Width {
		w := &im.filter[0]
		w.set(f, im.Width, width)
		im.columns(w)
	}
	if height != im.Height {
		w := &im.filter[1]
		w.set(f, im.Height, height)
		im.rows(w)
	}
}

// columns resizes each row.
func (im *Image) columns(w *weights) {
	n, from := im.Channels, im.Width*im.Channels
	old := im.turn(w.new, im.Height, n)
	for y := range im.Height {
		line, out := old[y*from:(y+1)*from], im.Row(y)
		switch n {
		case 1:
			for i, first := range w.from {
				sum := int32(1) << (precision - 1)
				k := w.value[i*w.width:][:w.count[i]]
				for j, v := range line[first:][:len(k)] {
					sum += k[j] * int32(v)
				}
				out[i] = clip(sum)
			}
		case 3:
			for i, first := range w.from {
				r, g, b := int32(1)<<(precision-1), int32(1)<<(precision-1), int32(1)<<(precision-1)
				p := line[3*first:]
				for _, k := range w.value[i*w.width:][:w.count[i]] {
					q := p[:3]
					r += k * int32(q[0])
					g += k * int32(q[1])
					b += k * int32(q[2])
					p = p[3:]
				}
				o := out[3*i : 3*i+3 : 3*i+3]
				o[0], o[1], o[2] = clip(r), clip(g), clip(b)
			}
		default:
			for i, first := range w.from {
				for c := range n {
					sum := int32(1) << (precision - 1)
					for j, k := range w.value[i*w.width:][:w.count[i]] {
						sum += k * int32(line[(first+j)*n+c])
					}
					out[i*n+c] = clip(sum)
				}
			}
		}
	}
}

// rows makes each new row of some old ones.
func (im *Image) rows(w *weights) {
	n := im.Width * im.Channels
	old := im.turn(im.Width, w.new, im.Channels)
	var sums [512]int32
	for i, first := range w.from {
		out := im.Row(i)
		k := w.value[i*w.width:][:w.count[i]]
		for x := 0; x < n; x += len(sums) {
			part := out[x:min(x+len(sums), n)]
			s := sums[:len(part)]
			for j := range s {
				s[j] = 1 << (precision - 1)
			}
			for j, k := range k {
				for c, v := range old[(first+j)*n+x:][:len(s)] {
					s[c] += k * int32(v)
				}
			}
			for c, v := range s {
				part[c] = clip(v)
			}
		}
	}
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
func (im *Image) nearest(width, height int) {
	w, h, n := im.Width, im.Height, im.Channels
	old := im.turn(width, height, n)
	sx, sy := float64(w)/float64(width), float64(h)/float64(height)
	// Sums, as Pillow's, not products: the roundings are a part of the result.
	fy := sy * 0.5
	for y := range height {
		line := old[min(int(fy), h-1)*w*n:]
		out := im.Row(y)
		fx := sx * 0.5
		for x := range width {
			copy(out[x*n:(x+1)*n], line[min(int(fx), w-1)*n:])
			fx += sx
		}
		fy += sy
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
