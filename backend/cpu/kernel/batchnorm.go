package kernel

import "math"

// A BatchNorm plans batch normalisation of a matrix x [rows, cols] over its
// rows, one column a channel: an image with channels last.
//
// Each pass reads the matrix once. Rows are cut in chunks that depend on the
// shape alone; within a chunk columns are added up in float32, from the first
// row to the last, and the chunks' sums fold in halves. So the result does not
// depend on the number of workers. The variance is taken around the mean of a
// few rows from all over the matrix, so that it stays precise where the mean is
// much larger than the deviation.
//
// Rows are narrow, so kernels see several as one: fold rows form one wide row,
// and values by column are repeated fold times.
type BatchNorm struct {
	v          *Vec
	rows, cols int
	fold, wide int // rows in a wide row; its length fold*cols
	chunks     int
	workers    int
}

const (
	wideLen    = 128     // length of a wide row, about
	chunkLen   = 1 << 14 // elements of a chunk, about
	sampleRows = 8       // rows from whose mean deviations are taken
)

// NewBatchNorm plans for x [rows, cols] and that many workers.
func NewBatchNorm(set *Set, rows, cols, workers int) *BatchNorm {
	b := &BatchNorm{v: &set.Vec, rows: rows, cols: cols, workers: workers}
	b.fold = max(1, wideLen/max(cols, 1))
	b.wide = b.fold * cols
	b.chunks = (rows*cols + chunkLen - 1) / chunkLen
	if b.chunks > 1 { // as many for each of a few workers
		b.chunks = (b.chunks + 3) / 4 * 4
	}
	return b
}

// Scratch returns the number of floats of scratch memory that a Bind needs.
// Their contents need not be kept between runs.
func (b *BatchNorm) Scratch() int {
	return 2*max(b.chunks, 1)*b.cols + 3*b.wide + 2*b.workers*b.wide + b.cols
}

// A bnScratch is the scratch memory, cut.
type bnScratch struct {
	partial []float32    // for each chunk two sums by column
	param   [3][]float32 // three values by column, repeated
	worker  [][]float32  // [worker] two sums along a wide row
	rstd    []float32    // by column
}

func (b *BatchNorm) cut(mem []float32) (s bnScratch) {
	take := func(n int) []float32 {
		p := mem[:n:n]
		mem = mem[n:]
		return p
	}
	s.partial = take(2 * max(b.chunks, 1) * b.cols)
	for i := range s.param {
		s.param[i] = take(b.wide)
	}
	for range b.workers {
		s.worker = append(s.worker, take(2*b.wide))
	}
	s.rstd = take(b.cols)
	return s
}

// span returns the rows of a chunk: whole wide rows, but for the last chunk.
func (b *BatchNorm) span(chunk int) (from, to int) {
	n := (b.rows + b.fold - 1) / b.fold
	return min(chunk*n/b.chunks*b.fold, b.rows), min((chunk+1)*n/b.chunks*b.fold, b.rows)
}

// phase runs f for every chunk: rows from..to.
func (b *BatchNorm) phase(f func(worker, chunk, from, to int)) Phase {
	return Phase{Chunks: b.chunks, Run: func(worker, chunk int) {
		from, to := b.span(chunk)
		f(worker, chunk, from, to)
	}}
}

// once is a phase of one chunk.
func once(f func()) Phase { return Phase{Chunks: 1, Run: func(_, _ int) { f() }} }

// repeat repeats the columns c0..c1 along a wide row.
func (b *BatchNorm) repeat(wide []float32, c0, c1 int) {
	for at := b.cols; at < b.wide; at += b.cols {
		copy(wide[at+c0:at+c1], wide[c0:c1])
	}
}

// center sets wide to the mean of a few rows of x, repeated.
func (b *BatchNorm) center(wide, x []float32) {
	rows := len(x) / b.cols
	n := min(rows, sampleRows)
	mean := wide[:b.cols]
	clear(mean)
	for i := range n {
		b.v.AddTo(mean, x[i*rows/n*b.cols:][:b.cols])
	}
	b.v.Run(MulS, mean, mean, nil, nil, float32(1/float64(n)), 0)
	b.repeat(wide, 0, b.cols)
}

// columnSums sets part, two sums by column, to what the kernel adds up over the
// rows in which x and y lie; sum is memory for a worker, wide an operand.
func (b *BatchNorm) columnSums(part, sum, x []float32, kernel func(at, col, rows, cols int, s, s2 *float32)) {
	clear(sum)
	b.wideRows(0, len(x)/b.cols, func(at, col, rows, cols int) {
		kernel(at, col, rows, cols, &sum[col], &sum[b.wide+col])
	})
	for i := range 2 {
		b.foldInto(part[i*b.cols:(i+1)*b.cols], sum[i*b.wide:(i+1)*b.wide])
	}
}

