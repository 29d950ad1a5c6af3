package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"

	"golang.org/x/image/webp"

	"github.com/gradus-ml/gradus/data/image/jpeg"
)

// A Mode is what channels images are given.
type Mode string

// The modes.
const (
	RGB  Mode = "rgb"
	Grey Mode = "grey"
	RGBA Mode = "rgba"
)

var modes = []Mode{RGB, Grey, RGBA}

// Values lists the modes.
func (Mode) Values() []string { return texts(modes) }

// Validate tells whether there is such a mode.
func (m Mode) Validate() error { return oneOf("mode", m, modes) }

// Channels is 3, 1 or 4.
func (m Mode) Channels() int {
	switch m {
	case RGB:
		return 3
	case RGBA:
		return 4
	}
	return 1
}

// DefaultPixels is the largest number of pixels of a file that is decoded
// unless a limit says otherwise, as in Pillow: a quarter of a gigabyte in RGB.
const DefaultPixels = 89_478_485

// A Header is what a file says of its image before it is decoded.
type Header struct {
	Format        string // "jpeg", "png", "webp" or "gif"
	Width, Height int    // as the image is to be seen
	orientation   int
}

// A Decoder reads files, one after another, in the memory of the ones before.
// It is not safe for concurrent use.
type Decoder struct {
	// Mode is what files are converted to, as Pillow's convert does it: colours
	// to grey by ITU-R 601, CMYK without profile, alpha left out. 16 bits
	// become the upper 8 of them, grey included, where Pillow cuts off what is
	// above 255.
	Mode Mode
	// Background is what transparent parts show in modes without alpha. nil
	// leaves alpha out, whatever colours it hides.
	Background *[3]uint8
	// MaxPixels is the largest number of pixels that a file may have.
	MaxPixels int

	jpeg    jpeg.Decoder
	indices bool // of a palette or grey levels, instead of colours
}

// NewDecoder has the default limit of pixels.
func NewDecoder(m Mode) *Decoder { return &Decoder{Mode: m, MaxPixels: DefaultPixels} }

// Header reads sizes only, and checks them against the limit.
func (d *Decoder) Header(file []byte) (Header, error) {
	var h Header
	switch {
	case bytes.HasPrefix(file, []byte("\xFF\xD8")):
		j, err := d.jpeg.Open(file)
		if err != nil {
			return h, fmt.Errorf("image: %w", err)
		}
		h = Header{"jpeg", j.Width, j.Height, j.Orientation}
		if j.Orientation >= 5 {
			h.Width, h.Height = j.Height, j.Width
		}
	case bytes.HasPrefix(file, []byte("\x89PNG\r\n\x1a\n")):
		c, err := png.DecodeConfig(bytes.NewReader(file))
		if err != nil {
			return h, fmt.Errorf("image: %w", err)
		}
		h = Header{"png", c.Width, c.Height, 1}
	case bytes.HasPrefix(file, []byte("GIF8")):
		if len(file) < 13 {
			return h, errors.New("image: gif: the file ends within its header")
		}
		h = Header{"gif", int(binary.LittleEndian.Uint16(file[6:])), int(binary.LittleEndian.Uint16(file[8:])), 1}
	case len(file) >= 12 && string(file[:4]) == "RIFF" && string(file[8:12]) == "WEBP":
		w, height, err := webpSize(file)
		if err != nil {
			return h, err
		}
		h = Header{"webp", w, height, 1}
	default:
		return h, fmt.Errorf("image: %d bytes that begin with %q are no PNG, JPEG, WebP or GIF file", len(file), file[:min(8, len(file))])
	}
	if h.Width < 1 || h.Height < 1 {
		return h, fmt.Errorf("image: %s: %d x %d pixels", h.Format, h.Width, h.Height)
	}
	if uint64(h.Width)*uint64(h.Height) > uint64(d.MaxPixels) {
		return h, fmt.Errorf("image: %s: %d x %d pixels, the limit is %d", h.Format, h.Width, h.Height, d.MaxPixels)
	}
	// Deflate packs 1032 bytes into one at best, of one bit a pixel at least.
	if h.Format == "png" && uint64(h.Width)*uint64(h.Height) > 8*1032*uint64(len(file)) {
		return h, fmt.Errorf("image: png: %d x %d pixels in a file of %d bytes", h.Width, h.Height, len(file))
	}
	return h, nil
}

