package image

import (
	"math"

	"github.com/gradus-ml/gradus/rng"
)

// An operation is one that policies choose from.
type operation struct {
	name   string
	signed bool // the magnitude goes both ways
	// magnitude is that of a level of 0 (nothing, mostly) to 1.
	magnitude func(im *Image, level float64) float64
	apply     func(im *Image, magnitude float64, f Filter, level uint8)
}

// line is a magnitude from lo to hi.
func line(lo, hi float64) func(*Image, float64) float64 {
	return func(_ *Image, level float64) float64 { return lo + (hi-lo)*level }
}

// operations are torchvision's for RandAugment (_auto_augment.py), without
// Identity. move is the largest translation, in widths and heights; bits is how
// many posterize keeps at level 0.
func operations(move float64, bits float64) []operation {
	corner := &[2]float64{}
	degrees := func(slope float64) float64 { return math.Atan(slope) * 180 / math.Pi }
	none := func(*Image, float64) float64 { return 0 }
	return []operation{
		{"shear_x", true, line(0, 0.3), func(im *Image, m float64, f Filter, l uint8) {
			im.Place(Placing{Scale: 1, ShearX: degrees(m), Center: corner}, f, l)
		}},
		{"shear_y", true, line(0, 0.3), func(im *Image, m float64, f Filter, l uint8) {
			im.Place(Placing{Scale: 1, ShearY: degrees(m), Center: corner}, f, l)
		}},
		{"translate_x", true, func(im *Image, level float64) float64 { return move * float64(im.Width) * level },
			func(im *Image, m float64, f Filter, l uint8) { im.Place(Placing{Scale: 1, X: math.Trunc(m)}, f, l) }},
		{"translate_y", true, func(im *Image, level float64) float64 { return move * float64(im.Height) * level },
			func(im *Image, m float64, f Filter, l uint8) { im.Place(Placing{Scale: 1, Y: math.Trunc(m)}, f, l) }},
		{"rotate", true, line(0, 30), func(im *Image, m float64, f Filter, l uint8) { im.Rotate(m, f, l) }},
		{"brightness", true, line(0, 0.9), func(im *Image, m float64, _ Filter, _ uint8) { im.Brightness(1 + m) }},
		{"color", true, line(0, 0.9), func(im *Image, m float64, _ Filter, _ uint8) { im.Saturation(1 + m) }},
		{"contrast", true, line(0, 0.9), func(im *Image, m float64, _ Filter, _ uint8) { im.Contrast(1 + m) }},
		{"sharpness", true, line(0, 0.9), func(im *Image, m float64, _ Filter, _ uint8) { im.Sharpness(1 + m) }},
		{"posterize", false, func(_ *Image, level float64) float64 { return math.RoundToEven(bits - 4*level) },
			func(im *Image, m float64, _ Filter, _ uint8) { im.Posterize(int(m)) }},
		{"solarize", false, line(255, 0), func(im *Image, m float64, _ Filter, _ uint8) { im.Solarize(m) }},
		{"autocontrast", false, none, func(im *Image, _ float64, _ Filter, _ uint8) { im.AutoContrast() }},
		{"equalize", false, none, func(im *Image, _ float64, _ Filter, _ uint8) { im.Equalize() }},
	}
}

// run draws the sign and applies.
func (o operation) run(im *Image, level float64, s *rng.Stream, f Filter, outside uint8) {
	m := o.magnitude(im, level)
	if s.Float64() < 0.5 && o.signed {
		m = -m
	}
	o.apply(im, m, f, outside)
}

// A RandAugment applies a few operations of one strength, drawn anew for each
// image from 13 and from doing nothing.
//
// Source: Cubuk, Zoph, Shlens, Le, "RandAugment" (2019), with the ranges of
// torchvision.
type RandAugment struct {
	Operations int    `json:"operations" yaml:"operations"` // for each image
	Magnitude  int    `json:"magnitude" yaml:"magnitude"`   // 0 to Bins-1
	Bins       int    `json:"bins" yaml:"bins"`
	Filter     Filter `json:"filter" yaml:"filter"`
	Level      uint8  `json:"level" yaml:"level"`
}

// DefaultRandAugment applies two operations with magnitude 9 of 31.
func DefaultRandAugment() RandAugment {
	return RandAugment{Operations: 2, Magnitude: 9, Bins: 31, Filter: Nearest}
}

// Name is "rand_augment".
func (RandAugment) Name() string { return "rand_augment" }

