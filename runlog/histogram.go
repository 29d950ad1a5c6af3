package runlog

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// A Histogram shows how numbers are spread.
type Histogram struct {
	Title  string
	Note   string // at the right of the title
	Values []float64
	Mark   *float64 // a value that is marked by a line
}

const (
	histogramColumns = 3
	histogramWidth   = vg.Length(252)
	histogramHeight  = vg.Length(160)
	histogramBins    = 40
)

var (
	barInk  = color.NRGBA{0x25, 0x63, 0xeb, 0xcc}
	restInk = color.NRGBA{0x25, 0x63, 0xeb, 0x60} // of a bar that holds what lies beyond it too
	markInk = color.NRGBA{0xea, 0x58, 0x0c, 0xff}
)

// WriteHistograms draws a page of histograms as a PNG file, three in a row.
// Where a hundredth of the values at an end takes up most of the axis, it goes
// into the outermost bar, which is lighter then.
func WriteHistograms(w io.Writer, title string, all []Histogram) error {
	if len(all) == 0 {
		return fmt.Errorf("runlog: a page without histograms")
	}
	columns := min(histogramColumns, len(all))
	down := (len(all) + columns - 1) / columns
	width := 2*outerMargin + vg.Length(columns)*(histogramWidth+panelGap) - panelGap
	height := 2*outerMargin + titleSpace + vg.Length(down)*(histogramHeight+panelGap) - panelGap
	img := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(pictureDPI), vgimg.UseBackgroundColor(color.White))
	page := draw.Crop(draw.New(img), outerMargin, -outerMargin, outerMargin, -outerMargin)
	heading := style(15, true, ink)
	heading.YAlign = draw.YTop
	page.FillText(heading, vg.Point{X: page.Min.X, Y: page.Max.Y}, title)
	for i, h := range all {
		part := page
		part.Min.X += vg.Length(i%columns) * (histogramWidth + panelGap)
		part.Max.X = part.Min.X + histogramWidth
		part.Max.Y -= titleSpace + vg.Length(i/columns)*(histogramHeight+panelGap)
		part.Min.Y = part.Max.Y - histogramHeight
		h.draw(part)
	}
	_, err := vgimg.PngCanvas{Canvas: img}.WriteTo(w)
	return err
}

// limits are those of the axis.
func (h Histogram) limits() (lo, hi float64) {
	sorted := slices.Sorted(slices.Values(h.Values))
	lo, hi = sorted[0], sorted[len(sorted)-1]
	first, last := sorted[len(sorted)/100], sorted[len(sorted)-1-len(sorted)/100]
	if body := last - first; body > 0 {
		if first-lo > body/2 {
			lo = first - body/20
		}
		if hi-last > body/2 {
			hi = last + body/20
		}
	}
	return lo, hi
}

// bins counts values between limits. Whole numbers get bars of a whole width,
// so that no bar has more of them than the next for its place alone.
func (h Histogram) bins() (counts []float64, lo, step float64) {
	lo, hi := h.limits()
	whole := !slices.ContainsFunc(h.Values, func(x float64) bool { return x != math.Trunc(x) })
	switch {
	case whole && hi-lo < 1e15:
		step = math.Ceil((hi - lo + 1) / histogramBins)
		lo = math.Floor(lo) - 0.5
	case hi == lo:
		room := max(math.Abs(lo), 1) / 2
		lo, hi = lo-room, hi+room
		step = 2 * room / histogramBins
	default:
		step = (hi - lo) / histogramBins
	}
	n := min(histogramBins, max(1, int(math.Ceil((hi-lo)/step-1e-9))))
	counts = make([]float64, n)
	for _, x := range h.Values {
		counts[min(max(int((x-lo)/step), 0), n-1)]++
	}
	return counts, lo, step
}

func (h Histogram) draw(c draw.Canvas) {
	y := c.Max.Y - 7
	label := style(11.5, true, ink)
	label.YAlign = draw.YCenter
	note := style(10, false, inkLight)
	note.YAlign, note.XAlign = draw.YCenter, draw.XRight
	room := c.Max.X - c.Min.X - 10
	if note.Width(h.Note)+label.Width(h.Title) <= room {
		c.FillText(note, vg.Point{X: c.Max.X, Y: y}, h.Note)
		room -= note.Width(h.Note)
	}
	title := []rune(h.Title)
	for text := h.Title; ; {
		if label.Width(text) <= room || len(title) == 0 {
			c.FillText(label, vg.Point{X: c.Min.X, Y: y}, text)
			break
		}
		title = title[:len(title)-1]
		text = string(title) + "…"
	}

	counts, lo, step := h.bins()
	p := plot.New()
	p.BackgroundColor = nil
	setAxis(&p.X, lo, lo+step*float64(len(counts)), linearTicks{5, short})
	setAxis(&p.Y, 0, 1.06*slices.Max(counts), linearTicks{4, grouped})
	p.X.LineStyle = draw.LineStyle{Color: axisColor, Width: 0.75}
	p.Y.LineStyle.Width = 0
	p.Y.Tick.LineStyle.Width = 0
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal = draw.LineStyle{Color: rule, Width: 0.6}
	p.Add(grid)
	hi := lo + step*float64(len(counts))
	p.Add(bars{counts, lo, step, slices.Min(h.Values) < lo, slices.Max(h.Values) > hi, h.Mark})
	p.Draw(draw.Crop(c, 0, 0, 0, -18))
}

// bars are the counts, and the mark if it lies among them.
type bars struct {
	counts   []float64
	lo, step float64
	below    bool // the first bar holds what lies below it too
	above    bool
	mark     *float64
}

// Plot draws them; a hair's breadth stays free between bars that are wide
// enough.
func (b bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for k, n := range b.counts {
		left, right := x(b.lo+b.step*float64(k)), x(b.lo+b.step*float64(k+1))
		if right-left > 2.5 {
			right -= 0.7
		}
		fill := barInk
		if k == 0 && b.below || k == len(b.counts)-1 && b.above {
			fill = restInk
		}
		if n > 0 {
			top := max(y(n), y(0)+0.6) // a single value is seen beside a million
			c.FillPolygon(fill, []vg.Point{{X: left, Y: y(0)}, {X: left, Y: top}, {X: right, Y: top}, {X: right, Y: y(0)}})
		}
	}
	if m := b.mark; m != nil && *m >= b.lo && *m <= b.lo+b.step*float64(len(b.counts)) {
		c.StrokeLine2(draw.LineStyle{Color: markInk, Width: 1.4}, x(*m), c.Min.Y, x(*m), c.Max.Y)
	}
}
