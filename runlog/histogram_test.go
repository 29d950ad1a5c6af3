package runlog

import (
	"bytes"
	"image/png"
	"math"
	"testing"
)

func TestHistogramBins(t *testing.T) {
	normal := func(n int) []float64 {
		var x []float64
		for i := range n {
			x = append(x, math.Sin(float64(i)))
		}
		return x
	}
	for _, c := range []struct {
		name   string
		values []float64
		n      int
		lo, hi float64
	}{
		{"whole numbers have a bar each", []float64{1, 2, 2, 5}, 5, 0.5, 5.5},
		{"or the same number of them", []float64{0, 99}, 34, -0.5, 101.5},
		{"one value", []float64{0.5, 0.5}, 40, 0, 1},
		{"a far value", append(normal(1000), 1e6), 40, -1, 1.1},
	} {
		counts, lo, step := Histogram{Values: c.values}.bins()
		sum := 0.0
		for _, n := range counts {
			sum += n
		}
		hi := lo + step*float64(len(counts))
		if len(counts) != c.n || math.Abs(lo-c.lo) > 0.01 || math.Abs(hi-c.hi) > 0.1 || sum != float64(len(c.values)) {
			t.Errorf("%s: %d bars from %v to %v with %v values", c.name, len(counts), lo, hi, sum)
		}
	}
}

func TestWriteHistograms(t *testing.T) {
	mark := 3.5
	all := []Histogram{
		{Title: "a column with a name that is much too long for its panel to hold it", Values: []float64{1, 2, 3}},
		{Title: "b", Note: "1 to 4", Values: []float64{1, 2, 4}, Mark: &mark},
		{Title: "c", Values: []float64{0}}, {Title: "d", Values: []float64{0.5, 1e9}},
	}
	size := func(n int) (int, int) {
		var file bytes.Buffer
		if err := WriteHistograms(&file, "title", all[:n]); err != nil {
			t.Fatal(err)
		}
		page, err := png.DecodeConfig(&file)
		if err != nil {
			t.Fatal(err)
		}
		return page.Width, page.Height
	}
	w1, h1 := size(1)
	w3, h3 := size(3)
	w4, h4 := size(4)
	if w3 <= w1 || h3 != h1 || w4 != w3 || h4 <= h3 {
		t.Errorf("pages of 1, 3 and 4 histograms are %dx%d, %dx%d, %dx%d", w1, h1, w3, h3, w4, h4)
	}
	if err := WriteHistograms(&bytes.Buffer{}, "title", nil); err == nil {
		t.Error("a page of none was written")
	}
}

func TestShort(t *testing.T) {
	for want, x := range map[string]float64{"0.02": 0.02, "2000": 2000, "20k": 20000, "-1.5M": -1.5e6, "3G": 3e9, "1e+20": 1e20} {
		if got := short(x); got != want {
			t.Errorf("short(%v) = %s, want %s", x, got, want)
		}
	}
}