// foldInto sets dst[c] to the sum of the repetitions of column c in wide.
func (b *BatchNorm) foldInto(dst, wide []float32) {
	for n := b.fold; n > 1; n -= n / 2 {
		h := n / 2
		b.v.AddTo(wide[:h*b.cols], wide[(n-h)*b.cols:n*b.cols])
	}
	copy(dst, wide)
}

// devs adds up the deviations of x from center, a wide row, and their squares.
func (b *BatchNorm) devs(part, sum, x, center []float32) {
	b.columnSums(part, sum, x, func(at, col, rows, cols int, s, sq *float32) {
		b.v.columnDevs(rows, cols, b.wide, &x[at], &center[col], s, sq, nil, nil)
	})
}

// gradSums adds up dy and dy*(x-mean), mean a wide row.
func (b *BatchNorm) gradSums(part, sum, dy, x, mean []float32) {
	b.columnSums(part, sum, x, func(at, col, rows, cols int, s, sx *float32) {
		b.v.columnSums(rows, cols, b.wide, &dy[at], &x[at], &mean[col], s, sx, nil)
	})
}

// joined adds up the sums of all chunks and returns both.
func (b *BatchNorm) joined(partial []float32) (s, s2 []float32) {
	size := 2 * b.cols
	if b.chunks == 0 {
		clear(partial[:size])
	}
	for n := b.chunks; n > 1; n -= n / 2 {
		h := n / 2
		b.v.AddTo(partial[:h*size], partial[(n-h)*size:n*size])
	}
	return partial[:b.cols], partial[b.cols:size]
}

// Bind normalises by the statistics of x itself:
//
//	mean[c], variance[c] = of column c, the variance biased
//	y = (x-mean)/sqrt(variance+eps)*weight + bias
//
// weight, bias and after may be nil; y may be x. Without rows the means are NaN.
func (b *BatchNorm) Bind(y, x, weight, bias, mean, variance []float32, eps float32, scratch []float32, after Epilogue) []Phase {
	s, v := b.cut(scratch), b.v
	return []Phase{
		once(func() {
			if b.rows > 0 {
				b.center(s.param[0], x[:b.rows*b.cols])
			}
		}),
		b.phase(func(worker, chunk, from, to int) {
			b.devs(s.partial[2*chunk*b.cols:], s.worker[worker], x[from*b.cols:to*b.cols], s.param[0])
		}),
		once(func() {
			d, sq := b.joined(s.partial)
			per := float32(1 / float64(b.rows))
			v.Run(MulS, d, d, nil, nil, per, 0)
			v.Run(MulS, sq, sq, nil, nil, per, 0)
			v.Run(Add, mean[:b.cols], s.param[0], d, nil, 0, 0)
			v.Run(Square, d, d, nil, nil, 0, 0)
			v.Run(Sub, d, sq, d, nil, 0, 0)
			v.Run(MaxS, variance[:b.cols], d, nil, nil, 0, 0)
			b.rstd(s.rstd, variance, eps)
			// y = (x-mean)*scale + shift
			center, scale, shift := s.param[0][:b.cols], s.param[1][:b.cols], s.param[2][:b.cols]
			copy(center, mean)
			copy(scale, s.rstd)
			if weight != nil {
				v.Run(Mul, scale, scale, weight, nil, 0, 0)
			}
			clear(shift)
			if bias != nil {
				copy(shift, bias)
			}
			for _, p := range s.param {
				b.repeat(p, 0, b.cols)
			}
		}),
		b.phase(func(worker, _, from, to int) { b.scale(worker, 0, y, x, s.param, from, to, after) }),
	}
}

// rstd sets dst = 1/sqrt(variance+eps).
func (b *BatchNorm) rstd(dst, variance []float32, eps float32) {
	b.v.Run(AddS, dst, variance, nil, nil, eps, 0)
	b.v.Run(Rsqrt, dst, dst, nil, nil, 0, 0)
}

