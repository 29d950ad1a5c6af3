// Package image makes pictures into numbers for a model: it decodes PNG, JPEG,
// WebP and GIF files, resizes as Pillow does, draws augmentations and
// normalises.
//
// A [Config] says all of it; the [Reader] that it builds takes a file's bytes
// and fills a tensor [C Y X]. Every step is there by itself too, on [Image].
package image

import (
	"fmt"
	"slices"
)

// An Image is rows of pixels, Channels bytes each: 1 (grey), 3 (red, green,
// blue) or 4 (with alpha, not multiplied in). Its methods change it in place
// and keep memory for the next change, so that one Image serves many files
// without new memory. It is not safe for concurrent use.
type Image struct {
	Width, Height, Channels int
	Pix                     []uint8 // [Y X C]

	spare  []uint8 // the memory of the image before, for what can't be done in place
	filter [2]weights
}

// New returns a black image.
func New(width, height, channels int) *Image {
	return &Image{Width: width, Height: height, Channels: channels, Pix: make([]uint8, width*height*channels)}
}

// set gives im a size; its pixels are whatever they are.
func (im *Image) set(width, height, channels int) {
	im.Width, im.Height, im.Channels = width, height, channels
	im.Pix = grow(im.Pix, width*height*channels)
}

// turn gives im a size and other memory, and returns the pixels that it had.
func (im *Image) turn(width, height, channels int) (old []uint8) {
	old = im.Pix
	im.Pix, im.spare = im.spare, im.Pix
	im.set(width, height, channels)
	return old
}

// grow returns a slice of n elements, s itself if it is large enough.
func grow[T any](s []T, n int) []T {
	return slices.Grow(s[:0], n)[:n]
}

// Copy makes im a copy of from.
func (im *Image) Copy(from *Image) {
	im.set(from.Width, from.Height, from.Channels)
	copy(im.Pix, from.Pix)
}

// SetPlanes makes im of channels that lie one after another, [C Y X], as
// tensors hold them.
func (im *Image) SetPlanes(pix []uint8, channels, height, width int) {
	im.set(width, height, channels)
	if channels == 1 {
		copy(im.Pix, pix)
		return
	}
	n := width * height
	for c := range channels {
		for i, v := range pix[c*n : (c+1)*n] {
			im.Pix[i*channels+c] = v
		}
	}
}

// Row returns the pixels of a row.
func (im *Image) Row(y int) []uint8 {
	n := im.Width * im.Channels
	return im.Pix[y*n : (y+1)*n : (y+1)*n]
}

// A Rect is a part of an image: the pixels from column X and row Y on.
type Rect struct{ X, Y, Width, Height int }

// String is "224x224+16+0".
func (r Rect) String() string { return fmt.Sprintf("%dx%d+%d+%d", r.Width, r.Height, r.X, r.Y) }

// Crop keeps a part of im. What of the part lies outside is black.
func (im *Image) Crop(r Rect) {
	if r == (Rect{0, 0, im.Width, im.Height}) {
		return
	}
	if r.X < 0 || r.Y < 0 || r.X+r.Width > im.Width || r.Y+r.Height > im.Height {
		im.Pad(max(0, -r.X), max(0, -r.Y), max(0, r.X+r.Width-im.Width), max(0, r.Y+r.Height-im.Height), Constant, 0)
		r.X, r.Y = max(0, r.X), max(0, r.Y)
	}
	from, to := im.Width*im.Channels, r.Width*im.Channels
	for y := range r.Height {
		copy(im.Pix[y*to:(y+1)*to], im.Pix[(y+r.Y)*from+r.X*im.Channels:])
	}
	im.set(r.Width, r.Height, im.Channels)
}

// center is the middle w x h pixels of others, as torchvision's center_crop
// rounds it.
func center(width, height, w, h int) Rect {
	return Rect{halfEven(width - w), halfEven(height - h), w, h}
}

// halfEven is n/2 rounded to the even of two.
func halfEven(n int) int {
	h := n >> 1
	return h + n&1&h
}

// FlipX exchanges left and right.
func (im *Image) FlipX() {
	for y := range im.Height {
		row := im.Row(y)
		switch im.Channels {
		case 1:
			slices.Reverse(row)
		case 3:
			for i, j := 0, len(row)-3; i < j; i, j = i+3, j-3 {
				a, b := row[i:i+3:i+3], row[j:j+3:j+3]
				a[0], a[1], a[2], b[0], b[1], b[2] = b[0], b[1], b[2], a[0], a[1], a[2]
			}
		default:
			n := im.Channels
			for i, j := 0, len(row)-n; i < j; i, j = i+n, j-n {
				for c := range n {
					row[i+c], row[j+c] = row[j+c], row[i+c]
				}
			}
		}
	}
}

