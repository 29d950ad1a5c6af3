package image

import (
	"math"

	"github.com/gradus-ml/gradus/rng"
)

// gauss is n weights of a bell of width sigma around their middle, which add up
// to 1.
func gauss(n int, sigma float64) []float32 {
	w := make([]float32, n)
	var sum float64
	for i := range w {
		x := (float64(i) - float64(n-1)/2) / sigma
		w[i] = float32(math.Exp(-x * x / 2))
		sum += float64(w[i])
	}
	for i := range w {
		w[i] = float32(float64(w[i]) / sum)
	}
	return w
}

// smooth makes each number of a plane the mean of its surroundings, by weights
// along rows and then along columns. Past the edges the plane is mirrored.
func smooth(plane, work []float32, w, h int, wx, wy []float32) {
	for y := range h {
		line, out := plane[y*w:(y+1)*w], work[y*w:(y+1)*w]
		for x := range out {
			out[x] = mean(line, x, w, 1, wx)
		}
	}
	for x := range w {
		for y := range h {
			plane[y*w+x] = mean(work[x:], y, h, w, wy)
		}
	}
}

// mean is the weighted sum around element i of n, stride apart.
func mean(v []float32, i, n, stride int, weights []float32) (sum float32) {
	first := i - len(weights)/2
	if first >= 0 && first+len(weights) <= n {
		for k, w := range weights {
			sum += float32(w * v[(first+k)*stride])
		}
		return sum
	}
	for k, w := range weights {
		sum += float32(w * v[Reflect.place(first+k, n)*stride])
	}
	return sum
}

// Blur makes each pixel the mean of kernel x kernel around it, weighted by a
// bell of width sigma, rounded. kernel is odd. It is torchvision's
// gaussian_blur, but for the order of its sums.
func (im *Image) Blur(kernel int, sigma float64) {
	weights := gauss(kernel, sigma)
	w, h, n := im.Width, im.Height, im.Channels
	plane, work := make([]float32, w*h), make([]float32, w*h)
	for c := range n {
		for i := range plane {
			plane[i] = float32(im.Pix[i*n+c])
		}
		smooth(plane, work, w, h, weights, weights)
		for i, v := range plane {
			im.Pix[i*n+c] = uint8(math.RoundToEven(float64(v)))
		}
	}
}

// Warp gives each pixel (x, y) what lies dx[y][x] to the right and dy[y][x]
// down, in pixels, bilinearly mixed and rounded. Towards the edges it fades to
// level. It is torchvision's elastic.
func (im *Image) Warp(dx, dy []float32, level uint8) {
	w, h, n := im.Width, im.Height, im.Channels
	old := im.turn(w, h, n)
	for y := range h {
		for x := range w {
			i := y*w + x
			u, v := float64(x)+float64(dx[i]), float64(y)+float64(dy[i])
			x0, y0 := int(math.Floor(u)), int(math.Floor(v))
			fx, fy := u-float64(x0), v-float64(y0)
			var sum [4]float64
			inside := 0.0 // weight of what lies within the image
			for _, p := range [4]struct {
				x, y   int
				weight float64
			}{{x0, y0, (1 - fx) * (1 - fy)}, {x0 + 1, y0, fx * (1 - fy)}, {x0, y0 + 1, (1 - fx) * fy}, {x0 + 1, y0 + 1, fx * fy}} {
				if p.x < 0 || p.x >= w || p.y < 0 || p.y >= h {
					continue
				}
				inside += p.weight
				for c, v := range old[(p.y*w+p.x)*n : (p.y*w+p.x+1)*n] {
					sum[c] += float64(p.weight * float64(v))
				}
			}
			for c := range n {
				// The sum lacks what lies outside, and is weighted once more.
				l := float64(level)
				im.Pix[i*n+c] = uint8(math.RoundToEven(l + float64((sum[c]-l)*inside)))
			}
		}
	}
}

// A Blur blurs some images by a random width.
type Blur struct {
	Kernel      int        `json:"kernel" yaml:"kernel"` // pixels in each direction, odd
	Sigma       [2]float64 `json:"sigma" yaml:"sigma"`   // pixels
	Probability float64    `json:"probability" yaml:"probability"`
}

// DefaultBlur blurs every image by 0.1 to 2 pixels over 5.
func DefaultBlur() Blur { return Blur{Kernel: 5, Sigma: [2]float64{0.1, 2}, Probability: 1} }

// Name is "blur".
func (Blur) Name() string { return "blur" }

// Validate tells all that is wrong.
func (a Blur) Validate() error {
	p := problems{name: "blur"}
	p.probability("probability", a.Probability)
	if a.Kernel < 1 || a.Kernel%2 == 0 || a.Kernel > 1001 {
		p.add("kernel is %d, want an odd number from 1 to 1001", a.Kernel)
	}
	p.ordered("sigma", a.Sigma, 1e-3, 1e3)
	return p.join()
}

