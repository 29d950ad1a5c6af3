package feature

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Scale is how numbers of a column are brought to a common size.
type Scale string

// The scales: y = (x - shift) / size, with shift and size of the training rows.
// A size of 0, of a column that is all one number, is taken as 1.
const (
	Unscaled Scale = "none"
	Standard Scale = "standard" // mean, and the deviation of the whole (divided by n)
	MinMax   Scale = "minmax"   // least, and greatest minus least
	Robust   Scale = "robust"   // median, and distance of the quartiles
)

// A Missing says what becomes of a number that a row lacks.
type Missing string

// The ways.
const (
	MissingError Missing = "error"
	MissingMean  Missing = "mean" // that of the training rows
	MissingZero  Missing = "zero"
)

// A Binning turns a number into the bin that it lies in.
type Binning struct {
	Count int    `json:"count" yaml:"count"` // of bins
	By    string `json:"by" yaml:"by"`       // "quantile": as many training rows in each; "width": all equally wide
}

// Numeric is a feature of numbers: float32 [n] for n columns.
//
// Each number x becomes log(1+|x|) with the sign of x if Log is set, and is then
// scaled. With Bins it becomes a one-hot vector of its bin instead, so that the
// feature has n*Count numbers; with Indicator n more follow, 1 where a number is
// missing. Everything is computed in float64 and rounded once.
//
// Sums over the training rows are exact, and medians and quantiles are of all
// of them, 8 bytes of memory each: the order of rows has no influence.
type Numeric struct {
	Columns   []string `json:"columns" yaml:"columns"`     // of numbers
	Scale     Scale    `json:"scale" yaml:"scale"`         // how columns are brought to a common size
	Log       bool     `json:"log" yaml:"log"`             // log(1+|x|) with the sign of x, before it is scaled
	Missing   Missing  `json:"missing" yaml:"missing"`     // what becomes of a number that a row lacks
	Indicator bool     `json:"indicator" yaml:"indicator"` // add a 1 for each number that is missing, 0 for others
	Bins      *Binning `json:"bins" yaml:"bins"`           // one-hot bins instead of numbers
}

// DefaultNumeric standardises, and refuses rows with missing numbers.
func DefaultNumeric() Numeric { return Numeric{Scale: Standard, Missing: MissingError} }

// Validate tells all that is wrong with the settings.
func (c Numeric) Validate() error {
	errs := []error{validColumns(c.Columns), validScale(c.Scale), validMissing(c.Missing)}
	if c.Indicator && c.Missing == MissingError {
		errs = append(errs, errors.New("indicator: no number is missing where missing is error; set missing to mean or zero"))
	}
	if b := c.Bins; b != nil {
		if b.Count < 2 || b.Count > 1<<16 {
			errs = append(errs, fmt.Errorf("bins.count: %d is not in 2..65536", b.Count))
		}
		if b.By != "quantile" && b.By != "width" {
			errs = append(errs, fmt.Errorf("bins.by: %q is not quantile or width", b.By))
		}
		if c.Scale != Unscaled {
			errs = append(errs, errors.New("scale: bins are of numbers as they are; set scale to none"))
		}
	}
	return errors.Join(errs...)
}

func validScale(s Scale) error {
	if !slices.Contains(s.Values(), string(s)) {
		return fmt.Errorf("scale: %q is not none, standard, minmax or robust", s)
	}
	return nil
}

// validScales wants a shift and a size, which is not 0, for each of n numbers.
func validScales(n int, shift, size []float64) error {
	if len(shift) != n || len(size) != n {
		return fmt.Errorf("%d shifts and %d sizes for %d numbers", len(shift), len(size), n)
	}
	if slices.Contains(size, 0) {
		return errors.New("size: a number can't be divided by 0")
	}
	return nil
}

func validMissing(m Missing) error {
	switch m {
	case MissingError, MissingMean, MissingZero:
		return nil
	}
	return fmt.Errorf("missing: %q is not error, mean or zero", m)
}

// validColumns wants at least one name, none twice.
func validColumns(names []string) error {
	if len(names) == 0 {
		return errors.New("columns: at least one is needed")
	}
	for i, n := range names {
		if n == "" {
			return errors.New("columns: a name is empty")
		}
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("columns: %s is there twice", n)
		}
	}
	return nil
}

// Reads names the columns.
func (c Numeric) Reads() []string { return c.Columns }

// Fitter begins to learn.
func (c Numeric) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantNumbers(columns); err != nil {
		return nil, err
	}
	return &numericFitter{c, make([]numbers, len(columns))}, nil
}

// wantNumbers refuses columns that hold files or arrays.
func wantNumbers(columns []source.Column) error {
	var errs []error
	for _, col := range columns {
		errs = append(errs, wantKind(col, "numbers", source.Number, source.Integer, source.Boolean, source.Text))
	}
	return errors.Join(errs...)
}

// numbers are those of one column.
type numbers struct {
	moments
	all []float64 // where quantiles are wanted
}

// quantile is the number that a share q of all numbers, which are sorted, lies
// below, interpolated as NumPy does by default.
func (n *numbers) quantile(q float64) float64 {
	at := q * float64(len(n.all)-1)
	i := int(at)
	lo, hi := n.all[i], n.all[min(i+1, len(n.all)-1)]
	return lo + float64((hi-lo)*(at-float64(i))) // rounded, so that no machine fuses it
}

// scale returns shift and size.
func (n *numbers) scale(s Scale) (shift, size float64) {
	switch s {
	case Standard:
		shift, size = n.mean(), n.deviation()
	case MinMax:
		shift, size = n.min, n.max-n.min
	case Robust:
		shift, size = n.quantile(0.5), n.quantile(0.75)-n.quantile(0.25)
	}
	if size == 0 {
		size = 1
	}
	return shift, size
}

