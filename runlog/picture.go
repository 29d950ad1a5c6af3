package runlog

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// The picture is 1600x700 pixels: 800x350 points at 144 dots an inch.
const (
	pictureWidth  = vg.Length(800)
	pictureHeight = vg.Length(350)
	pictureDPI    = 144

	outerMargin = vg.Length(18) // around everything
	panelGap    = vg.Length(30)
	titleSpace  = vg.Length(30) // above the panels
	legendSpace = vg.Length(26) // above each plot

	rawPoints = 1500 // a raw curve has about one point a pixel
)

var (
	ink       = color.NRGBA{0x1f, 0x29, 0x37, 0xff}
	inkLight  = color.NRGBA{0x6b, 0x72, 0x80, 0xff}
	rule      = color.NRGBA{0xe5, 0xe7, 0xeb, 0xff}
	axisColor = color.NRGBA{0x9c, 0xa3, 0xaf, 0xff}
	trainInk  = color.NRGBA{0x25, 0x63, 0xeb, 0xff}
	trainRaw  = color.NRGBA{0x25, 0x63, 0xeb, 0x38}
	validInk  = color.NRGBA{0xea, 0x58, 0x0c, 0xff}
	testInk   = color.NRGBA{0x15, 0x80, 0x3d, 0xff}
)

// style returns text of the sans-serif face that travels with the program.
func style(size vg.Length, bold bool, c color.Color) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = xfont.WeightBold
	}
	return text.Style{Color: c, Font: f, Handler: plot.DefaultTextHandler}
}

// WritePNG draws the curves side by side: each split's values, those of
// training light as they are and strong as a running mean.
func (c *Curves) WritePNG(w io.Writer) error {
	img := vgimg.NewWith(vgimg.UseWH(pictureWidth, pictureHeight), vgimg.UseDPI(pictureDPI), vgimg.UseBackgroundColor(color.White))
	page := draw.Crop(draw.New(img), outerMargin, -outerMargin, outerMargin, -outerMargin)
	if c.title != "" {
		title := style(15, true, ink)
		title.YAlign = draw.YTop
		page.FillText(title, vg.Point{X: page.Min.X, Y: page.Max.Y}, c.title)
		page = draw.Crop(page, 0, 0, 0, -titleSpace)
	}
	var shown []view
	for _, p := range c.panels {
		if isShare(p.metric) {
			shown = append(shown, shareView(p))
		} else {
			shown = append(shown, lossView(p))
		}
	}
	width := (page.Max.X - page.Min.X + panelGap) / vg.Length(max(len(shown), 1))
	for i, v := range shown {
		left := vg.Length(i) * width
		part := page
		part.Min.X += left
		part.Max.X = part.Min.X + width - panelGap
		if err := v.draw(part); err != nil {
			return err
		}
	}
	_, err := vgimg.PngCanvas{Canvas: img}.WriteTo(w)
	return err
}

// isShare tells whether a metric is a fraction of 1, by its name.
func isShare(metric string) bool {
	name := metric[strings.LastIndexByte(metric, '.')+1:]
	return name == "accuracy" || name == "binary_accuracy" || len(name) > 3 && strings.HasPrefix(name, "top") && name[3] >= '0' && name[3] <= '9'
}

// heading is the name of a metric above its plot.
func heading(metric string) string {
	return strings.ToUpper(metric[:1]) + strings.ReplaceAll(metric[1:], "_", " ")
}

// A view is a panel with the choices for its vertical axis made.
type view struct {
	panel
	smooth []point
	lo, hi float64
	log    bool
	ticks  plot.Ticker
	last   func(float64) string // of the last value of a split
}

// raw returns the training curve where it differs from the smoothed one.
func (v view) raw() []point {
	if len(v.train) < smoothParts {
		return nil
	}
	return v.train
}

// limits returns the range of the curves that must be seen whole: all but the
// raw one.
func (p panel) limits(smoothed []point) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, q := range slices.Concat(smoothed, p.measured()) {
		lo, hi = min(lo, q.value), max(hi, q.value)
	}
	return lo, hi
}