// Apply draws two numbers.
func (a Blur) Apply(im *Image, s *rng.Stream) {
	sigma := within(s, a.Sigma[0], a.Sigma[1])
	if s.Float64() < a.Probability {
		im.Blur(a.Kernel, sigma)
	}
}

// An Elastic moves pixels by a smooth random field.
type Elastic struct {
	Alpha       float64 `json:"alpha" yaml:"alpha"` // strength: the field is -1 to 1 before it is blurred; a pixel moves by Alpha/2 of it
	Sigma       float64 `json:"sigma" yaml:"sigma"` // pixels that the field is blurred by
	Probability float64 `json:"probability" yaml:"probability"`
	Level       uint8   `json:"level" yaml:"level"`
}

// DefaultElastic has strength 50 and blurs by 5, in all images.
func DefaultElastic() Elastic { return Elastic{Alpha: 50, Sigma: 5, Probability: 1} }

// Name is "elastic".
func (Elastic) Name() string { return "elastic" }

// Validate tells all that is wrong.
func (a Elastic) Validate() error {
	p := problems{name: "elastic"}
	p.probability("probability", a.Probability)
	if !(a.Alpha >= 0 && a.Alpha <= 1e4) {
		p.add("alpha is %v, want 0 to 10000", a.Alpha)
	}
	if !(a.Sigma >= 0 && a.Sigma <= 100) {
		p.add("sigma is %v, want 0 to 100", a.Sigma)
	}
	return p.join()
}

// Apply draws one number, and two a pixel for an image that is changed.
func (a Elastic) Apply(im *Image, s *rng.Stream) {
	if dx, dy := a.field(im, s); dx != nil {
		im.Warp(dx, dy, a.Level)
	}
}

// field draws how far pixels move, nil for an image that stays as it is.
func (a Elastic) field(im *Image, s *rng.Stream) (dx, dy []float32) {
	if s.Float64() >= a.Probability {
		return nil, nil
	}
	n := im.Width * im.Height
	field := make([]float32, 3*n)
	dx, dy = field[:n], field[n:2*n]
	work := field[2*n:]
	for _, plane := range [2][]float32{dx, dy} {
		for i := range plane {
			plane[i] = 2*s.Float32() - 1
		}
		if a.Sigma > 0 {
			weights := gauss(int(8*a.Sigma+1)|1, a.Sigma)
			smooth(plane, work, im.Width, im.Height, weights, weights)
		}
		for i := range plane {
			plane[i] *= float32(a.Alpha / 2)
		}
	}
	return dx, dy
}

// An Erase covers a rectangle of some images.
type Erase struct {
	Probability float64    `json:"probability" yaml:"probability"`
	Scale       [2]float64 `json:"scale" yaml:"scale"` // of the image's area
	Ratio       [2]float64 `json:"ratio" yaml:"ratio"` // height to width
	Level       uint8      `json:"level" yaml:"level"`
	Noise       bool       `json:"noise" yaml:"noise"` // random levels instead of one
}

// DefaultErase covers 2 to 33 % of half of the images with black.
func DefaultErase() Erase {
	return Erase{Probability: 0.5, Scale: [2]float64{0.02, 0.33}, Ratio: [2]float64{0.3, 3.3}}
}

// Name is "erase".
func (Erase) Name() string { return "erase" }

// Validate tells all that is wrong.
func (a Erase) Validate() error {
	p := problems{name: "erase"}
	p.probability("probability", a.Probability)
	p.ordered("scale", a.Scale, 0, 1)
	p.ordered("ratio", a.Ratio, 1e-3, 1e3)
	return p.join()
}

// Apply draws one number, and for an image that is changed as many as it takes
// to find a rectangle that fits in; after ten there is none.
func (a Erase) Apply(im *Image, s *rng.Stream) {
	if s.Float64() >= a.Probability {
		return
	}
	area := float64(im.Width * im.Height)
	lo, hi := math.Log(a.Ratio[0]), math.Log(a.Ratio[1])
	for range 10 {
		part := area * within(s, a.Scale[0], a.Scale[1])
		ratio := math.Exp(within(s, lo, hi))
		h := int(math.RoundToEven(math.Sqrt(part * ratio)))
		w := int(math.RoundToEven(math.Sqrt(part / ratio)))
		if h >= im.Height || w >= im.Width {
			continue
		}
		y, x := s.IntN(im.Height-h+1), s.IntN(im.Width-w+1)
		for row := y; row < y+h; row++ {
			line := im.Row(row)[x*im.Channels : (x+w)*im.Channels]
			fill(line, a.Level)
			if a.Noise {
				for i := range line {
					line[i] = uint8(s.Uint32() >> 24)
				}
			}
		}
		return
	}
}
