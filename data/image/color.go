package image

import (
	"math"

	"github.com/gradus-ml/gradus/rng"
)

// colours is the number of channels that hold light.
func (im *Image) colours() int { return min(im.Channels, 3) }

// levels replaces every level of a channel, alpha left out, by its entry in
// the channel's table; a single table serves all.
func (im *Image) levels(tables ...*[256]uint8) {
	if im.Channels != 4 && len(tables) == 1 {
		t := tables[0]
		for i, v := range im.Pix {
			im.Pix[i] = t[v]
		}
		return
	}
	n := im.Channels
	for c := range im.colours() {
		t := tables[min(c, len(tables)-1)]
		for i := c; i < len(im.Pix); i += n {
			im.Pix[i] = t[im.Pix[i]]
		}
	}
}

// counts is how often each level stands in a channel.
func (im *Image) counts(channel int) (h [256]int) {
	for i := channel; i < len(im.Pix); i += im.Channels {
		h[im.Pix[i]]++
	}
	return h
}

// blend is from + factor*(to-from), cut off at 0 and 255 and rounded down, in
// float32: Pillow's Image.blend.
func blend(from, to uint8, factor float32) uint8 {
	// The conversion keeps the product from being fused with the sum, which
	// would give other bits on some processors.
	v := float32(from) + float32(factor*float32(int(to)-int(from)))
	return uint8(min(max(v, 0), 255))
}

// Brightness multiplies all levels; 0 gives black, 1 the image.
func (im *Image) Brightness(factor float64) {
	var t [256]uint8
	for i := range t {
		t[i] = blend(0, uint8(i), float32(factor))
	}
	im.levels(&t)
}

// Contrast moves all levels away from the mean grey of the image: 0 gives that
// grey, 1 the image.
func (im *Image) Contrast(factor float64) {
	var sum int
	for i, n := 0, im.Channels; i < len(im.Pix); i += n {
		if n == 1 {
			sum += int(im.Pix[i])
		} else {
			sum += int(luma(im.Pix[i : i+3 : i+3]))
		}
	}
	mean := uint8(float64(sum)/float64(im.Width*im.Height) + 0.5)
	var t [256]uint8
	for i := range t {
		t[i] = blend(mean, uint8(i), float32(factor))
	}
	im.levels(&t)
}

// Saturation moves colours away from their grey: 0 gives grey, 1 the image.
func (im *Image) Saturation(factor float64) {
	n := im.Channels
	if n == 1 {
		return
	}
	for i := 0; i < len(im.Pix); i += n {
		p := im.Pix[i : i+3 : i+3]
		grey := luma(p)
		p[0], p[1], p[2] = blend(grey, p[0], float32(factor)), blend(grey, p[1], float32(factor)), blend(grey, p[2], float32(factor))
	}
}

// Hue turns colours: 0.5 and -0.5 are half a circle. It works in 255 steps, as
// torchvision does with images of Pillow.
func (im *Image) Hue(turn float64) {
	n := im.Channels
	step := uint8(int32(turn * 255))
	if n == 1 || step == 0 && turn == 0 {
		return
	}
	for i := 0; i < len(im.Pix); i += n {
		p := im.Pix[i : i+3 : i+3]
		h, s, v := hsv(p[0], p[1], p[2])
		p[0], p[1], p[2] = fromHSV(h+step, s, v)
	}
}

// hsv is Pillow's conversion of a pixel to hue, saturation and value.
func hsv(r, g, b uint8) (h, s, v uint8) {
	hi, lo := max(r, g, b), min(r, g, b)
	if hi == lo {
		return 0, 0, hi
	}
	span := float32(hi - lo)
	rc, gc, bc := float32(hi-r)/span, float32(hi-g)/span, float32(hi-b)/span
	var hue float32
	switch hi {
	case r:
		hue = bc - gc
	case g:
		hue = float32(2 + float64(rc) - float64(bc))
	default:
		hue = float32(4 + float64(gc) - float64(rc))
	}
	hue = float32(math.Mod(float64(hue)/6+1, 1))
	return uint8(float64(hue) * 255), uint8(float64(span/float32(hi)) * 255), hi
}

