package kernel

// Peak runs steps rounds of multiply-adds that read and write registers alone,
// as many a round as a step of a full tile has, and returns how many there
// were, counted by the sums themselves. Its rate is what no matrix product
// exceeds.
func (s *Set) Peak(steps int) int {
	n := 0
	for done := 0; done < steps; done += maxSteps {
		n += s.peak(min(maxSteps, steps-done))
	}
	return n
}

// peakGeneric is [Set.Peak] in portable Go, of at most maxSteps steps.
func peakGeneric(steps int) int {
	var c0, c1, c2, c3, c4, c5, c6, c7 float32
	one := float32(min(1, steps)) // no constant, which would spare the product
	for range genericTile.Rows * genericTile.Cols / 8 * steps {
		c0 = float32(c0*one) + one
		c1 = float32(c1*one) + one
		c2 = float32(c2*one) + one
		c3 = float32(c3*one) + one
		c4 = float32(c4*one) + one
		c5 = float32(c5*one) + one
		c6 = float32(c6*one) + one
		c7 = float32(c7*one) + one
	}
	return count([]float32{c0, c1, c2, c3, c4, c5, c6, c7})
}

// count adds up sums of ones.
func count(sums []float32) int {
	n := 0
	for _, x := range sums {
		n += int(x)
	}
	return n
}