// edges are the inner limits of the bins, those that are equal once.
func (n *numbers) edges(b *Binning) []float64 {
	var edges []float64
	for i := 1; i < b.Count; i++ {
		q := float64(i) / float64(b.Count)
		e := n.min + float64((n.max-n.min)*q)
		if b.By == "quantile" {
			e = n.quantile(q)
		}
		if len(edges) == 0 || e > edges[len(edges)-1] {
			edges = append(edges, e)
		}
	}
	return edges
}

type numericFitter struct {
	cfg     Numeric
	columns []numbers
}

func (f *numericFitter) Add(values []any) error {
	var errs []error
	for i, v := range values {
		x, missing, err := number(v)
		switch {
		case err != nil:
		case missing && f.cfg.Missing == MissingError:
			err = errMissing
		case !missing:
			f.columns[i].take(logOf(x, f.cfg.Log), f.cfg.Scale == Robust || f.cfg.Bins != nil)
			continue
		}
		if err != nil {
			errs = append(errs, column(f.cfg.Columns[i], err))
		}
	}
	return errors.Join(errs...)
}

func (n *numbers) take(x float64, keep bool) {
	n.moments.add(x)
	if keep {
		n.all = append(n.all, x)
	}
}

var errMissing = errors.New("no value; set missing to mean or zero, or leave such rows out")

// logOf is log(1+|x|) with the sign of x, or x.
func logOf(x float64, on bool) float64 {
	if !on {
		return x
	}
	return math.Copysign(math.Log1p(math.Abs(x)), x)
}

// unscale is the number that was scaled to y.
func unscale(y, shift, size float64, log bool) float64 {
	x := float64(y*size) + shift
	if log {
		x = math.Copysign(math.Expm1(math.Abs(x)), x)
	}
	return x
}

func (f *numericFitter) Encoder() (Encoder, error) {
	e := &NumericEncoder{Columns: f.cfg.Columns, Log: f.cfg.Log, Missing: f.cfg.Missing, Indicator: f.cfg.Indicator}
	var errs []error
	for i := range f.columns {
		n := &f.columns[i]
		if n.n == 0 {
			errs = append(errs, column(f.cfg.Columns[i], errors.New("no row has a value")))
			continue
		}
		slices.Sort(n.all)
		shift, size := n.scale(f.cfg.Scale)
		e.Shift, e.Size = append(e.Shift, shift), append(e.Size, size)
		fill := 0.0
		if f.cfg.Missing == MissingMean {
			fill = n.mean()
		}
		e.Fill = append(e.Fill, fill)
		if f.cfg.Bins != nil {
			e.Edges = append(e.Edges, n.edges(f.cfg.Bins))
		}
	}
	return e, errors.Join(errs...)
}

// A NumericEncoder is a Numeric that was fitted.
type NumericEncoder struct {
	Columns   []string    `json:"columns" yaml:"columns"`
	Log       bool        `json:"log" yaml:"log"`
	Missing   Missing     `json:"missing" yaml:"missing"`
	Indicator bool        `json:"indicator" yaml:"indicator"`
	Shift     []float64   `json:"shift" yaml:"shift"` // of each column
	Size      []float64   `json:"size" yaml:"size"`
	Fill      []float64   `json:"fill" yaml:"fill"`   // what stands for a missing number, after Log and before it is scaled
	Edges     [][]float64 `json:"edges" yaml:"edges"` // rising limits between bins; the bin of x is the number of limits below it; empty without bins
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *NumericEncoder) Validate() error {
	n := len(e.Columns)
	errs := []error{validColumns(e.Columns), validMissing(e.Missing), validScales(n, e.Shift, e.Size)}
	if len(e.Fill) != n || len(e.Edges) != 0 && len(e.Edges) != n {
		errs = append(errs, fmt.Errorf("%d columns with %d fills and %d lists of edges", n, len(e.Fill), len(e.Edges)))
	}
	for _, edges := range e.Edges {
		if !slices.IsSorted(edges) {
			errs = append(errs, errors.New("edges: limits of bins must rise"))
		}
	}
	return errors.Join(errs...)
}

// Reads names the columns.
func (e *NumericEncoder) Reads() []string { return e.Columns }

// Item is float32 [n].
func (e *NumericEncoder) Item() (dtype.DType, shape.Shape) {
	n := len(e.Columns)
	width := n
	if len(e.Edges) > 0 {
		width = 0
		for _, edges := range e.Edges {
			width += len(edges) + 1
		}
	}
	if e.Indicator {
		width += n
	}
	return dtype.Float32, shape.Of(width)
}

// Encode fills dst.
func (e *NumericEncoder) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	y := dst.F32()
	indicator := y[len(y)-len(e.Columns):]
	at := 0
	for i, v := range values {
		x, missing, err := number(v)
		if missing && e.Missing == MissingError {
			err = errMissing
		}
		if err != nil {
			return column(e.Columns[i], err)
		}
		if e.Indicator {
			indicator[i] = 0
			if missing {
				indicator[i] = 1
			}
		}
		if missing {
			x = e.Fill[i]
		} else {
			x = logOf(x, e.Log)
		}
		if len(e.Edges) == 0 {
			y[i] = float32((x - e.Shift[i]) / e.Size[i])
			continue
		}
		bins := y[at : at+len(e.Edges[i])+1]
		clear(bins)
		bins[sort.SearchFloat64s(e.Edges[i], x)] = 1
		at += len(bins)
	}
	return nil
}
