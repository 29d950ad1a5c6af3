package image

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/shape"
)

// A Fit is how an image of any size becomes one of the size that a model takes.
type Fit string

// The fits.
const (
	Stretch Fit = "stretch" // both sides are resized, whatever the shape
	Cover   Fit = "cover"   // resized until it covers the size, the middle kept: torchvision's Resize and CenterCrop
	Contain Fit = "contain" // resized until it lies within the size, padded with black
)

var fits = []Fit{Stretch, Cover, Contain}

// Values lists the fits.
func (Fit) Values() []string { return texts(fits) }

// Validate tells whether there is such a fit.
func (f Fit) Validate() error { return oneOf("fit", f, fits) }

// A Config says how a file becomes numbers:
//
//  1. decoded to Mode
//  2. resized to Size by Fit and Filter
//  3. in training, augmented in the order of the list
//  4. y[c] = (x[c]/255 - Mean[c]) / Std[c]
//
// If the first augmentation is a [ResizedCrop], it takes the place of 2 in
// training.
type Config struct {
	Mode       Mode           `json:"mode" yaml:"mode"`
	Size       [2]int         `json:"size" yaml:"size"` // height and width in pixels
	Fit        Fit            `json:"fit" yaml:"fit"`
	Zoom       float64        `json:"zoom" yaml:"zoom"` // of Cover: the size to be covered, in units of Size; 256/224 is usual
	Filter     Filter         `json:"filter" yaml:"filter"`
	Background *[3]uint8      `json:"background,omitempty" yaml:"background,omitempty"` // seen through what is transparent; without it alpha is left out
	Augment    []Augmentation `json:"augment,omitempty" yaml:"augment,omitempty"`
	Mean       []float64      `json:"mean" yaml:"mean"` // one for all channels, or one a channel
	Std        []float64      `json:"std" yaml:"std"`
	MaxPixels  int            `json:"max_pixels" yaml:"max_pixels"` // of a file; more is an error
}

// DefaultConfig makes 224 x 224 pixels of RGB, the middle of an image, from 0
// to 1.
func DefaultConfig() Config {
	return Config{Mode: RGB, Size: [2]int{224, 224}, Fit: Cover, Zoom: 1, Filter: Bilinear, Mean: []float64{0}, Std: []float64{1}, MaxPixels: DefaultPixels}
}

// Validate tells all that is wrong.
func (c Config) Validate() error {
	p := problems{name: "config"}
	p.errs = append(p.errs, c.Mode.Validate(), c.Fit.Validate(), c.Filter.Validate())
	if c.Size[0] < 1 || c.Size[1] < 1 || c.Size[0] > 1<<16 || c.Size[1] > 1<<16 {
		p.add("size is %d x %d, want 1 to %d pixels", c.Size[0], c.Size[1], 1<<16)
	}
	if !(c.Zoom >= 1 && c.Zoom <= 100) {
		p.add("zoom is %v, want 1 to 100", c.Zoom)
	}
	if c.MaxPixels < 1 {
		p.add("max_pixels is %d, want at least 1", c.MaxPixels)
	}
	if n := len(c.Mean); n > 1 && n != c.Mode.Channels() {
		p.add("%d means for %d channels, want one, or one a channel", n, c.Mode.Channels())
	}
	p.errs = append(p.errs, c.normalize().Validate())
	for i, a := range c.Augment {
		if a == nil {
			p.add("augmentation %d is missing", i)
			continue
		}
		if _, ok := a.(ResizedCrop); ok && i > 0 {
			p.add("resized_crop is augmentation %d; it must be the first, since it works on the file's own pixels", i)
		}
		p.errs = append(p.errs, a.Validate())
	}
	return p.join()
}

func (c Config) normalize() data.Normalize { return data.Normalize{Mean: c.Mean, Std: c.Std} }

// Build makes a Reader.
func (c Config) Build() (*Reader, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	r := &Reader{config: c}
	var err error
	if r.table, err = c.normalize().Lookup(shape.Of(c.Mode.Channels(), c.Size[0], c.Size[1])); err != nil {
		return nil, err
	}
	for len(r.table) < c.Mode.Channels() {
		r.table = append(r.table, r.table[0])
	}
	for i := range c.Augment {
		r.paths = append(r.paths, path(c.Augment, i))
	}
	r.desks.New = func() any {
		return &desk{Decoder: Decoder{Mode: c.Mode, Background: c.Background, MaxPixels: c.MaxPixels, indices: r.mask != nil}}
	}
	return r, nil
}

// A Reader makes numbers of files. It is safe for concurrent use.
type Reader struct {
	config Config
	table  data.Lookup // one for each channel
	paths  []string    // of the augmentations' random numbers
	desks  sync.Pool
	mask   *mask // nil for images
}

// A desk is what one goroutine works at.
type desk struct {
	Decoder
	image Image
}

// Config returns the settings that r was built with.
func (r *Reader) Config() Config { return r.config }

// Shape is that of the tensor: channels, height, width.
func (r *Reader) Shape() [3]int {
	return [3]int{r.config.Mode.Channels(), r.config.Size[0], r.config.Size[1]}
}

// Header reads what a file says of its image.
func (r *Reader) Header(file []byte) (Header, error) {
	k := r.desks.Get().(*desk)
	defer r.desks.Put(k)
	return k.Header(file)
}

// Read fills dst [C Y X] with a file's image. The error says what is wrong
// with the file; the caller knows its name.
func (r *Reader) Read(dst []float32, file []byte, d data.Draw) error {
	k := r.desks.Get().(*desk)
	defer r.desks.Put(k)
	if err := r.image(&k.image, &k.Decoder, file, d); err != nil {
		return err
	}
	return r.Normalize(dst, &k.image)
}

