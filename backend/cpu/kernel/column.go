package kernel

import "unsafe"

// Kernels of columns go down the rows of matrices. What there is one of for each
// column, a mean or a sum, stays in registers meanwhile. A column is added up
// from the first row to the last, in float32.

const (
	// columnBlock is the number of elements that a kernel goes through before
	// it comes to the next strip of columns: so many stay in the first cache.
	columnBlock = 2048

	// columnCall bounds the columns of a call, of which eight rows are seen at
	// least.
	columnCall = 1 << 13
)

// columnBlocks calls f for blocks of a matrix [rows, cols] that stay in the first
// cache: at is the first element, col its column.
func columnBlocks(rows, cols int, f func(at, col, rows, cols int)) {
	per := max(8, columnBlock/max(cols, 1))
	for r := 0; r < rows; r += per {
		for c := 0; c < cols; c += columnCall {
			f(r*cols+c, c, min(per, rows-r), min(columnCall, cols-c))
		}
	}
}

// columnDevsGeneric adds x-center to s and its square to sq.
func columnDevsGeneric(rows, cols, stride int, px, pcenter, ps, psq, _, _ *float32) {
	s, sq, center := unsafe.Slice(ps, cols), unsafe.Slice(psq, cols), unsafe.Slice(pcenter, cols)
	for r := range rows {
		x := unsafe.Slice(elem(px, r*stride), cols)
		for c, m := range center {
			d := x[c] - m
			s[c] += d
			sq[c] += float32(d * d)
		}
	}
}

// columnSumsGeneric adds dy to s and dy*(x-mean) to sx.
func columnSumsGeneric(rows, cols, stride int, pdy, px, pmean, ps, psx, _ *float32) {
	s, sx, mean := unsafe.Slice(ps, cols), unsafe.Slice(psx, cols), unsafe.Slice(pmean, cols)
	for r := range rows {
		dy, x := unsafe.Slice(elem(pdy, r*stride), cols), unsafe.Slice(elem(px, r*stride), cols)
		for c, g := range dy {
			s[c] += g
			sx[c] += float32(g * (x[c] - mean[c]))
		}
	}
}

// columnNormGeneric sets y = (x-center)*a + b; the assembly rounds the product and
// its sum once. y may be x.
func columnNormGeneric(rows, cols, stride int, py, px, pcenter, pa, pb, _ *float32) {
	center, a, b := unsafe.Slice(pcenter, cols), unsafe.Slice(pa, cols), unsafe.Slice(pb, cols)
	for r := range rows {
		y, x := unsafe.Slice(elem(py, r*stride), cols), unsafe.Slice(elem(px, r*stride), cols)
		for c, m := range center {
			y[c] = float32((x[c]-m)*a[c]) + b[c]
		}
	}
}

// columnGradGeneric sets dx = a*dy + (b*x + c). dx may be dy or x.
func columnGradGeneric(rows, cols, stride int, pdx, pdy, px, pa, pb, pc *float32) {
	a, b, c := unsafe.Slice(pa, cols), unsafe.Slice(pb, cols), unsafe.Slice(pc, cols)
	for r := range rows {
		dx, dy, x := unsafe.Slice(elem(pdx, r*stride), cols), unsafe.Slice(elem(pdy, r*stride), cols), unsafe.Slice(elem(px, r*stride), cols)
		for i, g := range dy {
			dx[i] = float32(a[i]*g) + (float32(b[i]*x[i]) + c[i])
		}
	}
}
