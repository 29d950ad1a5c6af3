package runlog

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// A Search is the picture of how a setting was chosen: what came of each value
// that was tried, over a logarithmic axis, and the choice.
type Search struct {
	title, x, y string
	raw, line   []point   // the step of a point is its value of the setting
	names       [2]string // of raw and line; none where there is one alone
	best        point
	label       string
	lo, hi      float64
	xTicks      plot.Ticker
	format      func(float64) string // of the vertical axis
	marked      bool                 // each point of the line
}

// A RatePoint is a learning rate that was tried, with the loss of its step and
// the running mean of the losses.
type RatePoint struct{ Rate, Loss, Mean float64 }

// NewRateSearch shows losses over learning rates, and the choice with a label
// such as optimizer.lr=0.01. The picture leaves out what lies far above the
// first losses.
func NewRateSearch(title string, tried []RatePoint, best int, label string) *Search {
	s := &Search{title: title, x: "learning rate", y: "loss", names: [2]string{"loss of a step", "running mean"}, label: label, xTicks: logTicks{compact}, format: compact}
	for _, p := range tried {
		s.raw = append(s.raw, point{p.Rate, p.Loss})
		s.line = append(s.line, point{p.Rate, p.Mean})
	}
	s.best = s.line[best]
	s.lo, s.hi = math.Inf(1), math.Inf(-1)
	top := s.line[0].value
	for i, p := range s.line {
		s.lo, s.hi = min(s.lo, p.value), max(s.hi, p.value)
		if i <= best {
			top = max(top, p.value)
		}
	}
	s.hi = min(s.hi, top+0.5*max(top-s.lo, 0.1*math.Abs(top)))
	if s.hi-s.lo <= 1e-6*math.Abs(top) {
		s.hi = s.lo + max(0.1*math.Abs(top), 1e-3)
	}
	s.lo -= 0.08 * (s.hi - s.lo)
	return s
}

// A BatchPoint is a size of batches that was tried.
type BatchPoint struct {
	Batch     int
	PerSecond float64 // examples
}

// NewBatchSearch shows speeds over sizes of batches, and the choice with a label
// such as data.batch=256.
func NewBatchSearch(title string, tried []BatchPoint, best int, label string) *Search {
	s := &Search{title: title, x: "batch", y: "examples a second", label: label, format: grouped, marked: true}
	var ticks plot.ConstantTicks
	for _, p := range tried {
		at := point{float64(p.Batch), p.PerSecond}
		s.line = append(s.line, at)
		s.hi = max(s.hi, at.value)
		ticks = append(ticks, plot.Tick{Value: at.step, Label: grouped(at.step)})
	}
	s.best, s.xTicks = s.line[best], ticks
	return s
}

// The picture is 1280x720 pixels: 640x360 points.
const (
	searchWidth  = vg.Length(640)
	searchHeight = vg.Length(360)
	labelSpace   = 0.14 // of the height of the plot, for the label of the choice
)

// choiceInk is the colour of what was chosen.
var choiceInk = validInk

// WritePNG draws the picture.
func (s *Search) WritePNG(w io.Writer) error {
	img := vgimg.NewWith(vgimg.UseWH(searchWidth, searchHeight), vgimg.UseDPI(pictureDPI), vgimg.UseBackgroundColor(color.White))
	page := draw.Crop(draw.New(img), outerMargin, -outerMargin, outerMargin, -outerMargin)
	title := style(14, true, ink)
	title.YAlign = draw.YCenter
	page.FillText(title, vg.Point{X: page.Min.X, Y: page.Max.Y - legendDepth}, s.title)
	if len(s.raw) > 0 {
		l := newLegend(page)
		l.entry(s.names[1], trainInk, s.marked)
		l.entry(s.names[0], trainRaw, false)
	}
	p, err := s.plot()
	if err != nil {
		return err
	}
	p.Draw(draw.Crop(page, 0, 0, 0, -legendSpace-4))
	_, err = vgimg.PngCanvas{Canvas: img}.WriteTo(w)
	return err
}

func (s *Search) plot() (*plot.Plot, error) {
	p := plot.New()
	p.BackgroundColor = nil
	first, last := s.line[0].step, s.line[len(s.line)-1].step
	room := math.Pow(last/first, 0.02)
	if first == last {
		room = 2
	}
	first, last = first/room, last*room
	hi := s.lo + (s.hi-s.lo)/(1-labelSpace)
	axes := func() {
		setAxis(&p.X, first, last, s.xTicks)
		setAxis(&p.Y, s.lo, hi, linearTicks{6, s.format})
	}
	axes()
	p.X.Scale = plot.LogScale{}
	p.X.Label.Text, p.Y.Label.Text = s.x, s.y
	p.X.LineStyle = draw.LineStyle{Color: axisColor, Width: 0.75}
	p.Y.LineStyle.Width = 0
	p.Y.Tick.LineStyle.Width = 0

	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal = draw.LineStyle{Color: rule, Width: 0.6}
	p.Add(grid)
	var errs []error
	add := func(points []point, look draw.LineStyle) {
		if len(points) == 0 {
			return
		}
		line, err := plotter.NewLine(xys(points))
		if err != nil {
			errs = append(errs, err)
			return
		}
		line.LineStyle = look
		p.Add(line)
	}
	dots := func(points []point, look draw.GlyphStyle) {
		marks, err := plotter.NewScatter(xys(points))
		if err != nil {
			errs = append(errs, err)
			return
		}
		marks.GlyphStyle = look
		p.Add(marks)
	}
	add([]point{{s.best.step, s.lo}, {s.best.step, hi}}, draw.LineStyle{Color: choiceInk, Width: 1, Dashes: []vg.Length{4, 3}})
	add(s.raw, draw.LineStyle{Color: trainRaw, Width: 1})
	add(s.line, draw.LineStyle{Color: trainInk, Width: 1.9})
	if s.marked {
		dots(s.line, mark(trainInk))
	}
	dots([]point{s.best}, draw.GlyphStyle{Color: color.White, Radius: 6, Shape: draw.CircleGlyph{}})
	dots([]point{s.best}, draw.GlyphStyle{Color: choiceInk, Radius: 4.2, Shape: draw.CircleGlyph{}})
	label, err := plotter.NewLabels(plotter.XYLabels{XYs: xys([]point{{s.best.step, hi}}), Labels: []string{s.label}})
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("runlog: picture of a search: %w", err)
	}
	// Beside the line of the choice, where there is room.
	text := style(11, true, choiceInk)
	text.YAlign = draw.YTop
	label.Offset = vg.Point{X: 7, Y: -3}
	if math.Log(s.best.step/first) > 0.6*math.Log(last/first) {
		text.XAlign, label.Offset.X = draw.XRight, -7
	}
	label.TextStyle[0] = text
	p.Add(label)
	axes() // adding lines widened them
	return p, nil
}

func xys(points []point) plotter.XYs {
	xy := make(plotter.XYs, len(points))
	for i, p := range points {
		xy[i] = plotter.XY{X: p.step, Y: p.value}
	}
	return xy
}
