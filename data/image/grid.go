package image

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"

	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Measures of a grid in pixels.
const (
	gridMargin = 16  // around everything
	gridGap    = 12  // between pictures
	gridSmall  = 112 // smaller pictures are enlarged to this by whole factors
	gridLarge  = 256 // larger ones are made as small as this
	gridLabel  = 22  // height of a label
	gridText   = 13  // size of its letters
	gridPixels = 100_000_000
)

var (
	gridPaper = color.NRGBA{0xff, 0xff, 0xff, 0xff}
	gridInk   = color.NRGBA{0x37, 0x41, 0x51, 0xff}
	gridFrame = color.NRGBA{0xd1, 0xd5, 0xdb, 0xff}
)

// Grid draws images in rows of a number of columns, each with its label below,
// and returns a PNG file. Small ones are enlarged so that their pixels can be
// seen. labels has as many entries as images, or none; what is too long for
// its picture is cut off with an ellipsis.
func Grid(images []*Image, columns int, labels []string) ([]byte, error) {
	if len(images) == 0 || columns < 1 {
		return nil, fmt.Errorf("image: a grid of %d images in %d columns", len(images), columns)
	}
	if len(labels) > 0 && len(labels) != len(images) {
		return nil, fmt.Errorf("image: a grid of %d images with %d labels", len(images), len(labels))
	}
	columns = min(columns, len(images))
	var cell image.Point
	scaled := make([]*Image, len(images))
	for i, im := range images {
		if im.Width < 1 || im.Height < 1 {
			return nil, fmt.Errorf("image: grid: image %d has %d x %d pixels", i, im.Width, im.Height)
		}
		scaled[i] = im.scaled()
		cell.X, cell.Y = max(cell.X, scaled[i].Width), max(cell.Y, scaled[i].Height)
	}
	label := 0
	if len(labels) > 0 {
		label = gridLabel
	}
	rows := (len(images) + columns - 1) / columns
	stepX, stepY := cell.X+gridGap, cell.Y+label+gridGap
	size := image.Pt(2*gridMargin+columns*stepX-gridGap, 2*gridMargin+rows*stepY-gridGap)
	if size.X*size.Y > gridPixels {
		return nil, fmt.Errorf("image: a grid of %d x %d pixels, the limit is %d of them", size.X, size.Y, gridPixels)
	}

	face, err := gridFace()
	if err != nil {
		return nil, err
	}
	defer face.Close()
	page := image.NewNRGBA(image.Rectangle{Max: size})
	draw.Draw(page, page.Rect, image.NewUniform(gridPaper), image.Point{}, draw.Src)
	pen := font.Drawer{Dst: page, Src: image.NewUniform(gridInk), Face: face}
	for i, im := range scaled {
		corner := image.Pt(gridMargin+i%columns*stepX, gridMargin+i/columns*stepY)
		at := corner.Add(image.Pt((cell.X-im.Width)/2, (cell.Y-im.Height)/2))
		box := image.Rectangle{at, at.Add(image.Pt(im.Width, im.Height))}
		draw.Draw(page, box.Inset(-1), image.NewUniform(gridFrame), image.Point{}, draw.Src)
		draw.Draw(page, box, image.NewUniform(gridPaper), image.Point{}, draw.Src)
		draw.Draw(page, box, im.standard(), image.Point{}, draw.Over)
		if label > 0 {
			text := shorten(face, labels[i], cell.X)
			pen.Dot = fixed.P(corner.X, corner.Y+cell.Y+gridLabel-6)
			pen.Dot.X += (fixed.I(cell.X) - font.MeasureString(face, text)) / 2
			pen.DrawString(text)
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, page); err != nil {
		return nil, fmt.Errorf("image: grid: %w", err)
	}
	return file.Bytes(), nil
}

// gridFace is the sans-serif face that travels with the program.
func gridFace() (font.Face, error) {
	f, err := opentype.Parse(liberationsansregular.TTF)
	if err != nil {
		return nil, fmt.Errorf("image: internal error: %w", err)
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: gridText, DPI: 72, Hinting: font.HintingFull})
}

// shorten cuts a text off so that it is at most width pixels wide.
func shorten(face font.Face, text string, width int) string {
	if font.MeasureString(face, text) <= fixed.I(width) {
		return text
	}
	letters := []rune(text)
	for len(letters) > 0 {
		letters = letters[:len(letters)-1]
		if short := string(letters) + "…"; font.MeasureString(face, short) <= fixed.I(width) {
			return short
		}
	}
	return ""
}

// scaled is a copy of im of a size that is good to look at.
func (im *Image) scaled() *Image {
	var out Image
	out.Copy(im)
	long := max(im.Width, im.Height)
	switch {
	case long < gridSmall:
		k := (gridSmall + long - 1) / long
		out.Resize(k*im.Width, k*im.Height, Nearest)
	case long > gridLarge:
		out.Resize(max(1, im.Width*gridLarge/long), max(1, im.Height*gridLarge/long), Lanczos)
	}
	return &out
}

// standard is a copy of im as the standard library's type.
func (im *Image) standard() image.Image {
	var rgba Image
	rgba.Copy(im)
	rgba.to(RGBA)
	return &image.NRGBA{Pix: rgba.Pix, Stride: 4 * im.Width, Rect: image.Rect(0, 0, im.Width, im.Height)}
}
