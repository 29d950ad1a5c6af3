package feature

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A DatePart is something that a model may want to know of a time.
type DatePart string

// The parts. All but Instant go round: one of n, at place k from 0, becomes the
// two numbers sin and cos of 2 pi k/n, so that December lies beside January.
const (
	Instant DatePart = "instant" // seconds, standardised by those of the training rows: one number
	YearDay DatePart = "yearday" // of 365 or 366
	Month   DatePart = "month"   // of 12
	Day     DatePart = "day"     // of the days of its month
	Weekday DatePart = "weekday" // of 7, from Sunday
	Hour    DatePart = "hour"    // of 24
	Minute  DatePart = "minute"  // of 60
)

// Values lists the parts.
func (DatePart) Values() []string {
	return []string{string(Instant), string(YearDay), string(Month), string(Day), string(Weekday), string(Hour), string(Minute)}
}

// DateTime is a feature of times: float32, the numbers of each part in turn.
//
// The column holds text, or whole numbers that count seconds since 1970. Text
// is read by Format, which has the directives of strftime: %Y %y %m %d %j %H %I
// %p %M %S %f (a fraction of a second) %b %B %a %A %z %Z and %%; or, without
// one, as 2024-12-31, alone or followed by T or a space and 23:59, 23:59:59 or a
// fraction, with or without a zone. A time stays in the zone that it is written
// with; without one it is UTC.
type DateTime struct {
	Column string     `json:"column" yaml:"column"` // of text, or of seconds since 1970
	Format *string    `json:"format" yaml:"format"` // directives of strftime; null is 2024-12-31T23:59:59 and its like
	Parts  []DatePart `json:"parts" yaml:"parts"`   // what of a time the model sees
}

// DefaultDateTime has month, weekday and hour.
func DefaultDateTime() DateTime { return DateTime{Parts: []DatePart{Month, Weekday, Hour}} }

