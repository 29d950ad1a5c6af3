package kernel

// A tiling is how images are cut in squares, of which the 36 transformed points
// are wanted or which are made of these. A band is a row of squares; bands are
// counted through all images.
type tiling struct {
	transform   transform
	side        int // of a square
	apart       int // pixels from square to square
	channels    int
	size, first [2]int // of an image; where its first square begins
	tiles       [2]int // squares of an image
}

// bands transforms bands lo to hi of src to the squares of dst from number
// tile on: [point tile channel], the points step floats apart.
func (q *tiling) bands(src, dst []float32, step, tile, lo, hi int) {
	row := q.size[1] * q.channels
	for band := lo; band < hi; band++ {
		for t := range q.tiles[1] {
			origin, valid := q.square(band, t)
			q.transform(q.channels, valid, origin, &src[0], row, q.channels, &dst[tile*q.channels], winogradIn*step, step)
			tile++
		}
	}
}

// results transforms the points of bands lo to hi, [point tile column] and step
// floats apart, to n channels of dst from channel c on.
func (q *tiling) results(src []float32, step, cols int, dst []float32, c, n, lo, hi int) {
	row := q.size[1] * q.channels
	tile := 0
	for band := lo; band < hi; band++ {
		for t := range q.tiles[1] {
			origin, valid := q.square(band, t)
			q.transform(n, valid, origin, &src[tile*cols], winogradIn*step, step, &dst[c], row, q.channels)
			tile++
		}
	}
}

// count is the number of squares of an image.
func (q *tiling) count() int { return q.tiles[0] * q.tiles[1] }

// pixel is the first pixel of a band.
func (q *tiling) pixel(band int) int {
	return (band/q.tiles[0]*q.size[0] + band%q.tiles[0]*q.apart) * q.size[1]
}

// square tells where the square of a band and column begins, which may be
// outside the image, and which of its pixels exist.
func (q *tiling) square(band, column int) (origin int, valid uint64) {
	image, i := band/q.tiles[0], band%q.tiles[0]*q.apart+q.first[0]
	j := column*q.apart + q.first[1]
	return ((image*q.size[0]+i)*q.size[1] + j) * q.channels, q.valid(i, j)
}

// valid tells which pixels of the square at row i and column j exist.
func (q *tiling) valid(i, j int) uint64 {
	if i >= 0 && j >= 0 && i+q.side <= q.size[0] && j+q.side <= q.size[1] {
		return ^uint64(0)
	}
	var columns, valid uint64
	for c := max(0, -j); c < min(q.side, q.size[1]-j); c++ {
		columns |= 1 << c
	}
	for r := max(0, -i); r < min(q.side, q.size[0]-i); r++ {
		valid |= columns << (8 * r)
	}
	return valid
}

// evenRows multiplies m rows, in blocks of nearly the same size: s says all but
// where A and C begin.
func (t *Tile) evenRows(m, n int, a, c []float32, s *seg) {
	parts := ceil(m, t.Rows)
	rows, more := m/parts, m%parts
	s.a, s.c = at(a, 0), at(c, 0)
	if more > 0 {
		s.stepA, s.stepC = (rows+1)*s.rsa, (rows+1)*s.ldc
		t.blocks(rows+1, n, more, s)
		s.a, s.c = at(a, more*s.stepA/floatBytes), at(c, more*s.stepC/floatBytes)
	}
	s.stepA, s.stepC = rows*s.rsa, rows*s.ldc
	t.blocks(rows, n, parts-more, s)
}