// measured is all points of the splits that are not trained on.
func (p panel) measured() []point {
	var all []point
	for _, s := range p.scored {
		all = append(all, s.points...)
	}
	return all
}

// lossView chooses a logarithmic axis when the loss falls to less than a
// fifth. Of the raw curve the axis leaves out the outermost hundredths.
func lossView(p panel) view {
	v := view{panel: p, smooth: smooth(p.train), last: func(x float64) string { return fmt.Sprintf("%.3g", x) }}
	v.lo, v.hi = p.limits(v.smooth)
	v.log = v.lo > 1e-100 && v.hi > 5*v.lo
	rawLo, rawHi := v.lo, v.hi
	if len(p.train) > 0 {
		rawLo, rawHi = min(rawLo, quantile(p.train, .01)), max(rawHi, quantile(p.train, .99))
	}
	if v.log {
		v.lo, v.hi = max(rawLo, v.lo/5)/1.15, rawHi*1.15
		v.ticks = logTicks{compact}
		return v
	}
	v.ticks = linearTicks{6, compact}
	room := 0.06 * (rawHi - rawLo)
	if room <= 1e-6*math.Abs(rawHi) {
		room = max(0.1*math.Abs(rawHi), 1e-3)
	}
	v.lo, v.hi = rawLo-room, rawHi+room
	if rawLo >= 0 {
		v.lo = max(v.lo, 0)
	}
	return v
}

// shareView shows the part of 0..1 in which the curves spend their time:
// the steep start of training may begin below it.
func shareView(p panel) view {
	v := view{panel: p, smooth: smooth(p.train), ticks: percentTicks{}, last: func(x float64) string { return fmt.Sprintf("%.2f %%", 100*x) }}
	lo, hi := p.limits(v.smooth)
	if len(p.train) > 0 {
		hi = max(hi, quantile(p.train, .99))
		lo = min(hi, quantile(v.smooth, .1))
		for _, q := range p.measured() {
			lo = min(lo, q.value)
		}
	}
	room := max(0.08*(hi-lo), 0.002)
	v.lo, v.hi = max(lo-2*room, 0), min(hi+room, 1+room/2)
	return v
}

// draw draws the name, the legend and the plot.
func (v view) draw(c draw.Canvas) error {
	v.header(c)
	p := plot.New()
	p.BackgroundColor = nil
	steps := slices.Concat(v.train, v.measured())
	first, last := steps[0].step, steps[0].step
	for _, q := range steps {
		first, last = min(first, q.step), max(last, q.step)
	}
	if first > 0 && first < last/10 {
		first = 0
	}
	if first == last {
		first, last = first-1, last+1
	}
	room := 0.015 * (last - first)
	setAxis(&p.X, first-room, last+room, linearTicks{8, grouped})
	p.X.Label.Text = "step"
	setAxis(&p.Y, v.lo, v.hi, v.ticks)
	if v.log {
		p.Y.Scale = plot.LogScale{}
	}
	p.X.LineStyle = draw.LineStyle{Color: axisColor, Width: 0.75}
	p.Y.LineStyle.Width = 0
	p.Y.Tick.LineStyle.Width = 0

	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal = draw.LineStyle{Color: rule, Width: 0.6}
	p.Add(grid)
	add := func(points []point, ink color.Color, width vg.Length) error {
		if len(points) == 0 {
			return nil
		}
		line, err := plotter.NewLine(v.coordinates(points))
		if err != nil {
			return err
		}
		line.LineStyle = draw.LineStyle{Color: ink, Width: width}
		p.Add(line)
		return nil
	}
	if err := errors.Join(add(thin(v.raw(), rawPoints), trainRaw, 0.7), add(thin(v.smooth, rawPoints), trainInk, 1.7)); err != nil {
		return err
	}
	for _, s := range v.scored {
		if err := add(s.points, s.ink(), 1.7); err != nil {
			return err
		}
		if len(s.points) > 60 { // more marks would hide the line
			continue
		}
		marks, err := plotter.NewScatter(v.coordinates(s.points))
		if err != nil {
			return err
		}
		marks.GlyphStyle = mark(s.ink())
		p.Add(marks)
	}
	// Adding curves widened the axes to all of their points.
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = first-room, last+room, v.lo, v.hi
	p.Draw(draw.Crop(c, 0, 0, 0, -legendSpace))
	return nil
}