// Validate tells all that is wrong with the settings.
func (c DateTime) Validate() error {
	errs := []error{validColumn(c.Column), validParts(c.Parts)}
	if c.Format != nil {
		_, err := layoutOf(*c.Format)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func validParts(parts []DatePart) error {
	if len(parts) == 0 {
		return errors.New("parts: at least one is needed")
	}
	for i, p := range parts {
		if known := p.Values(); !slices.Contains(known, string(p)) {
			return fmt.Errorf("parts: %q is not one of %s", p, strings.Join(known, ", "))
		}
		if slices.Contains(parts[:i], p) {
			return fmt.Errorf("parts: %s is there twice", p)
		}
	}
	return nil
}

// directives are those of strftime in the layouts of package time.
var directives = map[byte]string{'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'j': "002", 'H': "15", 'I': "03", 'p': "PM", 'M': "04", 'S': "05",
	'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'z': "-0700", 'Z': "MST", '%': "%"}

// layoutOf is a format in the layouts of package time.
func layoutOf(format string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		c := format[i]
		switch {
		case c != '%':
			if c >= '0' && c <= '9' || c == '_' {
				return "", fmt.Errorf("format: %q has a %c outside of directives", format, c)
			}
			b.WriteByte(c)
		case strings.HasPrefix(format[i:], "%f") && i > 0 && (format[i-1] == '.' || format[i-1] == ','):
			b.WriteString("999999999")
			i++
		case i+1 < len(format) && directives[format[i+1]] != "":
			b.WriteString(directives[format[i+1]])
			i++
		default:
			return "", fmt.Errorf("format: %q has an unknown directive at %q", format, format[i:])
		}
	}
	return b.String(), nil
}

// layouts are tried where no format is given. Package time takes a fraction
// after seconds unasked.
var layouts = []string{"2006-01-02", "2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05",
	"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00"}

// timeOf reads a value.
func timeOf(v any, layouts []string) (time.Time, error) {
	switch v := v.(type) {
	case nil:
		return time.Time{}, errors.New("no time; leave such rows out")
	case int64:
		return inRange(time.Unix(v, 0).UTC(), v > -maxSeconds && v < maxSeconds)
	case float64:
		return inRange(time.Unix(int64(v), 0).UTC(), v == math.Trunc(v) && math.Abs(v) < maxSeconds)
	case string:
		text := strings.TrimSpace(v)
		for _, l := range layouts {
			if t, err := time.Parse(l, text); err == nil {
				return t, nil
			}
		}
		return time.Time{}, fmt.Errorf("%s is not a time of the format", quote(v))
	}
	return time.Time{}, fmt.Errorf("want a time, got %s", kindOf(v))
}

// maxSeconds is about the year 9999; milliseconds are beyond it.
const maxSeconds = 253402300800

func inRange(t time.Time, ok bool) (time.Time, error) {
	if !ok {
		return t, errors.New("the number does not count seconds since 1970")
	}
	return t, nil
}

// Reads names the column.
func (c DateTime) Reads() []string { return []string{c.Column} }

// Fitter begins to learn.
func (c DateTime) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantKind(columns[0], "text or integers", source.Text, source.Integer, source.Number); err != nil {
		return nil, err
	}
	e := &DateTimeEncoder{Column: c.Column, Layouts: layouts, Parts: c.Parts, Size: 1}
	if c.Format != nil {
		layout, err := layoutOf(*c.Format)
		if err != nil {
			return nil, err
		}
		e.Layouts = []string{layout}
	}
	return &dateTimeFitter{encoder: e}, nil
}

type dateTimeFitter struct {
	encoder *DateTimeEncoder
	numbers numbers
}

func (f *dateTimeFitter) Add(values []any) error {
	t, err := timeOf(values[0], f.encoder.Layouts)
	if err != nil {
		return column(f.encoder.Column, err)
	}
	f.numbers.take(seconds(t), false)
	return nil
}

// seconds since 1970.
func seconds(t time.Time) float64 { return float64(t.Unix()) + float64(t.Nanosecond())/1e9 }

func (f *dateTimeFitter) Encoder() (Encoder, error) {
	if slices.Contains(f.encoder.Parts, Instant) {
		f.encoder.Shift, f.encoder.Size = f.numbers.scale(Standard)
	}
	return f.encoder, nil
}

// A DateTimeEncoder is a DateTime that was fitted.
type DateTimeEncoder struct {
	Column  string     `json:"column" yaml:"column"`
	Layouts []string   `json:"layouts" yaml:"layouts"` // of package time, the first that fits
	Parts   []DatePart `json:"parts" yaml:"parts"`
	Shift   float64    `json:"shift" yaml:"shift"` // of an instant, in seconds
	Size    float64    `json:"size" yaml:"size"`
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *DateTimeEncoder) Validate() error {
	return errors.Join(validColumn(e.Column), validParts(e.Parts), validScales(1, []float64{e.Shift}, []float64{e.Size}))
}

// Reads names the column.
func (e *DateTimeEncoder) Reads() []string { return []string{e.Column} }

// Item is float32, two numbers a part and one for an instant.
func (e *DateTimeEncoder) Item() (dtype.DType, shape.Shape) {
	n := 2 * len(e.Parts)
	if slices.Contains(e.Parts, Instant) {
		n--
	}
	return dtype.Float32, shape.Of(n)
}

// Encode stores the parts.
func (e *DateTimeEncoder) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	t, err := timeOf(values[0], e.Layouts)
	if err != nil {
		return column(e.Column, err)
	}
	y := dst.F32()
	for _, p := range e.Parts {
		if p == Instant {
			y[0] = float32((seconds(t) - e.Shift) / e.Size)
			y = y[1:]
			continue
		}
		k, n := p.of(t)
		sin, cos := math.Sincos(2 * math.Pi * float64(k) / float64(n))
		y[0], y[1] = float32(sin), float32(cos)
		y = y[2:]
	}
	return nil
}

// of is the place of a time in a round, and the length of the round.
func (p DatePart) of(t time.Time) (k, n int) {
	switch p {
	case YearDay:
		return t.YearDay() - 1, time.Date(t.Year(), 12, 31, 0, 0, 0, 0, time.UTC).YearDay()
	case Month:
		return int(t.Month()) - 1, 12
	case Day:
		return t.Day() - 1, time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	case Weekday:
		return int(t.Weekday()), 7
	case Hour:
		return t.Hour(), 24
	}
	return t.Minute(), 60
}
