package check

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/data/stream"
	"github.com/gradus-ml/gradus/recipe"
)

// shownProblems are kept in a report.
const shownProblems = 20

// A Look is an open recipe that was looked through. Close frees its files.
type Look struct {
	Report *Report
	Set    *feature.Set
	Tables *recipe.Tables

	seed    uint64
	good    []int     // some training rows that can be used, evenly spread
	samples []sample  // numbers of the training split, of each column that is taken as such
	lengths []lengths // of the texts of the training split
}

// Data looks through the data of a recipe. Rows that can't be used are told to
// each, as they are found; an error of each ends the look. Memory holds 32
// bytes a row, to find equal ones, and no more than a few rows at a time.
//
// An error is what keeps the data from being read at all: files that are not
// there, columns that are missing, a feature with nothing to learn from.
func Data(ctx context.Context, r recipe.Recipe, files source.Files, each func(Problem) error) (l *Look, err error) {
	l = &Look{Report: &Report{Name: r.Name}, seed: r.Seed}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if l.Tables, err = r.Data.Open(ctx, files, r.Seed); err != nil {
		return l, err
	}
	c := &checker{Look: l, each: each, refused: map[int]error{}}
	_, streamed := l.Tables.Train.(*stream.ScanTable)
	l.Set, err = feature.FitRest(ctx, r.Data.Inputs, r.Data.Targets, r.Data.Weight, l.Tables.Train, func(row int, unread bool, err error) bool {
		if c.refused[row] == nil {
			c.refused[row] = err
		}
		return !(unread && streamed) // a stream ends where it breaks
	})
	if err != nil {
		return l, fmt.Errorf("data: %w", c.explain(err))
	}
	all := []struct {
		name  string
		table source.Table
	}{{"train", l.Tables.Train}, {"validation", l.Tables.Validation}, {"test", l.Tables.Test}}
	n := 0
	for _, p := range all {
		if p.table != nil && !l.Set.Packs() {
			n += p.table.Len()
		}
	}
	c.entries = make([]entry, 0, n)
	for _, p := range all {
		if p.table == nil {
			continue
		}
		if err := c.split(ctx, p.name, p.table); err != nil {
			return l, fmt.Errorf("data.%s: %w", p.name, err)
		}
	}
	if err := c.duplicates(); err != nil {
		return l, err
	}
	c.notes()
	return l, nil
}

// Close frees the files.
func (l *Look) Close() error {
	if l.Tables == nil {
		return nil
	}
	return l.Tables.Close()
}

// A checker is at work.
type checker struct {
	*Look
	each    func(Problem) error
	refused map[int]error // training rows that could not be learnt from
	entries []entry       // of all rows that can be used
	tables  []source.Table
}

// explain adds to what keeps a feature from being fitted the first row that it
// refused.
func (c *checker) explain(err error) error {
	first := -1
	for row := range c.refused {
		if first < 0 || row < first {
			first = row
		}
	}
	if first < 0 {
		return err
	}
	return fmt.Errorf("%w; %s of train %s wrong, the first: %s: %w", err, rows(len(c.refused)), are(len(c.refused)), c.Tables.Train.Where(first), c.refused[first])
}

// wave is the rows of a worker that are in memory at a time.
const wave = 16

// split goes through a split: rows are read one after another, looked at by all
// processors, and summed up in their order.
func (c *checker) split(ctx context.Context, name string, table source.Table) error {
	_, streamed := table.(*stream.ScanTable)
	st, err := newStats(c.Set, name, table)
	if err != nil {
		return err
	}
	c.tables = append(c.tables, table)
	examiners := make([]*examiner, runtime.GOMAXPROCS(0))
	for w := range examiners {
		examiners[w] = st.examiner()
	}
	rows := make([]row, wave*len(examiners))
	columns := make([]int, len(table.Columns()))
	for k := range columns {
		columns[k] = k
	}
	for begin := 0; begin < table.Len(); begin += len(rows) {
		if err := ctx.Err(); err != nil {
			return err
		}
		some := rows[:min(len(rows), table.Len()-begin)]
		broken := false
		for k := range some {
			r := &some[k]
			if len(r.values) == 0 {
				r.values = make([]any, len(columns))
			}
			r.where = ""
			if r.err = table.Read(r.values, begin+k, columns); !streamed {
				continue
			}
			if r.err != nil {
				some, broken = some[:k+1], true // a stream ends where it breaks
				break
			}
			r.where = table.Where(begin + k) // to come back here is a pass of its own
		}
		var wg sync.WaitGroup
		for w, e := range examiners {
			wg.Go(func() {
				for k := w; k < len(some); k += len(examiners) {
					e.look(&some[k])
				}
			})
		}
		wg.Wait()
		for k := range some {
			if err := c.absorb(st, &some[k], begin+k); err != nil {
				return err
			}
		}
		if broken {
			break
		}
	}
	c.Report.Splits = append(c.Report.Splits, st.sum())
	c.Report.Notes = append(c.Report.Notes, st.notes...)
	if name == "train" {
		c.good, c.samples, c.lengths = st.good.values, st.samples(), st.lengths
	}
	return nil
}

// absorb takes a row that was looked at.
func (c *checker) absorb(st *stats, r *row, i int) error {
	wrong := r.wrong
	if r.err != nil {
		wrong = []error{r.err}
	} else if len(wrong) == 0 && st.split.Name == "train" && c.refused[i] != nil {
		wrong = []error{c.refused[i]}
	}
	if len(wrong) > 0 {
		p := Problem{Split: st.split.Name, Where: r.where, Error: errors.Join(wrong...).Error()}
		if r.err == nil && p.Where == "" { // a reader's error names the place
			p.Where = st.table.Where(i)
		}
		c.Report.Problems++
		if len(c.Report.First) < shownProblems {
			c.Report.First = append(c.Report.First, p)
		}
		st.split.Wrong++
		if err := c.each(p); err != nil {
			return err
		}
	}
	if r.err == nil {
		st.add(r, i)
	}
	if len(wrong) == 0 {
		st.good.add(i)
		if !c.Set.Packs() {
			c.entries = append(c.entries, entry{r.hash, r.answer, uint8(len(c.tables) - 1), int32(i)})
		}
	}
	return nil
}
