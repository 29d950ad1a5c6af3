package kernel

import (
	"math"
	"testing"
)

// numbers8 are two codebooks: even numbers from -1 to 1, and a map that is dense
// near 0 in seven decades, as that of ops.Dynamic8Bit.
func numbers8() map[string][256]float64 {
	var even, dense [256]float64
	for i := range even {
		even[i] = float64(i-127) / 128
	}
	list := []float64{0}
	for i := range 7 {
		for k := range 2 << i {
			list = append(list, math.Pow10(i-6)*(0.1+0.9*(float64(k)+0.5)/float64(int(2)<<i)))
		}
	}
	copy(dense[:], append(list, 1))
	return map[string][256]float64{"even": even, "dense": dense}
}

// The code of x is that of the nearest number: about each bound, and at the ends
// of all upper halves of a float.
func TestCodebook(t *testing.T) {
	for name, numbers := range numbers8() {
		c := NewCodebook(numbers)
		check := func(x float32) {
			if x != x || math.Abs(float64(x)) > 1 {
				return
			}
			got := math.Abs(numbers[c.nearest(x)] - float64(x))
			for i, v := range numbers {
				if d := math.Abs(v - float64(x)); d < got*(1-1e-4) { // bounds are rounded
					t.Fatalf("%s: %v has code %d, %d is nearer", name, x, c.nearest(x), i)
				}
			}
		}
		for i := range 1 << 16 {
			if name == "even" && uint32(i)<<16&0x7fffffff < math.Float32bits(1.0/256) && i%61 != 0 {
				continue // all have the code of 0
			}
			check(math.Float32frombits(uint32(i) << 16))
			check(math.Float32frombits(uint32(i)<<16 | 0xffff))
		}
		for i := range 255 {
			bound := c.bounds[i]
			check(bound)
			check(math.Nextafter32(bound, -2))
			check(math.Nextafter32(bound, 2))
		}
	}
}

// All sets give the bits of the portable one, for blocks of every length, in
// place or not, and touch nothing else.
func TestAdam8Bit(t *testing.T) {
	both := numbers8()
	books := [2]*Codebook{NewCodebook(both["even"]), NewCodebook(both["dense"])}
	scalars := [8]float32{0.1, 0.01, 0.1, 0.99, 0.01, 1.5, 1e-3, 0.99}
	eachSet(t, func(t *testing.T, s *Set) {
		for n := 1; n <= 256; n++ {
			if n > 130 && n < 250 {
				continue
			}
			r := random()
			var p, q padded
			p, q = newPadded(n, n%16), newPadded(n, 0)
			g := make([]float32, n)
			var old, new, inPlace [2][]byte
			for j := range 2 {
				old[j], new[j] = make([]byte, n), make([]byte, n)
			}
			for i := range n {
				p.data[i] = float32(r.NormFloat64())
				q.data[i], g[i] = p.data[i], float32(r.NormFloat64())
				old[0][i], old[1][i] = byte(r.Uint32()), byte(r.Uint32())
			}
			for j := range 2 {
				inPlace[j] = append([]byte(nil), old[j]...)
			}
			a, b := [2]float32{0.5, 0.7}, [2]float32{0.5, 0.7}
			s.Vec.Adam8Bit(books, p.data, g, old, new, &a, &scalars, make([]float32, 2*n))
			generic.Vec.Adam8Bit(books, q.data, g, inPlace, inPlace, &b, &scalars, make([]float32, 2*n))
			p.check(t, "adam8Bit")
			if a != b || string(new[0]) != string(inPlace[0]) || string(new[1]) != string(inPlace[1]) {
				t.Fatalf("n=%d: scales %v, portable %v, or other codes", n, a, b)
			}
			for i := range n {
				if !same(p.data[i], q.data[i]) {
					t.Fatalf("n=%d: element %d is %v, portable %v", n, i, p.data[i], q.data[i])
				}
			}
		}
	})
}
