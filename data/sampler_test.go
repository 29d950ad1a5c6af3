package data

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestWeighted(t *testing.T) {
	weights := []float64{1, 0, 3, 6}
	s, err := Weighted(weights, 100000, 3)
	if err != nil {
		t.Fatal(err)
	}
	order := make([]int, s.Len())
	s.Order(order, 2)
	count := make([]float64, 4)
	for _, i := range order {
		count[i]++
	}
	for i, w := range weights {
		p := w / 10
		if d := math.Abs(count[i] - 1e5*p); d > 5*math.Sqrt(1e5*p*(1-p)) {
			t.Errorf("item %d: %v draws of 100000, want %v", i, count[i], 1e5*p)
		}
	}
	// Pinned: changing the draws would change every recorded run.
	if want := []int{3, 3, 2, 0, 3, 3, 3, 0, 3, 3}; !slices.Equal(order[:10], want) {
		t.Errorf("draws begin %v, want %v", order[:10], want)
	}
	again := make([]int, s.Len())
	s.Order(again, 2)
	if !slices.Equal(order, again) {
		t.Error("one epoch has two orders")
	}
	s.Order(again, 3)
	if slices.Equal(order, again) {
		t.Error("two epochs have one order")
	}
}

func TestBalanced(t *testing.T) {
	classes := make([]int, 1000)
	for i := range classes {
		if i%50 == 0 {
			classes[i] = 1 + i/500
		}
	}
	s, err := Balanced(classes, 30000, 1)
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewSampledLoader(numbered(1000), s, LoaderConfig{Batch: 100})
	if err != nil {
		t.Fatal(err)
	}
	count := make([]float64, 3)
	for _, i := range read(t, l, 0, 0) {
		count[classes[i]]++
	}
	for c, n := range count {
		if math.Abs(n-10000) > 5*math.Sqrt(30000*2./9) {
			t.Errorf("class %d: %v of 30000 draws", c, n)
		}
	}
}

func TestWeightedMistakes(t *testing.T) {
	for _, c := range []struct {
		weights []float64
		n       int
		want    string
	}{
		{nil, 1, "0 weights with sum 0"},
		{[]float64{0, 0}, 1, "2 weights with sum 0"},
		{[]float64{1, -1}, 1, "weight 1 is -1"},
		{[]float64{math.NaN()}, 1, "weight 0 is NaN"},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, 1, "sum +Inf"},
		{[]float64{1}, 0, "0 items an epoch"},
	} {
		if _, err := Weighted(c.weights, c.n, 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	s, err := Weighted([]float64{1, 1, 1}, 9, 0)
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewSampledLoader(numbered(2), s, LoaderConfig{Batch: 9}) // more weights than items
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range l.Epoch(context.Background(), 0) {
		if err == nil || !strings.Contains(err.Error(), "is item 2, the dataset has 2") {
			t.Errorf("error %v", err)
		}
	}
}

func TestFolds(t *testing.T) {
	classes := make([]int, 53)
	for i := range classes {
		classes[i] = []int{7, 7, 7, -2}[i%4]
	}
	for _, with := range [][]int{nil, classes} {
		folds, err := Folds(53, 5, with, 1)
		if err != nil {
			t.Fatal(err)
		}
		seen := make([]int, 53)
		for _, f := range folds {
			if n := len(f.Validation); n != 10 && n != 11 || n+len(f.Train) != 53 || !slices.IsSorted(f.Validation) || !slices.IsSorted(f.Train) {
				t.Errorf("fold of %v and %v", f.Train, f.Validation)
			}
			rare := 0
			for _, i := range f.Validation {
				seen[i]++
				if slices.Contains(f.Train, i) {
					t.Errorf("item %d is on both sides", i)
				}
				if classes[i] == -2 {
					rare++
				}
			}
			if with != nil && (rare < 2 || rare > 3) {
				t.Errorf("%d of 13 items of a class in one of 5 folds", rare)
			}
		}
		if slices.Min(seen) != 1 || slices.Max(seen) != 1 {
			t.Errorf("items validate %v times", seen)
		}
	}
	a, _ := Folds(53, 5, nil, 1)
	b, _ := Folds(53, 5, nil, 2)
	if slices.Equal(a[0].Validation, b[0].Validation) {
		t.Error("two seeds make one cut")
	}
	for _, c := range []struct {
		n, k    int
		classes []int
		want    string
	}{{5, 1, nil, "1 folds of 5"}, {2, 3, nil, "3 folds of 2"}, {3, 2, []int{1}, "1 classes for 3 items"}} {
		if _, err := Folds(c.n, c.k, c.classes, 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestParts(t *testing.T) {
	const n = 1009
	classes := make([]int, n)
	for i := range classes {
		classes[i] = i % 10 * (i % 3) // some are rare
	}
	size := map[int]int{}
	for _, c := range classes {
		size[c]++
	}
	shares := []float64{0.07, 0.2, 0.013}
	for _, with := range [][]int{nil, classes} {
		parts, err := Parts(n, with, 5, shares...)
		if err != nil {
			t.Fatal(err)
		}
		seen := make([]bool, n)
		for p, part := range parts {
			share := 1 - 0.07 - 0.2 - 0.013
			if p > 0 {
				share = shares[p-1]
			}
			if math.Abs(float64(len(part))-share*n) > 1 || !slices.IsSorted(part) {
				t.Errorf("part %d has %d items, want %v", p, len(part), share*n)
			}
			count := map[int]int{}
			for _, i := range part {
				if seen[i] {
					t.Errorf("item %d is in two parts", i)
				}
				seen[i] = true
				count[classes[i]]++
			}
			for c, all := range size {
				if d := math.Abs(float64(count[c]) - share*float64(all)); with != nil && d > 2 {
					t.Errorf("part %d has %d of %d items of class %d, want %v", p, count[c], all, c, share*float64(all))
				}
			}
		}
		if slices.Contains(seen, false) {
			t.Error("an item is in no part")
		}
	}
	for _, c := range []struct {
		n       int
		classes []int
		shares  []float64
		want    string
	}{
		{10, nil, []float64{0}, "share 0 is 0"},
		{10, nil, []float64{0.1, math.NaN()}, "share 1 is NaN"},
		{10, nil, []float64{0.5, 0.5}, "leave nothing"},
		{3, nil, []float64{0.01}, "3 items leave none for the share of 0.01"},
		{3, []int{1}, []float64{0.5}, "1 classes for 3 items"},
	} {
		if _, err := Parts(c.n, c.classes, 0, c.shares...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
