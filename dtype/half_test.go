package dtype_test

import (
	"math"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
)

// format is a type of 16 bits as the tests see it.
type format struct {
	name  string
	round func(x float64) uint16
	float func(bits uint16) float64
	inf   uint16 // bits of infinity
}

var formats = []format{
	{"bf16", func(x float64) uint16 { return uint16(dtype.NewBF16(x)) }, func(h uint16) float64 { return dtype.BF16(h).Float() }, 0x7f80},
	{"f16", func(x float64) uint16 { return uint16(dtype.NewF16(x)) }, func(h uint16) float64 { return dtype.F16(h).Float() }, 0x7c00},
}

// Every number of 16 bits survives the way to float64 and back, a NaN as one.
func TestHalvesSurvive(t *testing.T) {
	for _, f := range formats {
		for i := range 1 << 16 {
			h := uint16(i)
			x := f.float(h)
			switch got := f.round(x); {
			case h&0x7fff > f.inf:
				quiet := f.inf >> 1 &^ (f.inf << 1) &^ f.inf // the first bit of the fraction
				if x == x || got != h|quiet {
					t.Fatalf("%s: the NaN %#04x is %v and then %#04x", f.name, h, x, got)
				}
			case got != h:
				t.Fatalf("%s: %#04x is %v and then %#04x", f.name, h, x, got)
			}
		}
	}
}

// Between neighbours the nearer one is taken, and of two equally near ones the
// one whose last bit is 0: the neighbour of the largest number is infinity.
func TestHalvesRoundToNearestEven(t *testing.T) {
	for _, f := range formats {
		for h := range f.inf {
			lo, hi := f.float(h), f.float(h+1)
			if h+1 == f.inf { // as if the exponent had no end
				hi = lo + (lo - f.float(h-1))
			}
			middle := lo + (hi-lo)/2
			even := h + h&1
			for x, want := range map[float64]uint16{
				middle:                          even,
				math.Nextafter(middle, 0):       h,
				math.Nextafter(middle, hi):      h + 1,
				math.Nextafter(hi, 0):           h + 1,
				math.Nextafter(lo, math.Inf(1)): h,
				-middle:                         even | 1<<15,
				-math.Nextafter(middle, hi):     (h + 1) | 1<<15,
				math.Copysign(math.Nextafter(middle, 0), -1): h | 1<<15,
			} {
				if got := f.round(x); got != want {
					t.Fatalf("%s: %g becomes %#04x, want %#04x", f.name, x, got, want)
				}
			}
		}
		for x, want := range map[float64]uint16{
			math.MaxFloat64: f.inf, math.Inf(1): f.inf, math.Inf(-1): f.inf | 1<<15,
			math.SmallestNonzeroFloat64: 0, 0: 0, math.Copysign(0, -1): 1 << 15,
		} {
			if got := f.round(x); got != want {
				t.Errorf("%s: %g becomes %#04x, want %#04x", f.name, x, got, want)
			}
		}
	}
}
