package image

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/rng"
)

// An Augmentation changes images by chance. It is plain data. The size of an
// image stays.
type Augmentation interface {
	// Name is that of its Kind. It is a part of the path of its random numbers.
	Name() string
	// Validate tells all that is wrong with the settings.
	Validate() error
	// Apply draws, and changes im. Equal draws of equal images give equal
	// images on every machine.
	Apply(im *Image, s *rng.Stream)
}

// Kinds are the augmentations that settings may name.
func Kinds() []config.Kind {
	all := []Augmentation{
		DefaultFlip(), DefaultCrop(), DefaultResizedCrop(),
		DefaultRotate(), DefaultAffine(), DefaultPerspective(), DefaultElastic(),
		DefaultColorJitter(), DefaultGrayscale(), DefaultBlur(), DefaultSharpen(),
		DefaultPosterize(), DefaultSolarize(), DefaultAutoContrast(), DefaultEqualize(), DefaultLocalEqualize(), DefaultInvert(),
		DefaultErase(), DefaultRandAugment(), DefaultAugMix(),
	}
	kinds := make([]config.Kind, len(all))
	for i, a := range all {
		kinds[i] = config.Kind{Name: a.Name(), Default: a}
	}
	return kinds
}

// Augment applies a list in its order. Each has random numbers of its own,
// data.Draw's of the path "image.NAME", "image.NAME.2" for the second of a name
// and so on: what is added to a list changes nothing that others draw.
// Augmentation that is not for training does nothing.
func Augment(im *Image, list []Augmentation, d data.Draw) {
	if !d.Training {
		return
	}
	for i, a := range list {
		a.Apply(im, d.Stream(path(list, i)))
	}
}

// path names the random numbers of list[i].
func path(list []Augmentation, i int) string {
	n := 1
	for _, a := range list[:i] {
		if a.Name() == list[i].Name() {
			n++
		}
	}
	if n == 1 {
		return "image." + list[i].Name()
	}
	return fmt.Sprintf("image.%s.%d", list[i].Name(), n)
}

// problems collects what is wrong with settings.
type problems struct {
	name string
	errs []error
}

func (p *problems) add(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("image: %s: "+format, append([]any{p.name}, args...)...))
}

// probability asks for a number from 0 to 1.
func (p *problems) probability(key string, v float64) {
	if !(v >= 0 && v <= 1) {
		p.add("%s is %v, want 0 to 1", key, v)
	}
}

// ordered asks for lo <= v[0] <= v[1] <= hi.
func (p *problems) ordered(key string, v [2]float64, lo, hi float64) {
	if !(v[0] >= lo && v[0] <= v[1] && v[1] <= hi) {
		p.add("%s is %v, want two numbers in order from %v to %v", key, v, lo, hi)
	}
}

func (p *problems) join() error { return errors.Join(p.errs...) }

// within returns a number from lo to hi.
func within(s *rng.Stream, lo, hi float64) float64 { return lo + (hi-lo)*s.Float64() }

// A Flip mirrors images: left to right with one probability, top to bottom
// with another.
type Flip struct {
	Horizontal float64 `json:"horizontal" yaml:"horizontal"`
	Vertical   float64 `json:"vertical" yaml:"vertical"`
}

// DefaultFlip mirrors half of the images left to right.
func DefaultFlip() Flip { return Flip{Horizontal: 0.5} }

// Name is "flip".
func (Flip) Name() string { return "flip" }

// Validate tells all that is wrong.
func (f Flip) Validate() error {
	p := problems{name: "flip"}
	p.probability("horizontal", f.Horizontal)
	p.probability("vertical", f.Vertical)
	return p.join()
}

// Apply draws two numbers.
func (f Flip) Apply(im *Image, s *rng.Stream) {
	x, y := s.Float64(), s.Float64()
	if x < f.Horizontal {
		im.FlipX()
	}
	if y < f.Vertical {
		im.FlipY()
	}
}