// Decode reads a file into dst. Of a GIF it is the first picture; a JPEG's
// EXIF orientation is undone.
func (d *Decoder) Decode(dst *Image, file []byte) error {
	h, err := d.Header(file)
	if err != nil {
		return err
	}
	return d.DecodePart(dst, file, h, Rect{0, 0, h.Width, h.Height})
}

// DecodePart reads a part of the image; h is what Header returned for this file
// just before. A part of a JPEG takes less time than all of it.
func (d *Decoder) DecodePart(dst *Image, file []byte, h Header, part Rect) error {
	if part.X < 0 || part.Y < 0 || part.Width < 1 || part.Height < 1 || part.X+part.Width > h.Width || part.Y+part.Height > h.Height {
		return fmt.Errorf("image: part %v of %d x %d pixels", part, h.Width, h.Height)
	}
	if d.indices && h.Format != "png" {
		return fmt.Errorf("image: mask: want a PNG file, which keeps every number, got %s", h.Format)
	}
	if h.Format == "jpeg" {
		return d.decodeJPEG(dst, h, part)
	}
	var src image.Image
	var err error
	switch r := bytes.NewReader(file); h.Format {
	case "png":
		src, err = png.Decode(r)
	case "gif":
		src, err = gif.Decode(r)
		if p, ok := src.(*image.Paletted); ok && err == nil {
			src = firstPicture(file, p, h)
		}
	case "webp":
		src, err = webp.Decode(r)
	}
	if err != nil {
		return fmt.Errorf("image: %s: %w", h.Format, err)
	}
	if b := src.Bounds(); b.Dx() != h.Width || b.Dy() != h.Height {
		return fmt.Errorf("image: %s: %d x %d pixels after a header of %d x %d", h.Format, b.Dx(), b.Dy(), h.Width, h.Height)
	}
	if d.indices {
		err = indices(dst, src)
	} else {
		err = d.convert(dst, src)
	}
	if err != nil {
		return err
	}
	dst.Crop(part)
	return nil
}

// decodeJPEG decodes the part that becomes part when it is turned.
func (d *Decoder) decodeJPEG(dst *Image, h Header, part Rect) error {
	j := jpeg.Rect{X0: part.X, Y0: part.Y, X1: part.X + part.Width, Y1: part.Y + part.Height}
	w, height := h.Width, h.Height
	if o := h.orientation; o > 1 {
		// Mirror first, then exchange axes: the way back of orient.
		if o == 2 || o == 3 || o == 6 || o == 7 {
			j.X0, j.X1 = w-j.X1, w-j.X0
		}
		if o == 3 || o == 4 || o == 7 || o == 8 {
			j.Y0, j.Y1 = height-j.Y1, height-j.Y0
		}
		if o >= 5 {
			j = jpeg.Rect{X0: j.Y0, Y0: j.X0, X1: j.Y1, Y1: j.X1}
		}
	}
	channels := d.jpeg.Channels()
	dst.set(j.X1-j.X0, j.Y1-j.Y0, channels)
	if err := d.jpeg.Decode(dst.Pix, j); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	switch {
	case channels == 4:
		for i := range dst.Width * dst.Height {
			p := dst.Pix[4*i : 4*i+4 : 4*i+4]
			k := 255 - uint32(p[3])
			dst.Pix[3*i], dst.Pix[3*i+1], dst.Pix[3*i+2] = ink(k, p[0]), ink(k, p[1]), ink(k, p[2])
		}
		dst.set(dst.Width, dst.Height, 3)
		dst.to(d.Mode)
	default:
		dst.to(d.Mode)
	}
	dst.orient(h.orientation)
	return nil
}

