package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Lengths are points of 1/72 inch; the picture has two pixels a point.
const (
	dpi      = 144
	columns  = 3
	width    = vg.Length(820)
	margin   = vg.Length(14)
	axisLeft = vg.Length(22) // room for the numbers of the first column
	axisLow  = vg.Length(42) // and under the last row
	gapX     = vg.Length(24)
	gapY     = vg.Length(14)
	header   = vg.Length(34) // name and captions of a panel
	plotHigh = vg.Length(104)
)

var (
	ink      = color.NRGBA{0x1f, 0x29, 0x37, 0xff}
	inkLight = color.NRGBA{0x6b, 0x72, 0x80, 0xff}
	rule     = color.NRGBA{0xe2, 0xe6, 0xec, 0xff}
	followed = color.NRGBA{0xb0, 0xb8, 0xc4, 0xff}
	inks     = []color.NRGBA{{0x25, 0x63, 0xeb, 0xff}, {0xea, 0x58, 0x0c, 0xff}, {0x15, 0x80, 0x3d, 0xff}}
)

func style(size vg.Length, bold bool, c color.Color) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = xfont.WeightBold
	}
	return text.Style{Color: c, Font: f, Handler: plot.DefaultTextHandler}
}

const footnote = "Rate, as a share of the highest one, in each step of a run of 1000. Grey is the metric that plateau and greedy follow, from its least value to its greatest."

// drawPicture draws a panel for each kind, all with the same axes: the run from
// left to right, the factor of the highest rate from 0 to 1.
func drawPicture(panels []panel) ([]byte, error) {
	rows := (len(panels) + columns - 1) / columns
	high := 2*margin + axisLow + vg.Length(rows)*(header+plotHigh) + vg.Length(rows-1)*gapY
	img := vgimg.NewWith(vgimg.UseWH(width, high), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))
	page := draw.New(img)
	wide := (width - 2*margin - axisLeft - (columns-1)*gapX) / columns
	for i, p := range panels {
		if len(p.curves) > len(inks) {
			return nil, fmt.Errorf("%s has %d curves to draw, more than %d", p.kind, len(p.curves), len(inks))
		}
		row, column := i/columns, i%columns
		left := margin + axisLeft + vg.Length(column)*(wide+gapX)
		top := high - margin - vg.Length(row)*(header+plotHigh+gapY)
		area := draw.Canvas{Canvas: page.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: left, Y: top - header - plotHigh}, Max: vg.Point{X: left + wide, Y: top},
		}}
		p.draw(area, column == 0, i+columns >= len(panels))
	}
	note := style(8.5, false, inkLight)
	page.FillText(note, vg.Point{X: margin + axisLeft, Y: margin}, footnote)
	return encode(img.Image())
}

// draw draws a panel, with numbers at the left and below where it stands at an
// edge.
func (p panel) draw(c draw.Canvas, first, last bool) {
	name := style(10.5, true, ink)
	name.YAlign = draw.YTop
	c.FillText(name, vg.Point{X: c.Min.X, Y: c.Max.Y}, p.kind)
	x := c.Min.X
	for i, curve := range p.curves {
		label := style(8.5, false, inks[i])
		label.YAlign = draw.YTop
		c.FillText(label, vg.Point{X: x, Y: c.Max.Y - 16}, curve.caption)
		x += label.Width(curve.caption) + 10
	}

	box := c.Rectangle
	box.Max.Y -= header
	at := func(step, factor float64) vg.Point {
		return vg.Point{
			X: box.Min.X + vg.Length(step/(steps-1))*(box.Max.X-box.Min.X),
			Y: box.Min.Y + vg.Length(factor)*(box.Max.Y-box.Min.Y),
		}
	}
	const room = 3 // beyond 0 and 1, where lines are whole
	grid := draw.LineStyle{Color: rule, Width: 0.6}
	number := style(8, false, inkLight)
	for i, f := range []float64{0, 0.5, 1} {
		y := at(0, f).Y
		c.StrokeLine2(grid, box.Min.X, y, box.Max.X, y)
		if first {
			number.XAlign, number.YAlign = draw.XRight, draw.YCenter
			c.FillText(number, vg.Point{X: box.Min.X - 5, Y: y}, []string{"0", "0.5", "1"}[i])
		}
	}
	for i := range 5 {
		x := box.Min.X + vg.Length(i)*(box.Max.X-box.Min.X)/4
		c.StrokeLine2(grid, x, box.Min.Y-room, x, box.Max.Y+room)
		if last {
			number.XAlign, number.YAlign = draw.XCenter, draw.YTop
			c.FillText(number, vg.Point{X: x, Y: box.Min.Y - room - 5}, fmt.Sprint(i*steps/4))
		}
	}
	for i, curve := range p.curves {
		if curve.metrics != nil {
			c.StrokeLines(draw.LineStyle{Color: followed, Width: 0.7}, line(scaled(curve.metrics), at))
		}
		c.StrokeLines(draw.LineStyle{Color: inks[i], Width: 1.5}, line(curve.factors, at))
	}
}

// scaled brings values into 0..1; what is not finite is left out.
func scaled(values []float64) []float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	var all []float64
	for i, v := range values {
		if v-v != 0 {
			v = values[i-1]
			if v-v != 0 {
				v = values[i-2]
			}
		}
		lo, hi = min(lo, v), max(hi, v)
		all = append(all, v)
	}
	for i := range all {
		all[i] = (all[i] - lo) / (hi - lo)
	}
	return all
}

func line(values []float64, at func(step, factor float64) vg.Point) []vg.Point {
	points := make([]vg.Point, len(values))
	for i, v := range values {
		points[i] = at(float64(i), v)
	}
	return points
}

// encode writes a picture of few colours: each is rounded to 16 levels, which
// the eye does not see in the edges of lines.
func encode(img image.Image) ([]byte, error) {
	bounds := img.Bounds()
	index := map[color.NRGBA]uint8{}
	var palette color.Palette
	out := image.NewPaletted(bounds, nil)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			c := color.NRGBA{round(r), round(g), round(b), 0xff}
			i, ok := index[c]
			if !ok {
				if len(palette) == 256 {
					i = uint8(palette.Index(c))
				} else {
					i = uint8(len(palette))
					palette = append(palette, c)
				}
				index[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	out.Palette = palette
	var b bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out)
	return b.Bytes(), err
}

// round brings a level of 16 bits to the nearest of 16 that end with 255.
func round(level uint32) uint8 { return uint8((level*15 + 0x7fff) / 0xffff * 17) }
