package kernel

import "math"

// A BatchNorm plans batch normalisation of a matrix x [rows, cols] over its
// rows, one column a channel: an image with channels last.
//
// Rows are cut in chunks that depend on the shape alone. Within a chunk the
// mean and the squared deviations from it are found in two passes, in float32;
// chunks combine in order in float64 (Chan, Golub, LeVeque 1979). The result
// does not depend on the number of workers and stays precise where the mean is
// much larger than the deviation.
//
// Rows are narrow, so kernels run over several at a time: fold rows form one
// wide row, and values by column are repeated fold times.
type BatchNorm struct {
	v          *Vec
	rows, cols int
	fold, wide int // rows in a wide row; its length fold*cols
	chunkRows  int // rows of a chunk, a multiple of fold
	chunks     int
	workers    int
}

const (
	wideLen  = 512     // least length of a wide row
	chunkLen = 1 << 14 // elements of a chunk, about
	colChunk = 128     // columns that one chunk of the combining phase takes
)

// NewBatchNorm plans for x [rows, cols] and that many workers.
func NewBatchNorm(set *Set, rows, cols, workers int) *BatchNorm {
	b := &BatchNorm{v: &set.Vec, rows: rows, cols: cols, workers: workers}
	b.fold = max(1, wideLen/max(cols, 1))
	b.wide = b.fold * cols
	b.chunkRows = b.fold * max(1, chunkLen/max(b.wide, 1))
	b.chunks = (rows + b.chunkRows - 1) / b.chunkRows
	return b
}

// Scratch returns the number of floats of scratch memory that a Bind needs.
// Their contents need not be kept between runs.
func (b *BatchNorm) Scratch() int {
	return 3*b.chunks*b.cols + 3*b.wide + 3*b.workers*b.wide
}

// A bnScratch is the scratch memory, cut.
type bnScratch struct {
	partial [][3][]float32 // [chunk] three values by column
	param   [3][]float32   // three values by column, repeated
	worker  [][3][]float32 // [worker] three wide rows
}

func (b *BatchNorm) cut(mem []float32) (s bnScratch) {
	take := func(n int) []float32 {
		p := mem[:n:n]
		mem = mem[n:]
		return p
	}
	for range b.chunks {
		s.partial = append(s.partial, [3][]float32{take(b.cols), take(b.cols), take(b.cols)})
	}
	for i := range s.param {
		s.param[i] = take(b.wide)
	}
	for range b.workers {
		s.worker = append(s.worker, [3][]float32{take(b.wide), take(b.wide), take(b.wide)})
	}
	return s
}

// span returns the elements of x in a chunk.
func (b *BatchNorm) span(chunk int) (from, to int) {
	return chunk * b.chunkRows * b.cols, min((chunk+1)*b.chunkRows, b.rows) * b.cols
}

// columnPhase runs f for every column.
func (b *BatchNorm) columnPhase(f func(c int)) Phase {
	return Phase{Chunks: (b.cols + colChunk - 1) / colChunk, Run: func(_, chunk int) {
		for c := chunk * colChunk; c < min((chunk+1)*colChunk, b.cols); c++ {
			f(c)
		}
	}}
}

// repeat sets a column's value in a wide row.
func (b *BatchNorm) repeat(wide []float32, c int, x float32) {
	for i := c; i < b.wide; i += b.cols {
		wide[i] = x
	}
}

// foldInto sets dst[c] to the sum of the repetitions of column c in wide.
func (b *BatchNorm) foldInto(dst, wide []float32) {
	copy(dst, wide[:b.cols])
	for i := b.cols; i < b.wide; i += b.cols {
		b.v.AddTo(dst, wide[i:i+b.cols])
	}
}

// stats computes for each chunk a mean, near the exact one, and the sums of the
// deviations from it and of their squares.
func (b *BatchNorm) stats(x []float32, s bnScratch) Phase {
	return Phase{Chunks: b.chunks, Run: func(worker, chunk int) {
		from, to := b.span(chunk)
		b.chunkStats(x[from:to], s.partial[chunk], s.worker[worker])
	}}
}

// chunkStats is the part of stats for the rows of one chunk.
func (b *BatchNorm) chunkStats(x []float32, part, worker [3][]float32) {
	v := b.v
	sum, sumSq, mean := worker[0], worker[1], worker[2]
	clear(sum)
	for i := 0; i < len(x); i += b.wide {
		n := min(b.wide, len(x)-i)
		v.Run(Add, sum[:n], sum, x[i:], nil, 0, 0)
	}
	b.foldInto(part[0], sum)
	v.Run(MulS, part[0], part[0], nil, nil, float32(1/float64(len(x)/b.cols)), 0)
	for i := 0; i < b.wide; i += b.cols {
		copy(mean[i:], part[0])
	}
	clear(sum)
	clear(sumSq)
	for i := 0; i < len(x); i += b.wide {
		n := min(b.wide, len(x)-i)
		for j := 0; j < n; j += maxCall {
			v.columnDevs(min(maxCall, n-j), &sum[j], &sumSq[j], &x[i+j], &mean[j], nil, nil, 0, 0, 0, 0, 0, 0, 0, 0)
		}
	}
	b.foldInto(part[1], sum)
	b.foldInto(part[2], sumSq)
}

// combine returns mean and biased variance of column c from all chunks.
func (b *BatchNorm) combine(s bnScratch, c int) (mean, variance float64) {
	var m moments
	for chunk, part := range s.partial {
		from, to := b.span(chunk)
		m.add(float64((to-from)/b.cols), part, c)
	}
	return m.mean, m.m2 / m.count
}

// moments are the mean and the squared deviations from it of count numbers.
type moments struct{ count, mean, m2 float64 }