// ink is what a colour shows under k of 255 light.
func ink(k uint32, c uint8) uint8 {
	return uint8(max(0, int32(k)-int32(scale255(uint32(c), k))))
}

// to gives im the channels of a mode.
func (im *Image) to(m Mode) {
	n := m.Channels()
	switch {
	case n == im.Channels:
	case n == 1:
		im.Grey()
	default:
		from := im.Channels
		old := im.turn(im.Width, im.Height, n)
		for i := range im.Width * im.Height {
			p := old[i*from:]
			q := im.Pix[i*n : i*n+n]
			if from < 3 {
				q[0], q[1], q[2] = p[0], p[0], p[0]
			} else {
				q[0], q[1], q[2] = p[0], p[1], p[2]
			}
			if n == 4 {
				q[3] = 255
			}
		}
	}
}

// convert copies pixels of the types that decoders return.
func (d *Decoder) convert(dst *Image, src image.Image) error {
	b := src.Bounds()
	w, h := b.Dx(), b.Dy()
	switch src := src.(type) {
	case *image.Gray:
		dst.set(w, h, 1)
		for y := range h {
			copy(dst.Row(y), src.Pix[y*src.Stride:])
		}
		dst.to(d.Mode)
	case *image.Gray16:
		dst.set(w, h, 1)
		for y := range h {
			for x := range w {
				dst.Pix[y*w+x] = src.Pix[y*src.Stride+2*x]
			}
		}
		dst.to(d.Mode)
	case *image.RGBA: // without alpha, whatever the type's name
		dst.set(w, h, 4)
		for y := range h {
			copy(dst.Row(y), src.Pix[y*src.Stride:])
		}
		dst.to(d.Mode)
	case *image.RGBA64:
		dst.set(w, h, 4)
		for y := range h {
			for x, row := 0, dst.Row(y); x < len(row); x++ {
				row[x] = src.Pix[y*src.Stride+2*x]
			}
		}
		dst.to(d.Mode)
	case *image.NRGBA:
		dst.set(w, h, 4)
		for y := range h {
			copy(dst.Row(y), src.Pix[y*src.Stride:])
		}
		d.flatten(dst)
	case *image.NRGBA64:
		dst.set(w, h, 4)
		for y := range h {
			for x, row := 0, dst.Row(y); x < len(row); x++ {
				row[x] = src.Pix[y*src.Stride+2*x]
			}
		}
		d.flatten(dst)
	case *image.Paletted:
		var palette [256][4]uint8
		for i, c := range src.Palette {
			n, ok := c.(color.NRGBA) // as it stands in the file, under no alpha too
			if !ok {
				n = color.NRGBAModel.Convert(c).(color.NRGBA)
			}
			palette[i] = [4]uint8{n.R, n.G, n.B, n.A}
		}
		dst.set(w, h, 4)
		for y := range h {
			row := dst.Row(y)
			for x, v := range src.Pix[y*src.Stride:][:w] {
				copy(row[4*x:4*x+4], palette[v][:])
			}
		}
		d.flatten(dst)
	case *image.YCbCr:
		dst.set(w, h, 3)
		vp8(dst, src, nil, 0)
		dst.to(d.Mode)
	case *image.NYCbCrA:
		dst.set(w, h, 4)
		vp8(dst, &src.YCbCr, src.A, src.AStride)
		d.flatten(dst)
	default:
		return fmt.Errorf("image: internal error: decoded pixels are %T", src)
	}
	return nil
}

// flatten takes alpha away, if the mode has none.
func (d *Decoder) flatten(im *Image) {
	if b := d.Background; b != nil && d.Mode != RGBA {
		for i := 0; i+4 <= len(im.Pix); i += 4 {
			p := im.Pix[i : i+4 : i+4]
			a := uint32(p[3])
			for c := range 3 {
				// As Pillow's paste with a mask.
				t := uint32(p[c])*a + uint32(b[c])*(255-a) + 128
				p[c] = uint8((t>>8 + t) >> 8)
			}
		}
	}
	im.to(d.Mode)
}
