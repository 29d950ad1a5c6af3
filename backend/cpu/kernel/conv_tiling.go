package kernel

// A tiling is how images are cut in squares of which the 36 transformed points
// are wanted. A band is a row of squares; bands are counted through all images.
type tiling struct {
	transform   transform
	side        int // of a square
	channels    int
	size, first [2]int // of an image; where its first square begins
	tiles       [2]int // squares of an image, four pixels apart
}

// bands transforms bands lo to hi of src to the squares of dst from number
// tile on: [point tile channel], the points step floats apart.
func (q *tiling) bands(src, dst []float32, step, tile, lo, hi int) {
	row := q.size[1] * q.channels
	for band := lo; band < hi; band++ {
		image, i := band/q.tiles[0], band%q.tiles[0]*winogradOut+q.first[0]
		for t := range q.tiles[1] {
			j := t*winogradOut + q.first[1]
			q.transform(q.channels, q.valid(i, j), &src[0], (image*q.size[0]+i)*row+j*q.channels, row, q.channels,
				&dst[tile*q.channels], winogradIn*step, step)
			tile++
		}
	}
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