// ink is the colour of the split.
func (s split) ink() color.Color {
	if s.name == "test" {
		return testInk
	}
	return validInk
}

// mark is a point of a split that is not trained on.
func mark(ink color.Color) draw.GlyphStyle {
	return draw.GlyphStyle{Color: ink, Radius: 2.8, Shape: draw.CircleGlyph{}}
}

// coordinates turns points into the plotter's. A logarithmic axis has no place
// for numbers that are not positive; they go below its lower end.
func (v view) coordinates(points []point) plotter.XYs {
	xy := make(plotter.XYs, len(points))
	for i, p := range points {
		xy[i] = plotter.XY{X: p.step, Y: p.value}
		if v.log {
			xy[i].Y = max(p.value, v.lo/2)
		}
	}
	return xy
}

// header writes the panel's name at the left and the legend at the right.
func (v view) header(c draw.Canvas) {
	y := c.Max.Y - legendDepth
	name := style(12.5, true, ink)
	name.YAlign = draw.YCenter
	c.FillText(name, vg.Point{X: c.Min.X, Y: y}, heading(v.metric))

	l := newLegend(c)
	for _, s := range slices.Backward(v.scored) {
		l.entry(s.name+" "+v.last(s.points[len(s.points)-1].value), s.ink(), true)
	}
	// A long name takes the room of what is plain to see.
	if len(v.train) > 0 && l.room("train") > c.Min.X+name.Width(heading(v.metric))+legendGap {
		l.entry("train", trainInk, false)
	}
}

// A legend says above a plot what its lines are, from right to left.
type legend struct {
	c     draw.Canvas
	x     vg.Length // of the free place
	label text.Style
}

// Lengths of a legend.
const (
	legendSwatch = vg.Length(20)
	legendGap    = vg.Length(16) // between entries
	swatchGap    = vg.Length(5)  // between a swatch and its name
	legendDepth  = vg.Length(8)  // of the middle of the line, below the upper edge
)

func newLegend(c draw.Canvas) *legend {
	label := style(10.5, false, ink)
	label.YAlign = draw.YCenter
	return &legend{c, c.Max.X, label}
}

// room is where an entry would begin.
func (l *legend) room(name string) vg.Length {
	return l.x - l.label.Width(name) - swatchGap - legendSwatch
}

// entry adds a line to the left of the others.
func (l *legend) entry(name string, ink color.Color, marked bool) {
	y := l.c.Max.Y - legendDepth
	middle := y - 1 // of lower-case letters
	l.c.FillText(l.label, vg.Point{X: l.x - l.label.Width(name), Y: y}, name)
	l.x = l.room(name)
	l.c.StrokeLine2(draw.LineStyle{Color: ink, Width: 2}, l.x, middle, l.x+legendSwatch, middle)
	if marked {
		l.c.DrawGlyph(mark(ink), vg.Point{X: l.x + legendSwatch/2, Y: middle})
	}
	l.x -= legendGap
}

// setAxis gives an axis its range, ticks and quiet looks.
func setAxis(a *plot.Axis, lo, hi float64, ticks plot.Ticker) {
	a.Min, a.Max = lo, hi
	a.Padding = 0
	a.Tick.Marker = ticks
	a.Tick.LineStyle = draw.LineStyle{Color: axisColor, Width: 0.75}
	a.Tick.Length = 4
	x, y, rotation := a.Tick.Label.XAlign, a.Tick.Label.YAlign, a.Tick.Label.Rotation
	a.Tick.Label = style(10.5, false, inkLight)
	a.Tick.Label.XAlign, a.Tick.Label.YAlign, a.Tick.Label.Rotation = x, y, rotation
	x, y = a.Label.TextStyle.XAlign, a.Label.TextStyle.YAlign
	a.Label.TextStyle = style(10.5, false, inkLight)
	a.Label.TextStyle.XAlign, a.Label.TextStyle.YAlign = x, y
	a.Label.Padding = 3
}
