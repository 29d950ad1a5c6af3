package cli

import (
	"fmt"
	"strconv"
)

// size prints a number of bytes: "2.3 MB".
func size(bytes int64) string { return scaled(float64(bytes), "B") }

// scaled prints a quantity with three digits and a decimal prefix: "1.58 GFLOP".
func scaled(v float64, unit string) string {
	prefixes := []string{"", "k", "M", "G", "T", "P"}
	i := 0
	for v >= 999.5 && i < len(prefixes)-1 {
		v /= 1000
		i++
	}
	digits := 2
	switch {
	case i == 0 && v == float64(int64(v)), v >= 99.95:
		digits = 0
	case v >= 9.995:
		digits = 1
	}
	return fmt.Sprintf("%.*f %s%s", digits, v, prefixes[i], unit)
}

// count prints a whole number with commas between thousands: "582,026".
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
