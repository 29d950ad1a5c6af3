package image

import (
	"math"

	"github.com/gradus-ml/gradus/rng"
)

// CLAHE evens out the levels of parts of an image. It is cut in columns by rows
// tiles of equal size, the image being mirrored where they reach beyond it. Each
// tile has a curve: the running sum of its histogram, of which a level takes at
// most limit times the mean, rounded down but at least once, and shares what is
// above among all levels. Between the middles of tiles the curves are interpolated. A limit of 0
// is none. Of a small image no more tiles are made than it has rows or columns.
//
// Source: Zuiderveld, "Contrast limited adaptive histogram equalization" (1994);
// keras.layers.ContrastLimitedAdaptiveHistogramEqualization (3.15) on
// PyTorch, whose levels are not rounded, and whose limit may be no time at all.
func (im *Image) CLAHE(limit float64, columns, rows int) {
	columns, rows = min(columns, im.Width), min(rows, im.Height)
	wide, high := (im.Width+columns-1)/columns, (im.Height+rows-1)/rows
	n := im.Channels
	curves := make([][256]float64, columns*rows)
	from := make([]uint8, im.Width*im.Height)
	for c := range im.colours() {
		for i := range from {
			from[i] = im.Pix[i*n+c]
		}
		at := func(x, y int) uint8 { return from[mirrored(y, im.Height)*im.Width+mirrored(x, im.Width)] }
		for i := range curves {
			var h [256]float64
			x0, y0 := i%columns*wide, i/columns*high
			for y := range high {
				for x := range wide {
					h[at(x0+x, y0+y)]++
				}
			}
			curves[i] = curve(h, limit, float64(wide*high))
		}
		for y := range im.Height {
			y0, y1, wy := between(y, high, rows)
			for x := range im.Width {
				x0, x1, wx := between(x, wide, columns)
				v := from[y*im.Width+x]
				top := curves[y0*columns+x0][v]*(1-wx) + curves[y0*columns+x1][v]*wx
				low := curves[y1*columns+x0][v]*(1-wx) + curves[y1*columns+x1][v]*wx
				im.Pix[(y*im.Width+x)*n+c] = uint8(math.RoundToEven(top*(1-wy) + low*wy))
			}
		}
	}
}

// mirrored is a place of n, past the end from there back.
func mirrored(i, n int) int {
	if i >= n {
		return 2*n - 1 - i
	}
	return i
}

// curve is the new level of each level, given how often each occurs.
func curve(h [256]float64, limit, all float64) (levels [256]float64) {
	if limit > 0 {
		most, excess := max(math.Floor(limit*all/256), 1), 0.0
		for i, n := range h {
			h[i] = min(n, most)
			excess += n - h[i]
		}
		for i := range h {
			h[i] += excess / 256
		}
	}
	sum := 0.0
	for i, n := range h {
		sum += n
		levels[i] = sum
	}
	least := levels[0] // of a running sum
	rest := all - least
	if rest == 0 {
		rest = 1
	}
	for i := range levels {
		levels[i] = min(max((levels[i]-least)*255/rest, 0), 255)
	}
	return levels
}

// between gives the tiles whose middles a place lies between, and the weight of
// the second.
func between(i, size, tiles int) (first, second int, weight float64) {
	p := (float64(i) - float64(size)/2) / float64(size)
	whole := math.Floor(p)
	first = int(whole)
	return max(first, 0), min(first+1, tiles-1), p - whole
}

// A LocalEqualize evens out the levels of parts of some images.
type LocalEqualize struct {
	Limit       float64 `json:"limit" yaml:"limit"` // of a level's share, in means; 0 for none
	Tiles       [2]int  `json:"tiles" yaml:"tiles"` // rows and columns
	Probability float64 `json:"probability" yaml:"probability"`
}

// DefaultLocalEqualize takes half of the images, in 8 by 8 tiles with limit 4.
func DefaultLocalEqualize() LocalEqualize {
	return LocalEqualize{Limit: 4, Tiles: [2]int{8, 8}, Probability: 0.5}
}

// Name is "clahe".
func (LocalEqualize) Name() string { return "clahe" }

// Validate tells all that is wrong.
func (a LocalEqualize) Validate() error {
	p := problems{name: "clahe"}
	p.probability("probability", a.Probability)
	if !(a.Limit >= 0 && a.Limit-a.Limit == 0) {
		p.add("limit is %v, want a finite number from 0 up", a.Limit)
	}
	for _, n := range a.Tiles {
		if n < 1 || n > 1024 {
			p.add("tiles are %v, want two numbers from 1 to 1024", a.Tiles)
			break
		}
	}
	return p.join()
}

// Apply draws one number.
func (a LocalEqualize) Apply(im *Image, s *rng.Stream) {
	if s.Float64() < a.Probability {
		im.CLAHE(a.Limit, a.Tiles[1], a.Tiles[0])
	}
}
