package feature

import (
	"math"
	"math/big"
)

// An exactSum adds float64 numbers without rounding, so that the order of rows
// has no influence on what is learnt from them. It is a number in base 2^32
// whose lowest digit counts 2^-1074: x = m * 2^(e-1074) touches the three
// digits from e/32 on.
type exactSum struct {
	digits  [70]int64
	pending int // additions since digits were carried
}

// add takes a finite number.
func (s *exactSum) add(x float64) {
	bits := math.Float64bits(x)
	e, m := int(bits>>52&0x7ff), bits&(1<<52-1)
	if e == 0 {
		e = 1
	} else {
		m |= 1 << 52
	}
	i, r := (e-1)/32, uint(e-1)%32
	low, middle, high := int64(uint32(m<<r)), int64(uint32(m>>(32-r))), int64(m>>(64-r))
	if x < 0 {
		low, middle, high = -low, -middle, -high
	}
	s.digits[i] += low
	s.digits[i+1] += middle
	s.digits[i+2] += high
	if s.pending++; s.pending == 1<<30 {
		s.carry()
	}
}

// carry leaves digits below 2^32 in size.
func (s *exactSum) carry() {
	for i := range len(s.digits) - 1 {
		s.digits[i+1] += s.digits[i] >> 32
		s.digits[i] &= 1<<32 - 1
	}
	s.pending = 0
}

// total is the sum times 2^1074.
func (s *exactSum) total() *big.Int {
	t, digit := new(big.Int), new(big.Int)
	for i := len(s.digits) - 1; i >= 0; i-- {
		t.Lsh(t, 32)
		t.Add(t, digit.SetInt64(s.digits[i]))
	}
	return t
}

// moments are mean, deviation and range of numbers, the same in any order.
type moments struct {
	n            int
	sum, squares exactSum
	min, max     float64
}

// add takes a finite number whose square is finite.
func (m *moments) add(x float64) {
	if m.n == 0 {
		m.min, m.max = x, x
	}
	m.n++
	m.min, m.max = min(m.min, x), max(m.max, x)
	m.sum.add(x)
	square := x * x
	m.squares.add(square)
	m.squares.add(math.FMA(x, x, -square)) // what rounding took away
}

// mean is the sum over n, rounded once.
func (m *moments) mean() float64 { return ratio(m.sum.total(), m.n, -1074) }

// deviation is sqrt(sum of (x-mean)^2 / n): the exact n*squares - sum^2 cannot
// cancel as rounded sums would.
func (m *moments) deviation() float64 {
	sum := m.sum.total()
	v := new(big.Int).Mul(m.squares.total(), big.NewInt(int64(m.n)))
	v.Lsh(v, 1074)
	v.Sub(v, sum.Mul(sum, sum))
	n := new(big.Float).SetInt64(int64(m.n))
	f := new(big.Float).SetInt(v)
	f.Quo(f.SetPrec(200), n.Mul(n, n).SetPrec(200))
	f.SetMantExp(f, -2*1074)
	variance, _ := f.Float64()
	return math.Sqrt(max(variance, 0))
}

// ratio is a/n * 2^exp.
func ratio(a *big.Int, n, exp int) float64 {
	f := new(big.Float).SetPrec(200).SetInt(a)
	f.Quo(f, new(big.Float).SetInt64(int64(n)))
	f.SetMantExp(f, exp)
	x, _ := f.Float64()
	return x
}