// fromHSV is the way back.
func fromHSV(h, s, v uint8) (r, g, b uint8) {
	if s == 0 {
		return v, v, v
	}
	turn := float32(h) * 6 / 255
	sector := int(turn)
	f := float64(turn - float32(sector))
	sat, val := float64(s)/255, float64(v)
	p := uint8(math.Round(float64(val * (1 - sat))))
	q := uint8(math.Round(float64(val * (1 - float64(sat*f)))))
	t := uint8(math.Round(float64(val * (1 - float64(sat*(1-f))))))
	switch sector % 6 {
	case 0:
		return v, t, p
	case 1:
		return q, v, p
	case 2:
		return p, v, t
	case 3:
		return p, q, v
	case 4:
		return t, p, v
	}
	return v, p, q
}

// Sharpness moves levels away from a blurred image: 0 gives that, 1 the image,
// 2 a sharper one. The blur is the mean of 3 x 3 pixels, the middle five times;
// pixels at the edge stay.
func (im *Image) Sharpness(factor float64) {
	w, h, n := im.Width, im.Height, im.Channels
	if w < 3 || h < 3 {
		return
	}
	old := im.turn(w, h, n)
	copy(im.Pix, old)
	line := w * n
	for y := 1; y < h-1; y++ {
		for i := y*line + n; i < (y+1)*line-n; i++ {
			if n == 4 && i%4 == 3 {
				continue
			}
			sum := float32(4 * int(old[i]))
			for _, at := range [3]int{i - line, i, i + line} {
				sum += float32(int(old[at-n]) + int(old[at]) + int(old[at+n]))
			}
			// Pillow adds weights of 1/13 and 5/13 and rounds; so does this.
			smooth := uint8(sum/13 + 0.5)
			im.Pix[i] = blend(smooth, old[i], float32(factor))
		}
	}
}

// Posterize keeps the upper bits of levels, 0 to 8 of them.
func (im *Image) Posterize(bits int) {
	var t [256]uint8
	for i := range t {
		t[i] = uint8(i &^ (1<<(8-bits) - 1))
	}
	im.levels(&t)
}

// Solarize inverts the levels from a threshold on.
func (im *Image) Solarize(threshold float64) {
	var t [256]uint8
	for i := range t {
		t[i] = uint8(i)
		if float64(i) >= threshold {
			t[i] = uint8(255 - i)
		}
	}
	im.levels(&t)
}

// Invert exchanges dark and light.
func (im *Image) Invert() { im.Solarize(0) }

// AutoContrast stretches the levels of each channel until they reach from 0 to
// 255.
func (im *Image) AutoContrast() {
	var t [3][256]uint8
	for c := range im.colours() {
		h := im.counts(c)
		lo, hi := 0, 255
		for lo < 255 && h[lo] == 0 {
			lo++
		}
		for hi > 0 && h[hi] == 0 {
			hi--
		}
		scale, offset := 1.0, 0.0
		if hi > lo {
			scale = 255 / float64(hi-lo)
			offset = -float64(lo) * scale
		}
		for i := range t[c] {
			t[c][i] = uint8(min(max(int(float64(float64(i)*scale)+offset), 0), 255))
		}
	}
	im.levels(&t[0], &t[1], &t[2])
}

// Equalize gives each channel levels that are about equally frequent.
func (im *Image) Equalize() {
	var t [3][256]uint8
	for c := range im.colours() {
		h := im.counts(c)
		last, sum := 0, 0
		for i, n := range h {
			if n > 0 {
				last = i
			}
			sum += n
		}
		step := (sum - h[last]) / 255
		n := step / 2
		for i := range t[c] {
			if step == 0 {
				t[c][i] = uint8(i)
				continue
			}
			t[c][i] = uint8(min(255, n/step))
			n += h[i]
		}
	}
	im.levels(&t[0], &t[1], &t[2])
}

