package source

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// people makes rows with a class of four (one of them missing), whose sizes
// are very different, and a group.
func people(t *testing.T, n int) Table {
	t.Helper()
	var rows [][]any
	for i := range n {
		var class any = "common"
		switch {
		case i%50 == 0:
			class = "rare"
		case i%7 == 0:
			class = "some"
		case i%31 == 0:
			class = nil
		}
		rows = append(rows, []any{class, int64(i * i % 97), float64(i)})
	}
	table, err := Rows("people", []Column{{"class", Text}, {"patient", Integer}, {"x", Number}}, rows...)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// checkParts checks that parts hold every row once, in ascending order, and
// tells their sizes.
func checkParts(t *testing.T, parts [][]int, rows int) []int {
	t.Helper()
	var sizes, union []int
	for _, part := range parts {
		if !slices.IsSorted(part) {
			t.Error("a part is not in order")
		}
		sizes = append(sizes, len(part))
		union = append(union, part...)
	}
	slices.Sort(union)
	for i, row := range union {
		if i != row {
			t.Fatalf("row %d is in no part, or in two", i)
		}
	}
	if len(union) != rows {
		t.Fatalf("%d rows in all parts, want %d", len(union), rows)
	}
	return sizes
}

// What is drawn never changes: a run is resumed and compared by it.
func TestSplitIsFixed(t *testing.T) {
	table := people(t, 60)
	for _, c := range []struct {
		split Split
		want  string
	}{
		{Split{}, "[[1 5 13 36 45 56] [8 10 52]]"},
		{Split{Stratify: "class"}, "[[9 10 19 25 45 56] [33 51 52]]"},
		{Split{Group: "patient"}, "[[2 5 6 13 16 36] [10 21 33]]"},
		{Split{InOrder: true}, "[[51 52 53 54 55 56] [57 58 59]]"},
	} {
		parts, err := c.split.Parts(table, 7, 0.1, 0.05)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(parts[1:]); got != c.want {
			t.Errorf("%+v: %s, want %s", c.split, got, c.want)
		}
	}
}

func TestSplitSizes(t *testing.T) {
	for _, n := range []int{10, 11, 99, 1000, 12345} {
		table := people(t, n)
		for _, split := range []Split{{}, {Stratify: "class"}, {InOrder: true}} {
			parts, err := split.Parts(table, 1, 0.2, 0.1)
			if err != nil {
				t.Fatal(err)
			}
			for k, size := range checkParts(t, parts, n) {
				if want := []float64{0.7, 0.2, 0.1}[k] * float64(n); math.Abs(float64(size)-want) > 1+1e-9 {
					t.Errorf("%+v of %d rows: part %d has %d, want %v", split, n, k, size, want)
				}
			}
			other, _ := split.Parts(table, 2, 0.2, 0.1)
			if n > 20 && !split.InOrder && reflect.DeepEqual(parts, other) {
				t.Errorf("%+v: another seed draws the same", split)
			}
		}
	}
}

func TestSplitStratify(t *testing.T) {
	table := people(t, 5000)
	count := func(rows []int) map[any]float64 {
		n := map[any]float64{}
		for _, i := range rows {
			var v [1]any
			table.Read(v[:], i, []int{0})
			n[v[0]]++
		}
		return n
	}
	parts, err := Split{Stratify: "class"}.Parts(table, 3, 0.15, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	folds, err := Split{Stratify: "class"}.Folds(table, 3, 7)
	if err != nil {
		t.Fatal(err)
	}
	whole := count(slices.Concat(parts...))
	for k, part := range append(parts, folds...) {
		share := 1.0 / 7
		if k < 3 {
			share = []float64{0.8, 0.15, 0.05}[k]
		}
		for class, n := range count(part) {
			if math.Abs(n-share*whole[class]) > 2 {
				t.Errorf("part %d has %v of class %v, want %v", k, n, class, share*whole[class])
			}
		}
	}
}

func TestSplitGroup(t *testing.T) {
	table := people(t, 5000)
	parts, err := Split{Group: "patient"}.Parts(table, 3, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	folds, err := Split{Group: "patient"}.Folds(table, 3, 5)
	if err != nil {
		t.Fatal(err)
	}
	for _, parts := range [][][]int{parts, folds} {
		home := map[any]int{}
		for k, part := range parts {
			if size := float64(len(part)) / 5000; k > 0 && math.Abs(size-0.2) > 0.03 {
				t.Errorf("part %d has %v of the rows", k, size)
			}
			for _, i := range part {
				var v [1]any
				table.Read(v[:], i, []int{1})
				if was, seen := home[v[0]]; seen && was != k {
					t.Fatalf("group %v is in parts %d and %d", v[0], was, k)
				}
				home[v[0]] = k
			}
		}
		checkParts(t, parts, 5000)
	}
}

func TestSplitErrors(t *testing.T) {
	table := people(t, 40)
	_, err := Split{Stratify: "class", Group: "patient"}.Parts(table, 1, 0.5)
	for _, c := range []struct {
		err  error
		want string
	}{
		{err, "exclude each other"},
		{second(Split{}.Parts(table, 1, 0)), "share 0, want more than 0 and less than 1"},
		{second(Split{}.Parts(table, 1, math.NaN())), "share NaN"},
		{second(Split{}.Parts(table, 1, 0.5, 0.5)), "shares [0.5 0.5] leave nothing"},
		{second(Split{}.Parts(table, 1, 0.01)), "40 rows leave none for the share of 0.01"},
		{second(Split{Stratify: "clas"}.Parts(table, 1, 0.5)), `split: no column "clas"; there are class, patient, x`},
		{second(Split{Stratify: "x"}.Parts(table, 1, 0.5)), "column x is number, want text, integer or boolean"},
		{second(Split{Group: "class"}.Parts(table, 1, 0.5)), "people: row 31: column class has no value"},
		{second(Split{}.Folds(table, 1, 1)), "1 folds, want 2 or more"},
		{second(Split{}.Folds(table, 1, 41)), "fold 41 of 41 of 40 rows is empty"},
		{second(Split{}.Folds(table, 1, 300)), "300 parts, want 255 at most"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v, want %s", c.err, c.want)
		}
	}
}

func second(_ [][]int, err error) error { return err }