// scale sets y = (x-param[0])*param[1] + param[2] in rows from..to, calling after while a
// block is in the first cache. Matrices of the plan's rows may lie one behind the
// other; the rows are all in that one.
func (b *BatchNorm) scale(worker, matrix int, y, x []float32, param [3][]float32, from, to int, after Epilogue) {
	b.wideRows(from, to, func(at, col, rows, cols int) {
		b.v.columnNorm(rows, cols, b.wide, &y[at], &x[at], &param[0][col], &param[1][col], &param[2][col], nil)
		if after == nil {
			return
		}
		r0 := at/b.cols - matrix*b.rows
		if b.fold > 1 {
			after(worker, matrix, r0, r0+((rows-1)*b.wide+cols)/b.cols, 0, b.cols)
		} else {
			after(worker, matrix, r0, r0+rows, col, col+cols)
		}
	})
}

// wideRows calls f for blocks of the rows from..to, seen as wide rows, and for
// what is left of them, a part of a wide row: at is the first element of x, col
// its place in a wide row.
func (b *BatchNorm) wideRows(from, to int, f func(at, col, rows, cols int)) {
	first, whole := from*b.cols, (to-from)/b.fold
	columnBlocks(whole, b.wide, func(at, col, rows, cols int) { f(first+at, col, rows, cols) })
	if at := first + whole*b.wide; at < to*b.cols {
		f(at, 0, 1, to*b.cols-at)
	}
}

// BindGrad computes the gradients of [BatchNorm.Bind]: with
// r = 1/sqrt(variance+eps) and h = (x-mean)*r,
//
//	dbias[c] = sum over rows of dy
//	dweight[c] = sum over rows of dy*h
//	dx = weight*r * (dy - dbias/rows - h*dweight/rows)
//
// weight, dweight and dbias may be nil. dx may be dy or x.
func (b *BatchNorm) BindGrad(dx, dweight, dbias, dy, x, weight, mean, variance []float32, eps float32, scratch []float32) []Phase {
	s, v := b.cut(scratch), b.v
	return []Phase{
		once(func() {
			copy(s.param[0], mean[:b.cols])
			b.repeat(s.param[0], 0, b.cols)
		}),
		b.phase(func(worker, chunk, from, to int) {
			lo, hi := from*b.cols, to*b.cols
			b.gradSums(s.partial[2*chunk*b.cols:], s.worker[worker], dy[lo:hi], x[lo:hi], s.param[0])
		}),
		once(func() {
			sum, sumX := b.joined(s.partial)
			if dbias != nil {
				copy(dbias, sum)
			}
			b.rstd(s.rstd, variance, eps)
			v.Run(Mul, sumX, sumX, s.rstd, nil, 0, 0)
			if dweight != nil {
				copy(dweight, sumX)
			}
			// dx = scale*dy + (slope*x + shift)
			per := float32(-1 / float64(b.rows))
			scale, slope, shift := s.param[0][:b.cols], s.param[1][:b.cols], s.param[2][:b.cols]
			copy(scale, s.rstd)
			if weight != nil {
				v.Run(Mul, scale, scale, weight, nil, 0, 0)
			}
			v.Run(Mul, slope, s.rstd, sumX, nil, 0, 0)
			v.Run(Mul, slope, slope, scale, nil, 0, 0)
			v.Run(MulS, slope, slope, nil, nil, per, 0)
			v.Run(Mul, sum, sum, scale, nil, 0, 0)
			v.Run(MulS, sum, sum, nil, nil, per, 0)
			v.Run(Mul, shift, slope, mean, nil, 0, 0)
			v.Run(Sub, shift, sum, shift, nil, 0, 0)
			for _, p := range s.param {
				b.repeat(p, 0, b.cols)
			}
		}),
		b.phase(func(_, _, from, to int) { b.grad(dx, dy, x, s.param, from, to) }),
	}
}

// grad sets dx = param[0]*dy + (param[1]*x + param[2]) in rows from..to.
func (b *BatchNorm) grad(dx, dy, x []float32, param [3][]float32, from, to int) {
	b.wideRows(from, to, func(at, col, rows, cols int) {
		b.v.columnGrad(rows, cols, b.wide, &dx[at], &dy[at], &x[at], &param[0][col], &param[1][col], &param[2][col])
	})
}

// moments are the mean and the squared deviations from it of count numbers.
type moments struct{ count, mean, m2 float64 }

// add joins n numbers that deviate from center by sum, their squares by sumSq
// (Chan, Golub, LeVeque 1979).
func (m *moments) add(n, center, sum, sumSq float64) {
	off, at := sum/n, center
	if !math.IsInf(at, 0) {
		at += off // which is NaN for an infinite mean
	}
	delta := at - m.mean
	total := m.count + n
	m.mean = float64(m.mean*(m.count/total)) + float64(at*(n/total))
	m.m2 += sumSq - float64(off*off*n) + float64(delta*delta*(m.count*n/total))
	m.count = total
}