// A Crop pads all sides and takes a part of the image's size from a random
// place, as torchvision's RandomCrop does with the size of the image.
type Crop struct {
	Padding int     `json:"padding" yaml:"padding"` // pixels
	Mode    Padding `json:"mode" yaml:"mode"`
	Level   uint8   `json:"level" yaml:"level"` // of constant padding
}

// DefaultCrop pads 4 black pixels, as it is usual for images of 32 x 32.
func DefaultCrop() Crop { return Crop{Padding: 4, Mode: Constant} }

// Name is "crop".
func (Crop) Name() string { return "crop" }

// Validate tells all that is wrong.
func (c Crop) Validate() error {
	p := problems{name: "crop"}
	if c.Padding < 0 || c.Padding > 1<<16 {
		p.add("padding is %d pixels, want 0 to %d", c.Padding, 1<<16)
	}
	if err := c.Mode.Validate(); err != nil {
		p.errs = append(p.errs, err)
	}
	return p.join()
}

// Apply draws the place.
func (c Crop) Apply(im *Image, s *rng.Stream) {
	x, y := s.IntN(2*c.Padding+1), s.IntN(2*c.Padding+1)
	w, h := im.Width, im.Height
	im.Pad(c.Padding, c.Padding, c.Padding, c.Padding, c.Mode, c.Level)
	im.Crop(Rect{x, y, w, h})
}

// A ResizedCrop takes a part of random size and shape, and resizes it. It is
// torchvision's RandomResizedCrop. As the first in the list of a [Config] it
// takes the part of the file's own pixels, before they are made smaller.
type ResizedCrop struct {
	Scale  [2]float64 `json:"scale" yaml:"scale"`   // of the image's area
	Ratio  [2]float64 `json:"ratio" yaml:"ratio"`   // width to height
	Filter Filter     `json:"filter" yaml:"filter"` // of the resizing
}

// DefaultResizedCrop takes 8 to 100 % of the area, 3/4 to 4/3 as wide as high.
func DefaultResizedCrop() ResizedCrop {
	return ResizedCrop{Scale: [2]float64{0.08, 1}, Ratio: [2]float64{3. / 4, 4. / 3}, Filter: Bilinear}
}

// Name is "resized_crop".
func (ResizedCrop) Name() string { return "resized_crop" }

// Validate tells all that is wrong.
func (c ResizedCrop) Validate() error {
	p := problems{name: "resized_crop"}
	p.ordered("scale", c.Scale, 1e-6, 1)
	p.ordered("ratio", c.Ratio, 1e-3, 1e3)
	if err := c.Filter.Validate(); err != nil {
		p.errs = append(p.errs, err)
	}
	return p.join()
}

// Draw returns the part of an image. If ten parts in a row do not fit in, it is
// the largest in the middle of a ratio that is allowed.
func (c ResizedCrop) Draw(width, height int, s *rng.Stream) Rect {
	area := float64(width * height)
	lo, hi := math.Log(c.Ratio[0]), math.Log(c.Ratio[1])
	for range 10 {
		target := area * within(s, c.Scale[0], c.Scale[1])
		ratio := math.Exp(within(s, lo, hi))
		w := int(math.RoundToEven(math.Sqrt(target * ratio)))
		h := int(math.RoundToEven(math.Sqrt(target / ratio)))
		if w > 0 && h > 0 && w <= width && h <= height {
			y := s.IntN(height - h + 1)
			x := s.IntN(width - w + 1)
			return Rect{x, y, w, h}
		}
	}
	w, h := width, height
	switch in := float64(width) / float64(height); {
	case in < c.Ratio[0]:
		h = min(height, max(1, int(math.RoundToEven(float64(w)/c.Ratio[0]))))
	case in > c.Ratio[1]:
		w = min(width, max(1, int(math.RoundToEven(float64(h)*c.Ratio[1]))))
	}
	return Rect{(width - w) / 2, (height - h) / 2, w, h}
}

// Apply resizes the part to the size of the image.
func (c ResizedCrop) Apply(im *Image, s *rng.Stream) {
	w, h := im.Width, im.Height
	im.Crop(c.Draw(w, h, s))
	im.Resize(w, h, c.Filter)
}
