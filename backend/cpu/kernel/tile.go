package kernel

import "unsafe"

// A Tile is the micro-kernel of matrix product and convolution on one
// instruction set, with the copies that prepare operands for it.
//
// One form serves all products: a block of C, m rows by n columns, is
//
//	C[i][j] (+)= sum over segments g, steps p: A[i][g][p] * B[g][p][j]
//
// where A is read one element at a time through any row, step and segment
// stride, and B in runs of n consecutive floats. With one segment that is a
// matrix product, of operands in place or packed; with one segment for each
// row of filter taps it is a convolution, whose A is the image itself.
type Tile struct {
	// Rows and Cols bound a block: m <= Rows, n <= Cols. A block of at most
	// Narrow columns costs half of a wider one.
	Rows, Cols, Narrow int
	// Depth is the number of steps after which a long sum of a matrix product
	// goes on in C, so that the panels of B stay in a near cache.
	Depth int
	// Speed is about the multiply-adds of one core in a nanosecond. It decides
	// the size of chunks, never the order of a sum.
	Speed float64

	// mul computes block after block: s.reps blocks of m rows.
	mul func(m, n int, s *seg)
	// transpose sets dst[j*ldd+i] = src[i*lds+j] for i < rows, j < cols.
	transpose func(dst []float32, ldd int, src []float32, lds, rows, cols int)
	// split copies rows to panels of width columns, Rows or Cols: it sets
	// dst[j/width*panel + i*width + j%width] = src[i*lds+j] for i < rows, j < cols.
	split func(dst []float32, width, panel int, src []float32, lds, rows, cols int)
	// add sets dst[i] += src[i] for all of dst.
	add func(dst, src []float32)
}

// A seg describes the operands of [Tile.mul]; the assembly reads it by offset.
// Strides are in bytes. A sum runs over k steps in each of nseg segments, in
// this order, one accumulator an element of C, starting at zero; acc tells
// whether it is added to C or replaces it. Nothing is read or written outside
// the described elements.
type seg struct {
	a, b, c unsafe.Pointer
	rsa     int // A: from row to row
	csa     int // A: from step to step
	sega    int // A: from segment to segment
	rsb     int // B: from step to step
	segb    int // B: from segment to segment
	ldc     int // C: from row to row
	k       int // steps a segment, at least 1
	nseg    int // segments, at least 1
	acc     int // 0 or 1
	reps    int // blocks of m rows, at least 1
	stepA   int // A: from block to block
	stepC   int // C: from block to block
	// Set by mul for masked vectors: a bit a column, or the number of columns in
	// a last vector that has some alone; and the sign bit of a lane for each
	// column of the last vector.
	mask  uint64
	lanes [8]int32

	// For every four steps a cache line at ahead is fetched to the second
	// cache, and one ahead2 bytes further; then ahead grows by aheadStep.
	// These are no pointers: they may lead beyond the end of what they point to.
	ahead             uintptr
	ahead2, aheadStep int

	// far is 1 if C is in a far cache: its lines are fetched when a block begins.
	far   int
	stepB int // B: from block to block

	aheadReps int // blocks during which is fetched; 0 for all

	_ [48]byte // fills the last cache line
}

// at returns the address of element i of s, which must exist.
func at(s []float32, i int) unsafe.Pointer { return unsafe.Pointer(&s[i]) }

const floatBytes = 4

// rows multiplies the m rows that start at s.a and s.c, in blocks as large as
// the tile allows; s.stepA leads from one such block of A to the next.
func (t *Tile) rows(m, n int, s *seg) {
	full := m / t.Rows
	s.stepB, s.stepC = 0, t.Rows*s.ldc
	if full > 0 {
		t.blocks(t.Rows, n, full, s)
	}
	if m -= full * t.Rows; m > 0 {
		s.a, s.c = unsafe.Add(s.a, full*s.stepA), unsafe.Add(s.c, full*s.stepC)
		t.blocks(m, n, 1, s)
	}
}

// columns multiplies the n columns that start at s.b and s.c, in blocks as
// large as the tile allows; s.stepB leads from one such block of B to the next.
func (t *Tile) columns(m, n int, s *seg) {
	full := n / t.Cols
	s.stepA, s.stepC = 0, t.Cols*floatBytes
	if full > 0 {
		t.blocks(m, t.Cols, full, s)
	}
	if n -= full * t.Cols; n > 0 {
		s.b, s.c = unsafe.Add(s.b, full*s.stepB), unsafe.Add(s.c, full*s.stepC)
		t.blocks(m, n, 1, s)
	}
}

// blocks multiplies reps blocks of m rows, in calls of about maxSteps steps.
func (t *Tile) blocks(m, n, reps int, s *seg) {
	most := max(1, maxSteps/(s.k*s.nseg))
	a, b, c := s.a, s.b, s.c
	for i := 0; i < reps; i += s.reps {
		s.a, s.b, s.c = unsafe.Add(a, i*s.stepA), unsafe.Add(b, i*s.stepB), unsafe.Add(c, i*s.stepC)
		s.reps = min(most, reps-i)
		if s.aheadReps > 0 {
			s.reps = min(s.reps, s.aheadReps)
		}
		t.mul(m, n, s)
		s.ahead += uintptr(s.reps * s.nseg * (s.k / 4) * s.aheadStep)
		if s.aheadReps > 0 {
			if s.aheadReps -= s.reps; s.aheadReps == 0 {
				s.aheadStep = 0
			}
		}
	}
	s.a, s.b, s.c = a, b, c
}

// maxSteps bounds the steps of one call of mul, so that it stays well below
// 100 microseconds: a goroutine in assembly can't be stopped for the collector.
const maxSteps = 4096
