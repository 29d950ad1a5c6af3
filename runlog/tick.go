package runlog

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// linearTicks puts at most about n ticks at multiples of 1, 2 or 5 times a
// power of ten.
type linearTicks struct {
	n      int
	format func(float64) string
}

// Ticks returns the ticks from lo to hi.
func (t linearTicks) Ticks(lo, hi float64) []plot.Tick {
	unit := math.Pow(10, math.Floor(math.Log10((hi-lo)/float64(t.n))))
	step := unit
	for _, m := range []float64{1, 2, 5, 10} {
		if step = m * unit; (hi-lo)/step <= float64(t.n) {
			break
		}
	}
	var ticks []plot.Tick
	first := math.Ceil(lo/step - 1e-9)
	for i := range t.n + 1 {
		if v := (first + float64(i)) * step; v <= hi+1e-9*step {
			ticks = append(ticks, plot.Tick{Value: v, Label: t.format(v)})
		}
	}
	return ticks
}

// logTicks puts ticks at 1, 2 and 5 times the powers of ten; over more than
// three powers at the powers alone, at most about eight of them.
type logTicks struct{ format func(float64) string }

// Ticks returns the ticks from lo to hi, both positive.
func (t logTicks) Ticks(lo, hi float64) []plot.Tick {
	multiples := []float64{1, 2, 5}
	first, last := int(math.Floor(math.Log10(lo))), int(math.Ceil(math.Log10(hi)))
	if hi/lo > 1e3 {
		multiples = multiples[:1]
	}
	every := (last - first + 7) / 8
	var ticks []plot.Tick
	for e := first; e <= last; e++ {
		if e%every != 0 {
			continue
		}
		for _, m := range multiples {
			v, err := strconv.ParseFloat(strconv.FormatFloat(m, 'f', -1, 64)+"e"+strconv.Itoa(e), 64)
			if err == nil && v >= lo && v <= hi {
				ticks = append(ticks, plot.Tick{Value: v, Label: t.format(v)})
			}
		}
	}
	return ticks
}

// compact prints up to four digits: 0.02, 1.5, 1e-06.
func compact(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// percentTicks are those of a fraction of 1, none beyond 1.
type percentTicks struct{}

// Ticks returns the ticks from lo to min(hi, 1).
func (percentTicks) Ticks(lo, hi float64) []plot.Tick {
	return linearTicks{6, percent}.Ticks(lo, min(hi, 1))
}

// percent prints a fraction of 1: 97.5 %.
func percent(v float64) string { return compact(100*v) + " %" }

// grouped prints an integer with its thousands apart: 12,500.
func grouped(v float64) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', -1, 64)
	whole := len(s)
	for i := range s {
		if s[i] == '.' {
			whole = i
		}
	}
	for i := whole - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if v < 0 {
		s = "-" + s
	}
	return s
}

// short prints up to four digits with a letter for thousands, millions and
// billions: 0.02, 250k, 1.5M.
func short(v float64) string {
	for _, unit := range []struct {
		size   float64
		letter string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if a := math.Abs(v); a >= 1e4 && a >= unit.size && a < 1e13 {
			return compact(v/unit.size) + unit.letter
		}
	}
	return compact(v)
}
