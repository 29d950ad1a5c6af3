package source

import (
	"bytes"
	"math"
	"strconv"
)

// A fit is a set of kinds that a text can be read as. The first three are
// what it looks like; the others what it is when somebody says so: 007 looks
// like text, since a number would lose its zeros, and can be an integer.
type fit uint8

const (
	likeInteger fit = 1 << iota
	likeNumber
	likeBoolean
	asInteger
	asNumber
	asBoolean
)

// fitOf looks at a text, which is not empty.
func fitOf(b []byte) fit {
	b = bytes.Trim(b, " \t")
	if len(b) == 0 {
		return 0
	}
	digits := b
	if b[0] == '-' || b[0] == '+' {
		digits = b[1:]
	}
	n := digitsOf(digits)
	if n == 0 && (len(digits) == 0 || digits[0] != '.') {
		return fitOfWord(b, digits)
	}
	if n == len(digits) {
		f := asNumber
		if _, ok := parseInteger(b); ok {
			f |= asInteger
			if n == 1 || digits[0] != '0' {
				f |= likeInteger | likeNumber
			}
		}
		if len(b) == 1 && b[0] <= '1' {
			f |= asBoolean
		}
		return f
	}
	rest := digits[n:]
	if rest[0] == '.' {
		m := digitsOf(rest[1:])
		if n += m; n == 0 {
			return 0
		}
		rest = rest[1+m:]
	}
	if len(rest) > 0 {
		if rest[0]|' ' != 'e' {
			return 0
		}
		if rest = rest[1:]; len(rest) > 0 && (rest[0] == '-' || rest[0] == '+') {
			rest = rest[1:]
		}
		if len(rest) == 0 || digitsOf(rest) != len(rest) {
			return 0
		}
	}
	return likeNumber | asNumber
}

// digitsOf counts the digits that a text begins with.
func digitsOf(b []byte) int {
	for i, c := range b {
		if c-'0' > 9 {
			return i
		}
	}
	return len(b)
}

// fitOfWord looks at what does not begin as a number does, with its sign and
// without.
func fitOfWord(b, unsigned []byte) fit {
	if len(b) > len("+infinity") {
		return 0
	}
	switch string(bytes.ToLower(unsigned)) {
	case "inf", "infinity":
		return likeNumber | asNumber
	}
	switch string(bytes.ToLower(b)) {
	case "nan":
		return likeNumber | asNumber
	case "true", "false":
		return likeBoolean | asBoolean
	case "yes", "no", "t", "f", "y", "n":
		return asBoolean
	}
	return 0
}

// kind is what a column is whose values all fit so; seen is false when it has
// none.
func (f fit) kind(seen bool) Kind {
	switch {
	case !seen:
		return Number
	case f&likeInteger != 0:
		return Integer
	case f&likeNumber != 0:
		return Number
	case f&likeBoolean != 0:
		return Boolean
	}
	return Text
}

// allows tells whether a text can be a value of a kind.
func (f fit) allows(k Kind) bool {
	switch k {
	case Number:
		return f&asNumber != 0
	case Integer:
		return f&asInteger != 0
	case Boolean:
		return f&asBoolean != 0
	}
	return k == Text
}

// parse reads a value of a kind that the text's fit allows.
func parse(b []byte, k Kind) any {
	if k == Text {
		return string(b)
	}
	b = bytes.Trim(b, " \t")
	switch k {
	case Integer:
		v, _ := parseInteger(b)
		return v
	case Boolean:
		return b[0] == '1' || b[0]|' ' == 't' || b[0]|' ' == 'y'
	}
	return parseNumber(b)
}

// parseInteger reads a sign and digits; ok is false for what has more, or no
// place in an int64.
func parseInteger(b []byte) (v int64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	digits, negative := b, b[0] == '-'
	if negative || b[0] == '+' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 18 { // 18 digits always have a place
		v, err := strconv.ParseInt(string(b), 10, 64)
		return v, err == nil
	}
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		v = v*10 + int64(c)
	}
	if negative {
		v = -v
	}
	return v, true
}

// tens holds the powers of ten that a float64 holds exactly.
var tens = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// parseNumber reads a number that fitOf has seen to be one, to the nearest
// float64. Up to 15 digits and a small exponent are an exact integer times or
// by an exact power of ten, which rounds once, and right; what has more is
// left to strconv, as are infinities and NaN. Beyond the largest float64 lies
// infinity.
func parseNumber(b []byte) float64 {
	digits, negative := b, b[0] == '-'
	if negative || b[0] == '+' {
		digits = b[1:]
	}
	var mantissa uint64
	point, seen := -1, 0
	for i, c := range digits {
		if c == '.' && point < 0 {
			point = i
			continue
		}
		if c -= '0'; c > 9 || seen == 15 {
			return parseSlow(b)
		}
		mantissa = mantissa*10 + uint64(c)
		seen++
	}
	v := float64(mantissa)
	if point >= 0 {
		v /= tens[len(digits)-point-1]
	}
	if negative {
		v = math.Copysign(v, -1)
	}
	return v
}

func parseSlow(b []byte) float64 {
	v, _ := strconv.ParseFloat(string(b), 64) // out of range gives infinity
	return v
}