// Image stores in im what Read normalises: pixels of the right size and mode,
// augmented in training.
func (r *Reader) Image(im *Image, file []byte, d data.Draw) error {
	k := r.desks.Get().(*desk)
	defer r.desks.Put(k)
	return r.image(im, &k.Decoder, file, d)
}

func (r *Reader) image(im *Image, dec *Decoder, file []byte, d data.Draw) error {
	h, err := dec.Header(file)
	if err != nil {
		return err
	}
	if crop, ok := r.first(); ok && d.Training {
		part := crop.Draw(h.Width, h.Height, d.Stream(r.paths[0]))
		if err := r.decode(im, dec, file, h, part); err != nil {
			return err
		}
		im.Resize(r.config.Size[1], r.config.Size[0], crop.Filter)
		r.augment(im, 1, d)
		return nil
	}
	width, height, part := r.plan(h.Width, h.Height)
	from := im.source(h.Width, h.Height, width, height, r.config.Filter, part)
	if err := r.decode(im, dec, file, h, from); err != nil {
		return err
	}
	im.resize(h.Width, h.Height, from.X, from.Y, width, height, r.config.Filter, part)
	r.finish(im, d)
	return nil
}

// decode reads a part of a file: pixels, or classes of a mask.
func (r *Reader) decode(im *Image, dec *Decoder, file []byte, h Header, part Rect) error {
	if err := dec.DecodePart(im, file, h, part); err != nil || r.mask == nil {
		return err
	}
	return r.mask.classes(im)
}

// finish pads an image that does not fill the size, and augments it.
func (r *Reader) finish(im *Image, d data.Draw) {
	dx, dy := r.config.Size[1]-im.Width, r.config.Size[0]-im.Height
	var level uint8
	if r.mask != nil {
		level = Outside
	}
	im.Pad(dx/2, dy/2, dx-dx/2, dy-dy/2, Constant, level)
	if d.Training {
		r.augment(im, 0, d)
	}
}

// Augment does with an image that is decoded, and has the right mode, what
// Image does with a file's.
func (r *Reader) Augment(im *Image, d data.Draw) error {
	if im.Channels != r.config.Mode.Channels() {
		return fmt.Errorf("image: an image of %d channels, want %d", im.Channels, r.config.Mode.Channels())
	}
	if r.mask != nil {
		if err := r.mask.classes(im); err != nil {
			return err
		}
	}
	if crop, ok := r.first(); ok && d.Training {
		im.Crop(crop.Draw(im.Width, im.Height, d.Stream(r.paths[0])))
		im.Resize(r.config.Size[1], r.config.Size[0], crop.Filter)
		r.augment(im, 1, d)
		return nil
	}
	width, height, part := r.plan(im.Width, im.Height)
	im.ResizePart(width, height, r.config.Filter, part)
	r.finish(im, d)
	return nil
}

// first is the crop that takes the place of fitting.
func (r *Reader) first() (ResizedCrop, bool) {
	if len(r.config.Augment) == 0 {
		return ResizedCrop{}, false
	}
	c, ok := r.config.Augment[0].(ResizedCrop)
	return c, ok
}

// augment applies the list from number from on.
func (r *Reader) augment(im *Image, from int, d data.Draw) {
	for i := from; i < len(r.config.Augment); i++ {
		r.config.Augment[i].Apply(im, d.Stream(r.paths[i]))
	}
}

// plan tells to what size an image is resized, and which part of that is kept.
func (r *Reader) plan(fromWidth, fromHeight int) (width, height int, part Rect) {
	h, w := r.config.Size[0], r.config.Size[1]
	narrow := func(w, h int) bool { return fromWidth*h < fromHeight*w } // than w x h
	switch r.config.Fit {
	case Cover:
		zw, zh := zoomed(w, r.config.Zoom), zoomed(h, r.config.Zoom)
		if narrow(zw, zh) {
			width, height = zw, max(zh, fromHeight*zw/fromWidth)
		} else {
			width, height = max(zw, fromWidth*zh/fromHeight), zh
		}
		return width, height, center(width, height, w, h)
	case Contain:
		if narrow(w, h) {
			w = max(1, fromWidth*h/fromHeight)
		} else {
			h = max(1, fromHeight*w/fromWidth)
		}
	}
	return w, h, Rect{0, 0, w, h}
}

func zoomed(n int, zoom float64) int { return int(math.Round(float64(n) * zoom)) }

// Normalize fills dst [C Y X] from pixels.
func (r *Reader) Normalize(dst []float32, im *Image) error {
	n, c := im.Width*im.Height, im.Channels
	if im.Width != r.config.Size[1] || im.Height != r.config.Size[0] || c != len(r.table) {
		return fmt.Errorf("image: an image of %d x %d pixels, %d channels, want %v", im.Width, im.Height, c, r.Shape())
	}
	if len(dst) != n*c {
		return errors.New("image: internal error: the destination has another size")
	}
	if c == 3 {
		a, b, d := dst[:n], dst[n:2*n], dst[2*n:3*n]
		ta, tb, td := &r.table[0], &r.table[1], &r.table[2]
		p := im.Pix
		for i := range a {
			q := p[:3]
			a[i], b[i], d[i] = ta[q[0]], tb[q[1]], td[q[2]]
			p = p[3:]
		}
		return nil
	}
	for k := range c {
		table, out := &r.table[k], dst[k*n:(k+1)*n]
		for i := range out {
			out[i] = table[im.Pix[i*c+k]]
		}
	}
	return nil
}