// gray makes the channels equal.
func (im *Image) gray() { im.Saturation(0) }

// A ColorJitter changes brightness, contrast, saturation and hue, in an order
// that is drawn too. The first three are multiplied by a number from 1-x to
// 1+x, at least 0; the hue turns by -x to x.
type ColorJitter struct {
	Brightness float64 `json:"brightness" yaml:"brightness"`
	Contrast   float64 `json:"contrast" yaml:"contrast"`
	Saturation float64 `json:"saturation" yaml:"saturation"`
	Hue        float64 `json:"hue" yaml:"hue"` // in circles, at most 0.5
}

// DefaultColorJitter has 0.4 of each and 0.1 of hue. torchvision names no
// defaults; these are those of many recipes for ImageNet.
func DefaultColorJitter() ColorJitter { return ColorJitter{0.4, 0.4, 0.4, 0.1} }

// Name is "color_jitter".
func (ColorJitter) Name() string { return "color_jitter" }

// Validate tells all that is wrong.
func (j ColorJitter) Validate() error {
	p := problems{name: "color_jitter"}
	for _, f := range []struct {
		key   string
		value float64
	}{{"brightness", j.Brightness}, {"contrast", j.Contrast}, {"saturation", j.Saturation}} {
		if !(f.value >= 0 && f.value <= 100) {
			p.add("%s is %v, want 0 to 100", f.key, f.value)
		}
	}
	if !(j.Hue >= 0 && j.Hue <= 0.5) {
		p.add("hue is %v, want 0 to 0.5", j.Hue)
	}
	return p.join()
}

// Apply draws the order and four numbers.
func (j ColorJitter) Apply(im *Image, s *rng.Stream) {
	order := [4]int{0, 1, 2, 3}
	s.Shuffle(4, func(a, b int) { order[a], order[b] = order[b], order[a] })
	b := within(s, max(0, 1-j.Brightness), 1+j.Brightness)
	c := within(s, max(0, 1-j.Contrast), 1+j.Contrast)
	sat := within(s, max(0, 1-j.Saturation), 1+j.Saturation)
	h := within(s, -j.Hue, j.Hue)
	for _, k := range order {
		switch {
		case k == 0 && j.Brightness > 0:
			im.Brightness(b)
		case k == 1 && j.Contrast > 0:
			im.Contrast(c)
		case k == 2 && j.Saturation > 0:
			im.Saturation(sat)
		case k == 3 && j.Hue > 0:
			im.Hue(h)
		}
	}
}

// A Grayscale makes some images grey. Their channels stay, with equal levels.
type Grayscale struct {
	Probability float64 `json:"probability" yaml:"probability"`
}

// DefaultGrayscale takes a tenth of the images.
func DefaultGrayscale() Grayscale { return Grayscale{0.1} }

// Name is "grayscale".
func (Grayscale) Name() string { return "grayscale" }

// Validate tells all that is wrong.
func (a Grayscale) Validate() error { return oneProbability("grayscale", a.Probability) }

// Apply draws one number.
func (a Grayscale) Apply(im *Image, s *rng.Stream) {
	if s.Float64() < a.Probability {
		im.gray()
	}
}

func oneProbability(name string, v float64) error {
	p := problems{name: name}
	p.probability("probability", v)
	return p.join()
}

// A Sharpen changes the sharpness of some images.
type Sharpen struct {
	Factor      float64 `json:"factor" yaml:"factor"` // 0 blurs, 1 changes nothing
	Probability float64 `json:"probability" yaml:"probability"`
}

// DefaultSharpen sharpens half of the images by 2.
func DefaultSharpen() Sharpen { return Sharpen{2, 0.5} }

// Name is "sharpness".
func (Sharpen) Name() string { return "sharpness" }

// Validate tells all that is wrong.
func (a Sharpen) Validate() error {
	p := problems{name: "sharpness"}
	p.probability("probability", a.Probability)
	if !(a.Factor >= 0 && a.Factor <= 100) {
		p.add("factor is %v, want 0 to 100", a.Factor)
	}
	return p.join()
}

