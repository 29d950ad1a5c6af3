package image

import (
	"fmt"
	"image"
	"slices"

	"github.com/gradus-ml/gradus/rng"
)

// Outside is the class that a [Config.BuildMask] reader gives pixels that count
// nowhere: those of the ignored level, and those that come from outside of a mask
// when it is padded, turned or moved.
const Outside = 255

// BuildMask makes a reader of masks: PNG files of one number a pixel, the index of
// a palette or a grey level of 8 bits. Their pixels take the way of the pixels of
// the images that c reads, and are made of a single one: they are resized by
// nearest, augmented by [ForMask] of c's list, and, if draws are equal, moved as
// those of the image. A mask must have the size of its image.
//
// The images that it reads have a channel of classes: class i for levels[i], and
// Outside for ignore if it is not nil. Another level is an error that tells its
// place. Mean and Std of c do not matter.
func (c Config) BuildMask(levels []uint8, ignore *uint8) (*Reader, error) {
	if len(levels) < 1 || len(levels) > Outside {
		return nil, fmt.Errorf("image: mask: %d classes, want 1 to %d", len(levels), Outside)
	}
	m := &mask{}
	for i := range m.class {
		m.class[i] = none
	}
	for i, l := range levels {
		if m.class[l] != none {
			return nil, fmt.Errorf("image: mask: level %d is of class %d and of class %d", l, m.class[l], i)
		}
		m.class[l] = int16(i)
	}
	if ignore != nil {
		if k := m.class[*ignore]; k != none {
			return nil, fmt.Errorf("image: mask: level %d is ignored, and of class %d", *ignore, k)
		}
		m.class[*ignore] = Outside
	}
	list := c.Augment
	c.Mode, c.Filter, c.Background, c.Mean, c.Std, c.Augment = Grey, Nearest, nil, []float64{0}, []float64{1}, nil
	for _, a := range list {
		moved, err := ForMask(a)
		if err != nil {
			return nil, err
		}
		if moved != nil {
			c.Augment = append(c.Augment, moved)
		}
	}
	r, err := c.Build()
	if err != nil {
		return nil, err
	}
	r.mask = m
	return r, nil
}

// A mask knows what levels mean.
type mask struct{ class [256]int16 }

const none = -1 // no class

// classes puts classes in the place of levels.
func (m *mask) classes(im *Image) error {
	for i, level := range im.Pix {
		c := m.class[level]
		if c == none {
			return fmt.Errorf("image: mask: level %d at column %d of row %d is no class", level, i%im.Width, i/im.Width)
		}
		im.Pix[i] = uint8(c)
	}
	return nil
}

// NewMaskDecoder decodes masks: see [Config.BuildMask]. Its images have the levels
// of the files.
func NewMaskDecoder() *Decoder {
	return &Decoder{Mode: Grey, MaxPixels: DefaultPixels, indices: true}
}

// indices stores the numbers of a mask's pixels in dst.
func indices(dst *Image, src image.Image) error {
	b := src.Bounds()
	var pix []uint8
	var stride int
	switch src := src.(type) {
	case *image.Paletted:
		pix, stride = src.Pix, src.Stride
	case *image.Gray:
		pix, stride = src.Pix, src.Stride
	default:
		return fmt.Errorf("image: mask: want a palette or grey levels of 8 bits, got a PNG of %T", src)
	}
	dst.set(b.Dx(), b.Dy(), 1)
	for y := range dst.Height {
		copy(dst.Row(y), pix[y*stride:])
	}
	return nil
}

// ForMask is what an augmentation of images does with their masks: it draws the
// same, moves pixels in the same way, mixes none, and gives [Outside] to what comes
// from outside. It is nil for one that changes colours only, or covers parts of an
// image, as [Erase] does: its mask stays.
func ForMask(a Augmentation) (Augmentation, error) {
	switch a := a.(type) {
	case Flip:
		return a, nil
	case Crop:
		a.Level = Outside
		return a, nil
	case ResizedCrop:
		a.Filter = Nearest
		return a, nil
	case Rotate:
		a.Filter, a.Level = Nearest, Outside
		return a, nil
	case Affine:
		a.Filter, a.Level = Nearest, Outside
		return a, nil
	case Perspective:
		a.Filter, a.Level = Nearest, Outside
		return a, nil
	case Elastic:
		a.Level = Outside
		return elasticMask{a}, nil
	case RandAugment:
		a.Filter, a.Level = Nearest, Outside
		return randAugmentMask{a}, nil
	case ColorJitter, Grayscale, Blur, Sharpen, Posterize, Solarize, AutoContrast, Equalize, LocalEqualize, Invert, Erase:
		return nil, nil
	}
	return nil, fmt.Errorf("image: %s mixes images or is not known here, so that no mask can follow it", a.Name())
}

// elasticMask is Elastic of masks.
type elasticMask struct{ Elastic }

// Apply draws as Elastic does.
func (a elasticMask) Apply(im *Image, s *rng.Stream) {
	if dx, dy := a.field(im, s); dx != nil {
		im.warpNearest(dx, dy, a.Level)
	}
}

// warpNearest is Warp that takes the nearest pixel.
func (im *Image) warpNearest(dx, dy []float32, level uint8) {
	i := 0
	im.sample(Nearest, level, func(x, y float64) (float64, float64) {
		u, v := x+float64(dx[i]), y+float64(dy[i])
		i++
		return u, v
	})
}

// randAugmentMask is RandAugment of masks.
type randAugmentMask struct{ RandAugment }

// Apply draws as RandAugment does, and moves pixels only.
func (a randAugmentMask) Apply(im *Image, s *rng.Stream) {
	a.run(im, s, func(o operation) bool { return slices.Contains(moves, o.name) })
}

// moves are the operations that move pixels.
var moves = []string{"shear_x", "shear_y", "translate_x", "translate_y", "rotate"}
