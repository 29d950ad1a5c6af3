package check

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/image"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/tensor"
)

const (
	pictured       = 40    // training rows that pictures are made of
	gridColumns    = 8     // of pictures beside each other
	variants       = 7     // of one image, augmented
	numbersInPages = 20000 // values of a column that a histogram shows
)

// A Picture is a PNG file to look at.
type Picture struct {
	File  string // its name
	About string
	Write func(w io.Writer) error
}

// Pictures shows training rows as the model sees them: samples with their
// labels, for inputs that are images; some of these again as they are and as
// augmentation makes them; and histograms of numbers and of lengths of texts.
func (l *Look) Pictures() []Picture {
	var all []Picture
	several := false
	for _, f := range l.Set.Inputs {
		e, ok := f.Encoder.(*feature.ImageEncoder)
		if !ok || len(l.good) == 0 {
			continue
		}
		suffix := ".png"
		if several {
			suffix = "-" + f.Name + ".png"
		}
		several = true
		all = append(all, Picture{"samples" + suffix, "training images with labels, as the model sees them", func(w io.Writer) error { return l.grid(w, f, e) }})
		if e.Augments() {
			all = append(all, Picture{"augmented" + suffix, "images as they are, and in seven epochs", func(w io.Writer) error { return l.augmented(w, f, e) }})
		}
	}
	if page := l.histograms(); len(page) > 0 {
		all = append(all, Picture{"histograms.png", "numbers of the training rows", func(w io.Writer) error {
			return runlog.WriteHistograms(w, l.Report.Name, page)
		}})
	}
	return all
}

// item makes the tensor of an input of training row i, as it is or as it is in
// an epoch, and the label below it.
func (l *Look) item(f feature.Fitted, i, epoch int, augmented bool) (*image.Image, string, error) {
	examples, err := l.Set.Dataset(l.Tables.Train, l.seed, augmented)
	if err != nil {
		return nil, "", err
	}
	item, err := examples.ItemAt(i, epoch)
	if err != nil {
		return nil, "", err
	}
	at := slices.IndexFunc(l.Set.Inputs, func(g feature.Fitted) bool { return g.Name == f.Name })
	label := ""
	for k, t := range l.Set.Targets {
		if text := labelOf(t.Encoder, item[len(l.Set.Inputs)+k]); text != "" {
			if label != "" {
				label += ", "
			}
			label += text
		}
	}
	return pixels(f.Encoder.(*feature.ImageEncoder), item[at]), label, nil
}

// pixels undoes the normalisation of an image.
func pixels(e *feature.ImageEncoder, t *tensor.Tensor) *image.Image {
	channels, n := e.Mode.Channels(), e.Size[0]*e.Size[1]
	of := func(list []float64, c int) float64 { return list[min(c, len(list)-1)] } // one serves all channels
	planes := make([]uint8, channels*n)
	for c := range channels {
		mean, std := of(e.Mean, c), of(e.Std, c)
		for i, v := range t.F32()[c*n : (c+1)*n] {
			planes[c*n+i] = uint8(math.Round(min(max(255*(float64(float64(v)*std)+mean), 0), 255)))
		}
	}
	im := &image.Image{}
	im.SetPlanes(planes, channels, e.Size[0], e.Size[1])
	return im
}

// labelOf is a target as a person reads it; nothing where it is no class and
// no number.
func labelOf(e feature.Encoder, t *tensor.Tensor) string {
	if classes := classesOf(e); classes != nil {
		text := ""
		for _, c := range labels(t, true) {
			if text != "" {
				text += ", "
			}
			text += classes[c]
		}
		return text
	}
	if e, ok := e.(*feature.NumberEncoder); ok && t.Size() == 1 {
		if x, err := e.Decode(t); err == nil {
			if x, ok := x.(float64); ok {
				return strconv.FormatFloat(x, 'g', 4, 64)
			}
		}
	}
	return ""
}

// chosen are so many of the training rows, in their order.
func (l *Look) chosen(n int) []int {
	rows := slices.Clone(l.good[:min(n, len(l.good))])
	slices.Sort(rows)
	return rows
}

func (l *Look) grid(w io.Writer, f feature.Fitted, e *feature.ImageEncoder) error {
	var images []*image.Image
	var labels []string
	for _, i := range l.chosen(pictured) {
		im, label, err := l.item(f, i, 0, true)
		if err != nil {
			return err
		}
		images, labels = append(images, im), append(labels, label)
	}
	return write(w, images, labels)
}

// augmented has a row for each image: as it is, then as it is in epochs.
func (l *Look) augmented(w io.Writer, f feature.Fitted, e *feature.ImageEncoder) error {
	var images []*image.Image
	var labels []string
	for _, i := range l.chosen(pictured / gridColumns) {
		for k := range 1 + variants {
			im, label, err := l.item(f, i, max(k-1, 0), k > 0)
			if err != nil {
				return err
			}
			if k > 0 {
				label = fmt.Sprintf("epoch %d", k)
			}
			images, labels = append(images, im), append(labels, label)
		}
	}
	return write(w, images, labels)
}

func write(w io.Writer, images []*image.Image, labels []string) error {
	if !slices.ContainsFunc(labels, func(s string) bool { return s != "" }) {
		labels = nil
	}
	file, err := image.Grid(images, gridColumns, labels)
	if err == nil {
		_, err = w.Write(file)
	}
	return err
}

// brief prints a number with four digits, or all of those before the point.
func brief(x float64) string {
	if a := math.Abs(x); a >= 1e4 && a < 1e9 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// histograms are those of numbers and of lengths of texts.
func (l *Look) histograms() []runlog.Histogram {
	var page []runlog.Histogram
	const most = 60 // more make no picture to look at
	for _, s := range l.samples[:min(len(l.samples), most)] {
		h := runlog.Histogram{Title: s.name, Values: s.values}
		for _, c := range l.Report.Splits[0].Columns {
			if c.Name == s.name {
				h.Note = fmt.Sprintf("%s to %s, mean %s", brief(c.Numbers.Min), brief(c.Numbers.Max), brief(c.Numbers.Mean))
			}
		}
		page = append(page, h)
	}
	for i, t := range l.Report.Splits[0].Texts {
		h := runlog.Histogram{Title: "tokens of " + t.Input, Note: fmt.Sprintf("%d to %d, half up to %d", t.Lengths.Min, t.Lengths.Max, t.Lengths.P50)}
		rows := 0
		for _, n := range l.lengths[i] {
			rows += n
		}
		// Of many rows, each length so often that all are in proportion.
		for _, n := range l.lengths[i].sorted() {
			count := l.lengths[i][n]
			if rows > numbersInPages {
				count = int(math.Ceil(float64(count) * numbersInPages / float64(rows)))
			}
			for range count {
				h.Values = append(h.Values, float64(n))
			}
		}
		if !t.Packed {
			limit := float64(t.Limit)
			h.Mark = &limit
		}
		if len(h.Values) > 0 {
			page = append(page, h)
		}
	}
	return page
}