// Apply draws one number.
func (a Sharpen) Apply(im *Image, s *rng.Stream) {
	if s.Float64() < a.Probability {
		im.Sharpness(a.Factor)
	}
}

// A Posterize keeps few bits of the levels of some images.
type Posterize struct {
	Bits        int     `json:"bits" yaml:"bits"`
	Probability float64 `json:"probability" yaml:"probability"`
}

// DefaultPosterize keeps 4 bits of half of the images.
func DefaultPosterize() Posterize { return Posterize{4, 0.5} }

// Name is "posterize".
func (Posterize) Name() string { return "posterize" }

// Validate tells all that is wrong.
func (a Posterize) Validate() error {
	p := problems{name: "posterize"}
	p.probability("probability", a.Probability)
	if a.Bits < 0 || a.Bits > 8 {
		p.add("bits is %d, want 0 to 8", a.Bits)
	}
	return p.join()
}

// Apply draws one number.
func (a Posterize) Apply(im *Image, s *rng.Stream) {
	if s.Float64() < a.Probability {
		im.Posterize(a.Bits)
	}
}

// A Solarize inverts the light levels of some images.
type Solarize struct {
	Threshold   float64 `json:"threshold" yaml:"threshold"` // the first level that is inverted
	Probability float64 `json:"probability" yaml:"probability"`
}

// DefaultSolarize inverts the upper half of levels in half of the images.
func DefaultSolarize() Solarize { return Solarize{128, 0.5} }

// Name is "solarize".
func (Solarize) Name() string { return "solarize" }

// Validate tells all that is wrong.
func (a Solarize) Validate() error {
	p := problems{name: "solarize"}
	p.probability("probability", a.Probability)
	if !(a.Threshold >= 0 && a.Threshold <= 256) {
		p.add("threshold is %v, want 0 to 256", a.Threshold)
	}
	return p.join()
}

// Apply draws one number.
func (a Solarize) Apply(im *Image, s *rng.Stream) {
	if s.Float64() < a.Probability {
		im.Solarize(a.Threshold)
	}
}

// An AutoContrast stretches the levels of some images.
type AutoContrast struct {
	Probability float64 `json:"probability" yaml:"probability"`
}

// DefaultAutoContrast takes half of the images.
func DefaultAutoContrast() AutoContrast { return AutoContrast{0.5} }

// Name is "autocontrast".
func (AutoContrast) Name() string { return "autocontrast" }

// Validate tells all that is wrong.
func (a AutoContrast) Validate() error { return oneProbability("autocontrast", a.Probability) }

// Apply draws one number.
func (a AutoContrast) Apply(im *Image, s *rng.Stream) {
	if s.Float64() < a.Probability {
		im.AutoContrast()
	}
}

// An Equalize evens out the levels of some images.
type Equalize struct {
	Probability float64 `json:"probability" yaml:"probability"`
}

// DefaultEqualize takes half of the images.
func DefaultEqualize() Equalize { return Equalize{0.5} }

// Name is "equalize".
func (Equalize) Name() string { return "equalize" }

// Validate tells all that is wrong.
func (a Equalize) Validate() error { return oneProbability("equalize", a.Probability) }

// Apply draws one number.
func (a Equalize) Apply(im *Image, s *rng.Stream) {
	if s.Float64() < a.Probability {
		im.Equalize()
	}
}

// An Invert makes negatives of some images.
type Invert struct {
	Probability float64 `json:"probability" yaml:"probability"`
}

// DefaultInvert takes half of the images.
func DefaultInvert() Invert { return Invert{0.5} }

// Name is "invert".
func (Invert) Name() string { return "invert" }

// Validate tells all that is wrong.
func (a Invert) Validate() error { return oneProbability("invert", a.Probability) }

// Apply draws one number.
func (a Invert) Apply(im *Image, s *rng.Stream) {
	if s.Float64() < a.Probability {
		im.Invert()
	}
}