// add joins n numbers whose chunkStats are those of column c of part.
func (m *moments) add(n float64, part [3][]float32, c int) {
	off, at := float64(part[1][c])/n, float64(part[0][c])
	if !math.IsInf(at, 0) {
		at += off // which is NaN for an infinite mean
	}
	delta := at - m.mean
	total := m.count + n
	m.mean = float64(m.mean*(m.count/total)) + float64(at*(n/total))
	m.m2 += float64(part[2][c]) - float64(off*off*n) + float64(delta*delta*(m.count*n/total))
	m.count = total
}

// normalize sets y = x*param0 + param1.
func (b *BatchNorm) normalize(y, x []float32, s bnScratch, after Epilogue) Phase {
	return Phase{Chunks: b.chunks, Run: func(worker, chunk int) {
		from, to := b.span(chunk)
		for i := from; i < to; i += b.wide {
			n := min(b.wide, to-i)
			b.v.Run(Fma, y[i:i+n], x[i:], s.param[0], s.param[1], 0, 0)
		}
		if after != nil {
			after(worker, 0, from/b.cols, to/b.cols, 0, b.cols)
		}
	}}
}

func (b *BatchNorm) scaleShift(s bnScratch, weight, bias []float32, c int, mean, rstd float64) {
	w, shift := 1.0, 0.0
	if weight != nil {
		w = float64(weight[c])
	}
	if bias != nil {
		shift = float64(bias[c])
	}
	b.repeat(s.param[0], c, float32(w*rstd))
	b.repeat(s.param[1], c, float32(shift-float64(mean*w*rstd)))
}

// Bind normalises by the statistics of x itself:
//
//	mean[c], variance[c] = of column c, the variance biased
//	rstd[c] = 1/sqrt(variance[c]+eps)
//	y = (x-mean)*rstd*weight + bias
//
// weight, bias and after may be nil; y may be x. Without rows the means are NaN.
func (b *BatchNorm) Bind(y, x, weight, bias, mean, variance, rstd []float32, eps float32, scratch []float32, after Epilogue) []Phase {
	s := b.cut(scratch)
	return []Phase{
		b.stats(x, s),
		b.columnPhase(func(c int) {
			m, va := b.combine(s, c)
			r := 1 / math.Sqrt(va+float64(eps))
			mean[c], variance[c], rstd[c] = float32(m), float32(va), float32(r)
			b.scaleShift(s, weight, bias, c, m, r)
		}),
		b.normalize(y, x, s, after),
	}
}

// BindGrad computes the gradients of [BatchNorm.Bind]: with h = (x-mean)*rstd,
//
//	dbias[c] = sum over rows of dy
//	dweight[c] = sum over rows of dy*h
//	dx = weight*rstd * (dy - dbias/rows - h*dweight/rows)
//
// weight, dweight and dbias may be nil. dx may be dy or x.
func (b *BatchNorm) BindGrad(dx, dweight, dbias, dy, x, weight, mean, rstd, scratch []float32) []Phase {
	s := b.cut(scratch)
	sums := Phase{Chunks: b.chunks, Run: func(worker, chunk int) {
		sum, sumX, center := s.worker[worker][0], s.worker[worker][1], s.worker[worker][2]
		from, to := b.span(chunk)
		for i := 0; i < b.wide; i += b.cols {
			copy(center[i:], mean[:b.cols])
		}
		clear(sum)
		clear(sumX)
		for i := from; i < to; i += b.wide {
			b.addSums(sum[:min(b.wide, to-i)], sumX, dy[i:], x[i:], center)
		}
		b.foldInto(s.partial[chunk][0], sum)
		b.foldInto(s.partial[chunk][1], sumX)
	}}
	combine := b.columnPhase(func(c int) {
		var sum, sumX float64
		for _, part := range s.partial {
			sum += float64(part[0][c])
			sumX += float64(part[1][c])
		}
		r := float64(rstd[c])
		if dbias != nil {
			dbias[c] = float32(sum)
		}
		if dweight != nil {
			dweight[c] = float32(sumX * r)
		}
		// dx = scale*dy + (slope*x + shift)
		scale := r
		if weight != nil {
			scale *= float64(weight[c])
		}
		slope := -scale * r * r * sumX / float64(b.rows)
		b.repeat(s.param[0], c, float32(scale))
		b.repeat(s.param[1], c, float32(slope))
		b.repeat(s.param[2], c, float32(float64(-scale*sum/float64(b.rows))-float64(slope*float64(mean[c]))))
	})
	grad := Phase{Chunks: b.chunks, Run: func(_, chunk int) {
		from, to := b.span(chunk)
		for i := from; i < to; i += b.wide {
			b.wideGrad(dx[i:i+min(b.wide, to-i)], dy[i:], x[i:], s.param)
		}
	}}
	return []Phase{sums, combine, grad}
}

// addSums adds dy to sum and dy*(x-center) to sumX, along a wide row.
func (b *BatchNorm) addSums(sum, sumX, dy, x, center []float32) {
	for j := 0; j < len(sum); j += maxCall {
		b.v.columnSums(min(maxCall, len(sum)-j), &sum[j], &sumX[j], &dy[j], &x[j], &center[j], nil, 0, 0, 0, 0, 0, 0, 0, 0)
	}
}

// wideGrad sets dx = param[0]*dy + (param[1]*x + param[2]) along a wide row.
func (b *BatchNorm) wideGrad(dx, dy, x []float32, param [3][]float32) {
	for j := 0; j < len(dx); j += maxCall {
		b.v.columnGrad(min(maxCall, len(dx)-j), &dx[j], &dy[j], &x[j], &param[0][j], &param[1][j], &param[2][j], 0, 0, 0, 0, 0, 0, 0, 0)
	}
}
