package image

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/internal/linalg"
	"github.com/gradus-ml/gradus/rng"
)

// transformFilters are those that know no area: a pixel is made of the one, 4
// or 16 around a point.
var transformFilters = []Filter{Nearest, Bilinear, Bicubic}

// transformFilter asks for one of them.
func (p *problems) transformFilter(f Filter) {
	if err := oneOf("filter", f, transformFilters); err != nil {
		p.errs = append(p.errs, err)
	}
}

// affine gives each pixel (x, y) what lies at m*(x+1/2, y+1/2, 1), or level
// where that is outside. It is Pillow's Image.transform with AFFINE, bit by
// bit.
func (im *Image) affine(m [6]float64, f Filter, level uint8) {
	if f != Nearest {
		im.sample(f, level, func(x, y float64) (float64, float64) {
			return float64(m[0]*x) + float64(m[1]*y) + m[2], float64(m[3]*x) + float64(m[4]*y) + m[5]
		})
		return
	}
	w, h, n := im.Width, im.Height, im.Channels
	old := im.turn(w, h, n)
	fill(im.Pix, level)
	if m[1] == 0 && m[3] == 0 { // axes stay: sums, as in nearest
		fy := m[5] + float64(m[4]*0.5)
		for y := range h {
			fx := m[2] + float64(m[0]*0.5)
			for x := range w {
				if fx >= 0 && fx < float64(w) && fy >= 0 && fy < float64(h) {
					copy(im.Pix[(y*w+x)*n:(y*w+x+1)*n], old[(int(fy)*w+int(fx))*n:])
				}
				fx += m[0]
			}
			fy += m[4]
		}
		return
	}
	fix := func(v float64) int64 { return int64(math.Floor(float64(v*65536) + 0.5)) }
	row := [2]int64{fix(m[2] + float64(m[0]*0.5) + float64(m[1]*0.5)), fix(m[5] + float64(m[3]*0.5) + float64(m[4]*0.5))}
	dx, dy := [2]int64{fix(m[0]), fix(m[3])}, [2]int64{fix(m[1]), fix(m[4])}
	for y := range h {
		at := row
		for x := range w {
			if u, v := at[0]>>16, at[1]>>16; u >= 0 && u < int64(w) && v >= 0 && v < int64(h) {
				copy(im.Pix[(y*w+x)*n:(y*w+x+1)*n], old[(int(v)*w+int(u))*n:])
			}
			at[0] += dx[0]
			at[1] += dx[1]
		}
		row[0] += dy[0]
		row[1] += dy[1]
	}
}

// sample gives each pixel what lies at the place that where gives for its
// middle; level where that is outside.
func (im *Image) sample(f Filter, level uint8, where func(x, y float64) (u, v float64)) {
	w, h, n := im.Width, im.Height, im.Channels
	old := im.turn(w, h, n)
	for y := range h {
		for x := range w {
			out := im.Pix[(y*w+x)*n : (y*w+x+1)*n]
			u, v := where(float64(x)+0.5, float64(y)+0.5)
			if !(u >= 0 && u < float64(w) && v >= 0 && v < float64(h)) {
				fill(out, level)
				continue
			}
			switch f {
			case Nearest:
				copy(out, old[(int(v)*w+int(u))*n:])
			case Bilinear:
				bilinear(out, old, w, h, u-0.5, v-0.5)
			default:
				bicubic(out, old, w, h, u-0.5, v-0.5)
			}
		}
	}
}

// bilinear stores the mean of the four pixels around (u, v), rounded down.
func bilinear(out, pix []uint8, w, h int, u, v float64) {
	n := len(out)
	x, y := int(math.Floor(u)), int(math.Floor(v))
	dx, dy := u-float64(x), v-float64(y)
	x0, x1 := max(x, 0)*n, min(x+1, w-1)*n
	y0, y1 := max(y, 0)*w*n, min(y+1, h-1)*w*n
	for c := range out {
		a, b := float64(pix[y0+x0+c]), float64(pix[y0+x1+c])
		d, e := float64(pix[y1+x0+c]), float64(pix[y1+x1+c])
		a += float64((b - a) * dx)
		d += float64((e - d) * dx)
		out[c] = uint8(a + float64((d-a)*dy))
	}
}

// bicubic stores what a cubic through sixteen pixels around (u, v) gives,
// rounded down.
func bicubic(out, pix []uint8, w, h int, u, v float64) {
	n := len(out)
	x, y := int(math.Floor(u)), int(math.Floor(v))
	dx, dy := u-float64(x), v-float64(y)
	for c := range out {
		var rows [4]float64
		for j := range rows {
			// Rows past the edge are the last one, as columns are.
			line := pix[min(max(y-1+j, 0), h-1)*w*n+c:]
			var p [4]float64
			for i := range p {
				p[i] = float64(line[min(max(x-1+i, 0), w-1)*n])
			}
			rows[j] = cubic(p, dx)
		}
		out[c] = uint8(min(max(cubic(rows, dy), 0), 255))
	}
}

