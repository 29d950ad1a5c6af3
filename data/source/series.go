package source

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Series makes rows of a series: those of another source are its steps, in
// their order, and a row is a stretch of History steps and the Horizon steps
// that follow. Its columns are history, an array f64[History C] of the C
// columns that are named, and future, an array f64[Horizon F] of the columns
// whose future is wanted, if Horizon is not 0. All other columns stay, with their value at the last step of history.
//
// A step without one of the numbers is an error. The numbers lie in memory, 8
// bytes each.
//
// Stretches overlap. Parts of one table should be cut in order; the last
// futures of one part then are the first steps of the next.
type Series struct {
	// Source has the steps.
	Source Config `yaml:"source" json:"source"`
	// Columns names columns of numbers.
	Columns []string `yaml:"columns,one" json:"columns"`
	// Future names those of Columns whose future is wanted. Without it all
	// are.
	Future []string `yaml:"future,one" json:"future"`
	// Group names a column; where its value changes another series begins,
	// and no stretch goes across. Empty for one series.
	Group string `yaml:"group" json:"group"`
	// History and Horizon are numbers of steps.
	History int `yaml:"history" json:"history"`
	Horizon int `yaml:"horizon" json:"horizon"`
	// Stride is the number of steps from the beginning of a stretch to the
	// next.
	Stride int `yaml:"stride" json:"stride"`
}

// DefaultSeries predicts one step from 24.
func DefaultSeries() Series { return Series{History: 24, Horizon: 1, Stride: 1} }

// names of the columns that a Series makes.
const (
	historyColumn = "history"
	futureColumn  = "future"
)

// maxSteps bounds a stretch.
const maxSteps = 1 << 24

// Validate tells all that is wrong with the settings.
func (c Series) Validate() error {
	var errs []error
	if c.Source == nil {
		errs = append(errs, errors.New("series: source: one is needed"))
	} else {
		errs = append(errs, c.Source.Validate())
	}
	if len(c.Columns) == 0 {
		errs = append(errs, errors.New("series: columns: at least one is needed"))
	}
	errs = append(errs, uniqueNames("series: columns", c.Columns))
	errs = append(errs, uniqueNames("series: future", c.Future))
	for _, name := range c.Future {
		if !slices.Contains(c.Columns, name) {
			errs = append(errs, fmt.Errorf("series: future: %s is not one of columns", name))
		}
	}
	if c.History < 1 || c.History > maxSteps {
		errs = append(errs, fmt.Errorf("series: history %d, want 1 to %d steps", c.History, maxSteps))
	}
	if c.Horizon < 0 || c.Horizon > maxSteps {
		errs = append(errs, fmt.Errorf("series: horizon %d, want 0 to %d steps", c.Horizon, maxSteps))
	}
	if c.Stride < 1 {
		errs = append(errs, fmt.Errorf("series: stride %d, want at least 1", c.Stride))
	}
	return errors.Join(errs...)
}

// Open reads the numbers of all steps.
func (c Series) Open(ctx context.Context, files Files) (Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	steps, err := c.Source.Open(ctx, files)
	if err != nil {
		return nil, err
	}
	t, err := c.table(ctx, steps)
	if err != nil {
		return nil, errors.Join(err, steps.Close())
	}
	return t, nil
}

// Stream reads stretches in their order, from a table that is opened for it.
func (c Series) Stream(ctx context.Context, files Files) (Stream, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return Reopened(ctx, c, files)
}

// table finds the stretches.
func (c Series) table(ctx context.Context, steps Table) (*seriesTable, error) {
	names := c.Columns
	if c.Group != "" {
		names = append(slices.Clone(names), c.Group)
	}
	read, err := Index(steps.Columns(), names...)
	if err != nil {
		return nil, fmt.Errorf("series: %w", err)
	}
	t := &seriesTable{cfg: c, steps: steps}
	for k := range c.Columns {
		t.all = append(t.all, k)
		if len(c.Future) == 0 {
			t.future = append(t.future, k)
		}
	}
	for _, name := range c.Future {
		t.future = append(t.future, slices.Index(c.Columns, name))
	}
	for i, col := range steps.Columns() {
		if slices.Contains(c.Columns, col.Name) {
			if col.Kind != Number && col.Kind != Integer && col.Kind != Boolean {
				return nil, fmt.Errorf("series: column %s holds %v, want numbers", col.Name, col.Kind)
			}
			continue
		}
		if col.Name == historyColumn || col.Name == futureColumn {
			return nil, fmt.Errorf("series: the source has a column %s already", col.Name)
		}
		t.columns, t.kept = append(t.columns, col), append(t.kept, i)
	}
	t.columns = append(t.columns, Column{historyColumn, Array})
	if c.Horizon > 0 {
		t.columns = append(t.columns, Column{futureColumn, Array})
	}
	values := make([]any, len(read))
	var group any
	first := 0 // step of the series
	for i := range steps.Len() {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := steps.Read(values, i, read); err != nil {
			return nil, err
		}
		for k, name := range c.Columns {
			x, ok := float(values[k])
			if !ok {
				return nil, fmt.Errorf("%s: column %s: no number; a series wants one for every step", steps.Where(i), name)
			}
			t.numbers = append(t.numbers, x)
		}
		if c.Group != "" && (i == 0 || values[len(c.Columns)] != group) {
			group, first = values[len(c.Columns)], i
		}
		if start := i + 1 - c.History - c.Horizon; start >= first && (start-first)%c.Stride == 0 {
			t.starts = append(t.starts, start)
		}
	}
	if len(t.starts) == 0 {
		return nil, fmt.Errorf("series: %d steps give no stretch of %d and the %d that follow", steps.Len(), c.History, c.Horizon)
	}
	return t, nil
}

// float is a value of a kind that holds numbers.
func float(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, v == v
	case int64:
		return float64(v), true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

type seriesTable struct {
	cfg     Series
	steps   Table
	columns []Column  // those that are kept, then history and future
	kept    []int     // columns of steps
	numbers []float64 // [steps C]
	starts  []int     // first steps of the stretches
	all     []int     // numbers of the columns of history
	future  []int     // and of future
}

func (t *seriesTable) Columns() []Column { return t.columns }
func (t *seriesTable) Len() int          { return len(t.starts) }
func (t *seriesTable) Close() error      { return t.steps.Close() }

// Where is the place of the last step of history.
func (t *seriesTable) Where(i int) string { return t.steps.Where(t.starts[i] + t.cfg.History - 1) }

func (t *seriesTable) Read(dst []any, i int, columns []int) error {
	now := t.starts[i] + t.cfg.History
	for k, c := range columns {
		switch c - len(t.kept) {
		case 0:
			dst[k] = t.part(t.starts[i], now, t.all)
		case 1:
			dst[k] = t.part(now, now+t.cfg.Horizon, t.future)
		default:
			if err := t.steps.Read(dst[k:k+1], now-1, t.kept[c:c+1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// part is a copy of some columns' numbers of steps lo to hi.
func (t *seriesTable) part(lo, hi int, columns []int) *tensor.Tensor {
	x := tensor.New(dtype.Float64, shape.Of(hi-lo, len(columns)))
	y := tensor.Data[float64](x)
	for i := range y {
		y[i] = t.numbers[(lo+i/len(columns))*len(t.cfg.Columns)+columns[i%len(columns)]]
	}
	return x
}