// FlipY exchanges top and bottom.
func (im *Image) FlipY() {
	n := im.Width * im.Channels
	im.spare = grow(im.spare, n)
	for i, j := 0, im.Height-1; i < j; i, j = i+1, j-1 {
		copy(im.spare, im.Row(i))
		copy(im.Row(i), im.Row(j))
		copy(im.Row(j), im.spare)
	}
}

// Transpose exchanges rows and columns.
func (im *Image) Transpose() {
	w, h, n := im.Width, im.Height, im.Channels
	old := im.turn(h, w, n)
	for y := range h {
		for x := range w {
			copy(im.Pix[(x*h+y)*n:(x*h+y+1)*n], old[(y*w+x)*n:])
		}
	}
}

// orient undoes an EXIF orientation.
func (im *Image) orient(tag int) {
	if tag >= 5 {
		im.Transpose()
	}
	// Orientations 5 to 8 are 1, 4, 2 and 3 of the exchanged image.
	switch tag {
	case 2, 6:
		im.FlipX()
	case 4, 8:
		im.FlipY()
	case 3, 7:
		im.FlipX()
		im.FlipY()
	}
}

// A Padding is what lies beyond the edges of an image.
type Padding string

// The ways to pad.
const (
	Constant  Padding = "constant"  // one level
	Edge      Padding = "edge"      // the last pixel: abc|ccc
	Reflect   Padding = "reflect"   // mirrored at the last pixel: abc|ba
	Symmetric Padding = "symmetric" // mirrored beyond it: abc|cba
)

var paddings = []Padding{Constant, Edge, Reflect, Symmetric}

// Values lists the ways to pad.
func (Padding) Values() []string { return texts(paddings) }

// Validate tells whether there is such a way.
func (p Padding) Validate() error { return oneOf("padding", p, paddings) }

// oneOf asks for a text out of a list.
func oneOf[T ~string](what string, v T, list []T) error {
	if !slices.Contains(list, v) {
		return fmt.Errorf("image: %s %q; there are %q", what, v, list)
	}
	return nil
}

func texts[T ~string](list []T) []string {
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = string(v)
	}
	return all
}

// Pad adds columns and rows at the sides; level is for Constant.
func (im *Image) Pad(left, top, right, bottom int, how Padding, level uint8) {
	w, h, n := im.Width, im.Height, im.Channels
	if left|top|right|bottom == 0 {
		return
	}
	old := im.turn(w+left+right, h+top+bottom, n)
	for y := range im.Height {
		row := im.Row(y)
		from := how.place(y-top, h)
		if from < 0 {
			fill(row, level)
			continue
		}
		line := old[from*w*n : (from+1)*w*n]
		copy(row[left*n:], line)
		for x := range left {
			how.pixel(row[x*n:][:n], line, x-left, w, level)
		}
		for x := w + left; x < im.Width; x++ {
			how.pixel(row[x*n:][:n], line, x-left, w, level)
		}
	}
}

func fill(row []uint8, level uint8) {
	for i := range row {
		row[i] = level
	}
}

// pixel stores pixel x of a line of w in dst.
func (p Padding) pixel(dst, line []uint8, x, w int, level uint8) {
	if x = p.place(x, w); x < 0 {
		fill(dst, level)
		return
	}
	copy(dst, line[x*len(dst):])
}

// place is where pixel x of n lies, -1 for nowhere.
func (p Padding) place(x, n int) int {
	if x >= 0 && x < n {
		return x
	}
	switch p {
	case Edge:
		return min(max(x, 0), n-1)
	case Reflect:
		if n == 1 {
			return 0
		}
		period := 2*n - 2
		x = ((x % period) + period) % period
		return min(x, period-x)
	case Symmetric:
		period := 2 * n
		x = ((x % period) + period) % period
		return min(x, period-1-x)
	}
	return -1
}

// Grey makes im grey, if it is not, by ITU-R 601: 0.299 R + 0.587 G + 0.114 B,
// rounded as Pillow's convert("L").
func (im *Image) Grey() {
	n := im.Channels
	if n == 1 {
		return
	}
	for i := range im.Width * im.Height {
		im.Pix[i] = luma(im.Pix[i*n : i*n+3 : i*n+3])
	}
	im.set(im.Width, im.Height, 1)
}

func luma(p []uint8) uint8 {
	_ = p[2]
	return uint8((uint32(p[0])*19595 + uint32(p[1])*38470 + uint32(p[2])*7471 + 0x8000) >> 16)
}
