package kernel

import "math"

// A Codebook finds the code of the number nearest to x among 256 numbers that
// rise: one comparison after a look at the upper half of x. It wants no two
// bounds between codes among floats whose upper halves are equal.
type Codebook struct {
	numbers [256]float32
	bounds  [256]float32  // above bounds[i] code i+1 is nearer than i
	first   [1 << 16]byte // by upper half: the code of the least x that has it
	zero    byte          // the code of 0
}

// NewCodebook takes the numbers of the codes.
func NewCodebook(numbers [256]float64) *Codebook {
	c := &Codebook{}
	for i, x := range numbers {
		c.numbers[i], c.bounds[i] = float32(x), float32(math.Inf(1))
		if i < 255 {
			c.bounds[i] = float32((x + numbers[i+1]) / 2)
		}
		if x == 0 {
			c.zero = byte(i)
		}
	}
	for upper := range c.first {
		least := uint32(upper) << 16
		if upper >= 1<<15 { // below 0
			least |= 0xffff
		}
		x, code := math.Float32frombits(least), 0
		for step := 128; step > 0; step /= 2 {
			if x > c.bounds[code+step-1] {
				code += step
			}
		}
		c.first[upper] = byte(code)
	}
	return c
}

// nearest is the code of x.
func (c *Codebook) nearest(x float32) byte {
	code := c.first[math.Float32bits(x)>>16]
	if x > c.bounds[code] {
		code++
	}
	return code
}

// Adam8Bit is the step of Adam with its two means m and v in codes of 8 bits: it
// does a block of p and g, p in place. Codes are the old and the new ones, which
// may be the same memory. With scalars as of [Adam]:
//
//	m, v = numbers[old]*scale
//	p, m, v = Adam
//	scale = max |m|, max v
//	new = the codes nearest to m/scale, v/scale
//
// An m below 0 never gets the code of 0. work has room for two blocks. All sets
// give the same bits.
func (v *Vec) Adam8Bit(books [2]*Codebook, p, g []float32, old, new [2][]byte, scale *[2]float32, s *[8]float32, work []float32) {
	n := len(p)
	means := [2][]float32{work[:n:n], work[n : 2*n]}
	for j, x := range means {
		numbers, k := &books[j].numbers, scale[j]
		for i, code := range old[j][:n] {
			x[i] = numbers[code] * k
		}
	}
	v.Update(Adam, p, g, means[0], means[1], nil, s)
	scale[0], scale[1] = max(v.Max(means[0]), -v.Min(means[0])), v.Max(means[1])
	for j, x := range means {
		c, k := books[j], scale[j]
		to := new[j][:n]
		if k == 0 {
			for i := range to {
				to[i] = c.zero
			}
			continue
		}
		for i, y := range x {
			code := c.nearest(y / k)
			if y < 0 && code == c.zero {
				code--
			}
			to[i] = code
		}
	}
}
