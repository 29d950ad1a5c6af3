package check

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An entry is a row that can be used.
type entry struct {
	hash   [16]byte // of its inputs
	answer uint64   // hash of its targets
	split  uint8
	row    int32
}

const (
	keptGroups = 1000
	keptPlaces = 10
)

// duplicates finds rows with equal inputs.
func (c *checker) duplicates() error {
	slices.SortFunc(c.entries, func(a, b entry) int {
		return cmp.Or(bytes.Compare(a.hash[:], b.hash[:]), cmp.Compare(a.split, b.split), cmp.Compare(a.row, b.row))
	})
	splits := c.Report.Splits
	d := &c.Report.Duplicates
	shared := map[[2]uint8]int{}
	var groups [][]entry
	for rest := c.entries; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].hash == rest[0].hash {
			n++
		}
		group := rest[:n]
		rest = rest[n:]
		if n == 1 {
			continue
		}
		d.Count++
		groups = append(groups, group)
		var rows [3]int
		for _, e := range group {
			rows[e.split]++
		}
		for s := range splits {
			splits[s].Repeated += max(0, rows[s]-1)
			for other := range s {
				if rows[other] > 0 {
					shared[[2]uint8{uint8(s), uint8(other)}] += rows[s]
				}
			}
		}
		if differs(group) {
			d.Differ++
		}
	}
	for s := range splits {
		for other := range s {
			if n := shared[[2]uint8{uint8(s), uint8(other)}]; n > 0 {
				d.Shared = append(d.Shared, Shared{splits[s].Name, splits[other].Name, n})
			}
		}
	}
	// Those across splits come first, then those that contradict each other.
	rank := func(g []entry) int {
		switch {
		case g[0].split != g[len(g)-1].split:
			return 0
		case differs(g):
			return 1
		}
		return 2
	}
	slices.SortFunc(groups, func(a, b []entry) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a[0].split, b[0].split), cmp.Compare(a[0].row, b[0].row))
	})
	for _, group := range groups[:min(len(groups), keptGroups)] {
		g := Group{Rows: len(group), Differs: differs(group)}
		for _, e := range places(group) {
			g.Places = append(g.Places, Place{splits[e.split].Name, c.tables[e.split].Where(int(e.row))})
		}
		d.Groups = append(d.Groups, g)
	}
	c.entries = nil
	return nil
}

// places are the rows of a group that are named: the first ones, and the first
// of each split.
func places(group []entry) []entry {
	var some []entry
	for i, e := range group {
		if i < keptPlaces || e.split != group[i-1].split {
			some = append(some, e)
		}
	}
	return some
}

func differs(group []entry) bool {
	for _, e := range group {
		if e.answer != group[0].answer {
			return true
		}
	}
	return false
}

// notes says what is no mistake and may be one.
func (c *checker) notes() {
	r := c.Report
	note := func(format string, args ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, args...)) }
	for _, s := range r.Duplicates.Shared {
		note("%s of %s %s in %s too: what is measured on %s is better than the truth", rows(s.Rows), s.Split, are(s.Rows), s.Other, s.Split)
	}
	if n := r.Duplicates.Differ; n > 0 {
		note("%s with equal inputs and different targets: see duplicates", groups(n))
	}
	for _, s := range r.Splits {
		for _, t := range s.Targets {
			var without []string
			for k, n := range t.Counts {
				if n == 0 {
					without = append(without, t.Classes[k])
				}
			}
			if n := len(without); n > 0 {
				list := strings.Join(without[:min(n, 5)], ", ")
				if n > 5 {
					list += fmt.Sprintf(" and %d more", n-5)
				}
				note("%s has no rows of class %s", s.Name, list)
			}
		}
		for _, c := range s.Columns {
			if s.Name == "train" && len(c.Used) > 0 && s.Rows > 1 && c.constant(s.Rows) {
				note("column %s has one value in all rows of %s: nothing can be learnt from it", c.Name, s.Name)
			}
		}
		for _, t := range s.Texts {
			if share := float64(t.Cut) / float64(max(s.Rows, 1)); share > 0.05 {
				note("%.0f %% of the texts of %s are longer than the %d tokens that the model sees", 100*share, s.Name, t.Limit)
			}
		}
	}
}

// constant tells whether all rows have one value.
func (c Column) constant(rows int) bool {
	switch {
	case c.Missing > 0:
		return false
	case c.Numbers != nil && c.Numbers.Count == rows:
		return c.Numbers.Min == c.Numbers.Max
	}
	return c.Distinct == 1 && !c.More
}

func groups(n int) string {
	if n == 1 {
		return "1 group of rows"
	}
	return fmt.Sprintf("%d groups of rows", n)
}

func rows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
