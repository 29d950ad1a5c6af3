package rng

import "fmt"

// A Stream reads the elements of one stream in sequence. Its whole state is
// seed, path, step and position, so it can be written down and continued exactly.
// A Stream is not safe for concurrent use.
type Stream struct {
	key   [2]uint32
	step  uint64
	pos   uint64    // next element
	block [4]uint32 // the block that holds element pos, when pos%4 != 0
}

// NewStream returns the stream of Key(seed, path) and a step number, at
// position 0.
func NewStream(seed uint64, path string, step uint64) *Stream {
	return &Stream{key: Key(seed, path), step: step}
}

// Pos returns the number of elements read so far: the index of the next one.
func (s *Stream) Pos() uint64 { return s.pos }

// Seek makes element pos the next one.
func (s *Stream) Seek(pos uint64) {
	s.pos = pos
	if pos%4 != 0 {
		s.block = block(s.key, s.step, pos/4)
	}
}

// Uint32 returns the next element.
func (s *Stream) Uint32() uint32 {
	if s.pos%4 == 0 {
		s.block = block(s.key, s.step, s.pos/4)
	}
	v := s.block[s.pos%4]
	s.pos++
	return v
}

// Uint64 joins the next two elements, the low half first.
func (s *Stream) Uint64() uint64 {
	lo := uint64(s.Uint32())
	return lo | uint64(s.Uint32())<<32
}

// Float32 returns a uniform number in [0, 1), a multiple of 2^-24. It reads
// one element.
func (s *Stream) Float32() float32 { return Uniform(s.Uint32()) }

// Float64 returns a uniform number in [0, 1), a multiple of 2^-53. It reads
// two elements.
func (s *Stream) Float64() float64 { return float64(s.Uint64()>>11) * 0x1p-53 }

// Normal returns a number of mean 0 and variance 1: the first that the
// function Normal makes of the next two elements. The second is not kept, so
// that the position says everything.
func (s *Stream) Normal() float64 {
	a := s.Uint32()
	z, _ := Normal(a, s.Uint32())
	return z
}

// IntN returns a number in 0..n-1, each as likely as any other. It reads two
// elements, and two more each time a draw would favour some results. It
// panics if n < 1.
func (s *Stream) IntN(n int) int {
	if n < 1 {
		panic(fmt.Sprintf("rng: internal error: IntN(%d)", n))
	}
	for {
		if v, ok := mulRange(s.Uint64(), uint64(n)); ok {
			return int(v)
		}
	}
}

// Shuffle puts n things in random order by exchanging pairs (Fisher and
// Yates, from the last). Every order is as likely as any other.
func (s *Stream) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, s.IntN(i+1))
	}
}

// Perm returns the numbers 0..n-1 in random order.
func (s *Stream) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	s.Shuffle(n, func(i, j int) { p[i], p[j] = p[j], p[i] })
	return p
}