// Validate tells all that is wrong.
func (a RandAugment) Validate() error {
	p := problems{name: "rand_augment"}
	if a.Operations < 0 || a.Operations > 100 {
		p.add("operations is %d, want 0 to 100", a.Operations)
	}
	if a.Bins < 2 {
		p.add("bins is %d, want at least 2", a.Bins)
	}
	if a.Magnitude < 0 || a.Magnitude >= a.Bins {
		p.add("magnitude is %d, want 0 to %d, the bins less one", a.Magnitude, a.Bins-1)
	}
	p.transformFilter(a.Filter)
	return p.join()
}

// Apply draws two numbers an operation.
func (a RandAugment) Apply(im *Image, s *rng.Stream) {
	a.run(im, s, func(operation) bool { return true })
}

// run draws operations, and applies those that are wanted.
func (a RandAugment) run(im *Image, s *rng.Stream, wanted func(operation) bool) {
	ops := operations(150./331, 8)
	level := float64(a.Magnitude) / float64(a.Bins-1)
	for range a.Operations {
		k := s.IntN(len(ops) + 1)
		if k == len(ops) || !wanted(ops[k]) {
			s.Float64() // as many numbers for nothing as for something
			continue
		}
		ops[k].run(im, level, s, a.Filter, a.Level)
	}
}

// An AugMix mixes an image with copies of it that went through chains of
// operations:
//
//	m*x + (1-m) * sum over i of w[i]*chain[i](x)
//
// where w and (m, 1-m) are Dirichlet distributed with Alpha.
//
// Source: Hendrycks et al., "AugMix" (2019), with the ranges of torchvision.
type AugMix struct {
	Severity int     `json:"severity" yaml:"severity"`               // largest strength, 1 to 10
	Width    int     `json:"width" yaml:"width"`                     // number of chains
	Depth    *int    `json:"depth,omitempty" yaml:"depth,omitempty"` // of a chain; without it 1 to 3
	Alpha    float64 `json:"alpha" yaml:"alpha"`
	All      bool    `json:"all" yaml:"all"` // brightness, color, contrast and sharpness too
	Filter   Filter  `json:"filter" yaml:"filter"`
	Level    uint8   `json:"level" yaml:"level"`
}

// DefaultAugMix has severity 3 and three chains of all operations.
func DefaultAugMix() AugMix {
	return AugMix{Severity: 3, Width: 3, Alpha: 1, All: true, Filter: Bilinear}
}

// Name is "aug_mix".
func (AugMix) Name() string { return "aug_mix" }

// Validate tells all that is wrong.
func (a AugMix) Validate() error {
	p := problems{name: "aug_mix"}
	if a.Severity < 1 || a.Severity > 10 {
		p.add("severity is %d, want 1 to 10", a.Severity)
	}
	if a.Width < 1 || a.Width > 100 {
		p.add("width is %d, want 1 to 100", a.Width)
	}
	if a.Depth != nil && (*a.Depth < 1 || *a.Depth > 100) {
		p.add("depth is %d, want 1 to 100", *a.Depth)
	}
	if !(a.Alpha > 0 && a.Alpha <= 1e3) {
		p.add("alpha is %v, want more than 0, at most 1000", a.Alpha)
	}
	p.transformFilter(a.Filter)
	return p.join()
}

// Apply draws the weights, then each chain.
func (a AugMix) Apply(im *Image, s *rng.Stream) {
	ops := operations(1./3, 4)
	if !a.All {
		some := ops[:0]
		for _, o := range ops {
			switch o.name {
			case "brightness", "color", "contrast", "sharpness":
			default:
				some = append(some, o)
			}
		}
		ops = some
	}
	m := dirichlet(s, 2, a.Alpha)
	weights := dirichlet(s, a.Width, a.Alpha)
	mix := make([]float32, len(im.Pix))
	add := func(pix []uint8, weight float64) {
		for i, v := range pix {
			mix[i] += float32(float32(weight) * float32(v))
		}
	}
	add(im.Pix, m[0])
	var chain Image
	for _, w := range weights {
		chain.Copy(im)
		depth := 1 + s.IntN(3)
		if a.Depth != nil {
			depth = *a.Depth
		}
		for range depth {
			o := ops[s.IntN(len(ops))]
			o.run(&chain, float64(s.IntN(a.Severity))/9, s, a.Filter, a.Level)
		}
		add(chain.Pix, m[1]*w)
	}
	for i, v := range mix {
		im.Pix[i] = uint8(min(v, 255))
	}
}

// dirichlet returns n positive numbers that add up to 1.
func dirichlet(s *rng.Stream, n int, alpha float64) []float64 {
	w := make([]float64, n)
	var sum float64
	for i := range w {
		w[i] = s.Gamma(alpha)
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}
