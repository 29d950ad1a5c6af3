package source

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/rng"
)

// A Split says how the rows of a table are shared out. What it draws is a
// function of its settings, the seed and the table's rows, and never changes.
type Split struct {
	// Stratify names a column of text, integers or booleans: every part has
	// its values, and missing ones, in the proportion of the whole, to within
	// two rows of each.
	Stratify string `yaml:"stratify" json:"stratify"`
	// Group names a column of the same kinds whose values keep together:
	// rows of one patient, say, all go to one part.
	Group string `yaml:"group" json:"group"`
	// InOrder cuts the table in stretches instead of drawing rows: of a
	// history the last part is the future, of a book the last pages.
	InOrder bool `yaml:"in_order" json:"in_order"`
}

// splitPath names the random stream. It never changes.
const splitPath = "data.split"

// Validate refuses settings that exclude each other.
func (s Split) Validate() error {
	n := 0
	for _, set := range []bool{s.Stratify != "", s.Group != "", s.InOrder} {
		if set {
			n++
		}
	}
	if n > 1 {
		return errors.New("split: stratify, group and in_order exclude each other, want one of them at most")
	}
	return nil
}

// Parts shares out the rows: part 0 gets what the shares leave, part k the
// share of number k-1. Rows of a part are in ascending order. The numbers of
// rows are as the shares say to within one, except with groups, which fill
// the parts as evenly as they come. A part without rows is an error.
//
//	parts, err := split.Parts(t, seed, 0.1, 0.2) // training, validation, test
func (s Split) Parts(t Table, seed uint64, shares ...float64) ([][]int, error) {
	rest := 1.0
	for _, share := range shares {
		if !(share > 0 && share < 1) {
			return nil, fmt.Errorf("split: share %v, want more than 0 and less than 1", share)
		}
		rest -= share
	}
	if rest < 1e-9 {
		return nil, fmt.Errorf("split: shares %v leave nothing, want a sum below 1", shares)
	}
	parts, err := s.share(t, seed, append([]float64{rest}, shares...))
	if err != nil {
		return nil, err
	}
	for k, part := range parts {
		if len(part) == 0 {
			return nil, fmt.Errorf("split: %d rows leave none for the share of %.3g: more rows, a larger share, or a source of its own", t.Len(), append([]float64{rest}, shares...)[k])
		}
	}
	return parts, nil
}

// Folds shares out the rows in n parts of equal size, for cross-validation: in
// round k part k is held out, and the others are trained on.
func (s Split) Folds(t Table, seed uint64, n int) ([][]int, error) {
	if n < 2 {
		return nil, fmt.Errorf("split: %d folds, want 2 or more", n)
	}
	shares := make([]float64, n)
	for k := range shares {
		shares[k] = 1 / float64(n)
	}
	parts, err := s.share(t, seed, shares)
	if err != nil {
		return nil, err
	}
	for k, part := range parts {
		if len(part) == 0 {
			return nil, fmt.Errorf("split: fold %d of %d of %d rows is empty", k+1, n, t.Len())
		}
	}
	return parts, nil
}

// share puts every row in one part. Rows are lined up, and each goes to the
// part that is furthest behind its share of those so far: so every stretch of
// the line is shared out in proportion.
func (s Split) share(t Table, seed uint64, shares []float64) ([][]int, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if len(shares) > math.MaxUint8 {
		return nil, fmt.Errorf("split: %d parts, want %d at most", len(shares), math.MaxUint8)
	}
	n := t.Len()
	part := make([]uint8, n)
	counts := make([]int, len(shares))
	if s.InOrder {
		end, sum := 0, 0.0
		for k, share := range shares {
			sum += share
			begin := end
			if end = int(math.Round(sum * float64(n))); k == len(shares)-1 {
				end = n
			}
			for i := begin; i < end; i++ {
				part[i] = uint8(k)
			}
			counts[k] = end - begin
		}
		return collect(part, counts), nil
	}
	line, ends, err := s.line(t, seed)
	if err != nil {
		return nil, err
	}
	for begin, g := 0, 0; begin < n; g++ {
		end := begin + 1
		if ends != nil {
			end = ends[g]
		}
		best, behind := 0, math.Inf(-1)
		for k, share := range shares {
			if b := share*float64(end) - float64(counts[k]); b > behind+1e-9 {
				best, behind = k, b
			}
		}
		for _, i := range line[begin:end] {
			part[i] = uint8(best)
		}
		counts[best] += end - begin
		begin = end
	}
	return collect(part, counts), nil
}

// collect lists the rows of each part.
func collect(part []uint8, counts []int) [][]int {
	parts := make([][]int, len(counts))
	for k, n := range counts {
		parts[k] = make([]int, 0, n)
	}
	for i, k := range part {
		parts[k] = append(parts[k], i)
	}
	return parts
}

// line lines up the rows in random order. Those of a class stand together;
// with groups so do those of a group, and ends tells where each ends.
func (s Split) line(t Table, seed uint64) (line, ends []int, err error) {
	perm := rng.NewStream(seed, splitPath, 0).Perm(t.Len())
	name := s.Stratify + s.Group
	if name == "" {
		return perm, nil, nil
	}
	columns, err := Index(t.Columns(), name)
	if err != nil {
		return nil, nil, fmt.Errorf("split: %w", err)
	}
	if k := t.Columns()[columns[0]].Kind; k != Text && k != Integer && k != Boolean {
		return nil, nil, fmt.Errorf("split: column %s is %v, want text, integer or boolean", name, k)
	}
	classes := map[any]int{}
	class := make([]int, len(perm)) // of each row
	var value [1]any
	for i := range class { // in the file's order, which is quicker
		if err := t.Read(value[:], i, columns); err != nil {
			return nil, nil, err
		}
		if value[0] == nil && s.Group != "" {
			return nil, nil, fmt.Errorf("%s: column %s has no value, and rows are grouped by it", t.Where(i), name)
		}
		k, seen := classes[value[0]]
		if !seen {
			k = len(classes)
			classes[value[0]] = k
		}
		class[i] = k
	}
	members := make([][]int, len(classes))
	var order []int // of the classes, as the rows drawn first have them
	for _, i := range perm {
		k := class[i]
		if members[k] == nil {
			order = append(order, k)
		}
		members[k] = append(members[k], i)
	}
	for _, k := range order {
		line = append(line, members[k]...)
		if s.Group != "" {
			ends = append(ends, len(line))
		}
	}
	return line, ends, nil
}