func cubic(p [4]float64, d float64) float64 {
	p2 := -p[0] + p[2]
	p3 := 2*(p[0]-p[1]) + p[2] - p[3]
	p4 := -p[0] + p[1] - p[2] + p[3]
	return p[1] + float64(d*(p2+float64(d*(p3+float64(d*p4)))))
}

// Rotate turns im by an angle in degrees, counter-clockwise, around its middle.
// Corners that come from outside get a level.
func (im *Image) Rotate(degrees float64, f Filter, level uint8) {
	degrees = math.Mod(math.Mod(degrees, 360)+360, 360)
	switch {
	case degrees == 0:
		return
	case degrees == 180:
		im.FlipX()
		im.FlipY()
		return
	case degrees == 90 && im.Width == im.Height:
		im.FlipX()
		im.Transpose()
		return
	case degrees == 270 && im.Width == im.Height:
		im.Transpose()
		im.FlipX()
		return
	}
	sin, cos := math.Sincos(-degrees * math.Pi / 180)
	digits := func(v float64) float64 { return math.Round(v*1e15) / 1e15 } // so that 90 degrees give 0
	sin, cos = digits(sin), digits(cos)
	cx, cy := float64(im.Width)/2, float64(im.Height)/2
	im.affine([6]float64{cos, sin, float64(cos*-cx) + float64(sin*-cy) + cx, -sin, cos, float64(-sin*-cx) + float64(cos*-cy) + cy}, f, level)
}

// A Placing is an affine map of an image: turned by Degrees clockwise, sheared
// by angles, scaled and moved, around a center.
type Placing struct {
	Degrees        float64
	X, Y           float64 // pixels to the right and down
	Scale          float64
	ShearX, ShearY float64 // degrees
	Center         *[2]float64
}

// Place maps im, as torchvision's affine does with images of Pillow.
func (im *Image) Place(p Placing, f Filter, level uint8) {
	cx, cy := float64(im.Width)*0.5, float64(im.Height)*0.5
	if p.Center != nil {
		cx, cy = p.Center[0], p.Center[1]
	}
	rad := math.Pi / 180
	rot, sx, sy := p.Degrees*rad, p.ShearX*rad, p.ShearY*rad
	a := math.Cos(rot-sy) / math.Cos(sy)
	b := float64(-math.Cos(rot-sy)*math.Tan(sx)/math.Cos(sy)) - math.Sin(rot)
	c := math.Sin(rot-sy) / math.Cos(sy)
	d := float64(-math.Sin(rot-sy)*math.Tan(sx)/math.Cos(sy)) + math.Cos(rot)
	m := [6]float64{d / p.Scale, -b / p.Scale, 0, -c / p.Scale, a / p.Scale, 0}
	m[2] = float64(m[0]*(-cx-p.X)) + float64(m[1]*(-cy-p.Y)) + cx
	m[5] = float64(m[3]*(-cx-p.X)) + float64(m[4]*(-cy-p.Y)) + cy
	im.affine(m, f, level)
}

// Perspective moves the corners of im (top left, top right, bottom right, bottom
// left) to other places, x and y, and everything between along.
func (im *Image) Perspective(corners [4][2]float64, f Filter, level uint8) error {
	w, h := float64(im.Width-1), float64(im.Height-1)
	start := [4][2]float64{{0, 0}, {w, 0}, {w, h}, {0, h}}
	// Eight equations: for each corner q that comes from p,
	//	p = (a qx + b qy + c, d qx + e qy + f) / (g qx + h qy + 1)
	a := make([]float64, 64)
	x, p := make([]float64, 8), make([]float64, 8)
	for i, q := range corners {
		p[2*i], p[2*i+1] = start[i][0], start[i][1]
		copy(a[16*i:], []float64{q[0], q[1], 1, 0, 0, 0, -p[2*i] * q[0], -p[2*i] * q[1]})
		copy(a[16*i+8:], []float64{0, 0, 0, q[0], q[1], 1, -p[2*i+1] * q[0], -p[2*i+1] * q[1]})
	}
	linalg.Solve(x, a, p, make([]float64, 64), 8, 1)
	var k [8]float64
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("image: perspective: the corners %v lie on a line", corners)
		}
		k[i] = float64(float32(v))
	}
	im.sample(f, level, func(x, y float64) (float64, float64) {
		below := float64(k[6]*x) + float64(k[7]*y) + 1
		return (float64(k[0]*x) + float64(k[1]*y) + k[2]) / below, (float64(k[3]*x) + float64(k[4]*y) + k[5]) / below
	})
	return nil
}

// A Rotate turns images by a random angle.
type Rotate struct {
	Degrees [2]float64 `json:"degrees" yaml:"degrees"` // from, to; counter-clockwise
	Filter  Filter     `json:"filter" yaml:"filter"`
	Level   uint8      `json:"level" yaml:"level"` // of what comes from outside
}

// DefaultRotate turns by up to 15 degrees. torchvision names no default.
func DefaultRotate() Rotate { return Rotate{Degrees: [2]float64{-15, 15}, Filter: Nearest} }

// Name is "rotate".
func (Rotate) Name() string { return "rotate" }

// Validate tells all that is wrong.
func (a Rotate) Validate() error {
	p := problems{name: "rotate"}
	p.ordered("degrees", a.Degrees, -360, 360)
	p.transformFilter(a.Filter)
	return p.join()
}

// Apply draws the angle.
func (a Rotate) Apply(im *Image, s *rng.Stream) {
	im.Rotate(within(s, a.Degrees[0], a.Degrees[1]), a.Filter, a.Level)
}

// An Affine turns, moves, scales and shears images at random around their
// middle.
type Affine struct {
	Degrees   [2]float64 `json:"degrees" yaml:"degrees"`     // clockwise
	Translate [2]float64 `json:"translate" yaml:"translate"` // largest move, in widths and heights
	Scale     [2]float64 `json:"scale" yaml:"scale"`
	ShearX    [2]float64 `json:"shear_x" yaml:"shear_x"` // degrees
	ShearY    [2]float64 `json:"shear_y" yaml:"shear_y"`
	Filter    Filter     `json:"filter" yaml:"filter"`
	Level     uint8      `json:"level" yaml:"level"`
}

// DefaultAffine turns by up to 10 degrees and moves by up to a tenth.
// torchvision names no defaults.
func DefaultAffine() Affine {
	return Affine{Degrees: [2]float64{-10, 10}, Translate: [2]float64{0.1, 0.1}, Scale: [2]float64{1, 1}, Filter: Nearest}
}

// Name is "affine".
func (Affine) Name() string { return "affine" }

// Validate tells all that is wrong.
func (a Affine) Validate() error {
	p := problems{name: "affine"}
	p.ordered("degrees", a.Degrees, -360, 360)
	p.ordered("scale", a.Scale, 1e-3, 1e3)
	p.ordered("shear_x", a.ShearX, -80, 80)
	p.ordered("shear_y", a.ShearY, -80, 80)
	for i, axis := range []string{"x", "y"} {
		if t := a.Translate[i]; !(t >= 0 && t <= 1) {
			p.add("translate is %v in %s, want 0 to 1", t, axis)
		}
	}
	p.transformFilter(a.Filter)
	return p.join()
}

// Apply draws six numbers.
func (a Affine) Apply(im *Image, s *rng.Stream) {
	var p Placing
	p.Degrees = within(s, a.Degrees[0], a.Degrees[1])
	dx, dy := a.Translate[0]*float64(im.Width), a.Translate[1]*float64(im.Height)
	p.X, p.Y = math.RoundToEven(within(s, -dx, dx)), math.RoundToEven(within(s, -dy, dy))
	p.Scale = within(s, a.Scale[0], a.Scale[1])
	p.ShearX, p.ShearY = within(s, a.ShearX[0], a.ShearX[1]), within(s, a.ShearY[0], a.ShearY[1])
	im.Place(p, a.Filter, a.Level)
}

// A Perspective moves the corners of some images inwards.
type Perspective struct {
	Distortion  float64 `json:"distortion" yaml:"distortion"` // largest move of a corner, in half widths and heights
	Probability float64 `json:"probability" yaml:"probability"`
	Filter      Filter  `json:"filter" yaml:"filter"`
	Level       uint8   `json:"level" yaml:"level"`
}

// DefaultPerspective moves by up to 0.5 in half of the images.
func DefaultPerspective() Perspective {
	return Perspective{Distortion: 0.5, Probability: 0.5, Filter: Bilinear}
}

// Name is "perspective".
func (Perspective) Name() string { return "perspective" }

// Validate tells all that is wrong.
func (a Perspective) Validate() error {
	p := problems{name: "perspective"}
	p.probability("distortion", a.Distortion)
	p.probability("probability", a.Probability)
	p.transformFilter(a.Filter)
	return p.join()
}

// Apply draws one number, and eight more for an image that is changed.
func (a Perspective) Apply(im *Image, s *rng.Stream) {
	if s.Float64() >= a.Probability {
		return
	}
	w, h := im.Width, im.Height
	bx, by := int(a.Distortion*float64(w/2))+1, int(a.Distortion*float64(h/2))+1
	var corners [4][2]float64
	for i, far := range [4][2]bool{{false, false}, {true, false}, {true, true}, {false, true}} {
		x, y := s.IntN(bx), s.IntN(by)
		if far[0] {
			x += w - bx
		}
		if far[1] {
			y += h - by
		}
		corners[i] = [2]float64{float64(x), float64(y)}
	}
	// Images of a pixel or two have corners on a line; they stay.
	_ = im.Perspective(corners, a.Filter, a.Level)
}
