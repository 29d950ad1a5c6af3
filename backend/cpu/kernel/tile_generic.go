package kernel

import "unsafe"

var genericTile = Tile{
	Rows: 4, Cols: 8, Narrow: 4, Depth: 256, Speed: 1.5,
	mul: mulGeneric, transpose: transposeGeneric, split: splitGeneric, add: addGeneric,
}

// load returns the float at a byte offset.
func load(p unsafe.Pointer, off int) float32 { return *(*float32)(unsafe.Add(p, off)) }

// mulGeneric is [Tile.mul] in portable Go: every product is rounded before it
// is added, on every platform.
func mulGeneric(m, n int, s *seg) {
	for r := range s.reps {
		a, b, c := unsafe.Add(s.a, r*s.stepA), unsafe.Add(s.b, r*s.stepB), unsafe.Add(s.c, r*s.stepC)
		i := 0
		for ; i+2 <= m; i += 2 {
			j := 0
			for ; j+4 <= n; j += 4 {
				mul2x4(s, unsafe.Add(a, i*s.rsa), unsafe.Add(b, j*floatBytes), unsafe.Add(c, i*s.ldc+j*floatBytes))
			}
			for ; j < n; j++ {
				mul1x1(s, unsafe.Add(a, i*s.rsa), unsafe.Add(b, j*floatBytes), unsafe.Add(c, i*s.ldc+j*floatBytes))
				mul1x1(s, unsafe.Add(a, (i+1)*s.rsa), unsafe.Add(b, j*floatBytes), unsafe.Add(c, (i+1)*s.ldc+j*floatBytes))
			}
		}
		if i < m {
			j := 0
			for ; j+4 <= n; j += 4 {
				mul1x4(s, unsafe.Add(a, i*s.rsa), unsafe.Add(b, j*floatBytes), unsafe.Add(c, i*s.ldc+j*floatBytes))
			}
			for ; j < n; j++ {
				mul1x1(s, unsafe.Add(a, i*s.rsa), unsafe.Add(b, j*floatBytes), unsafe.Add(c, i*s.ldc+j*floatBytes))
			}
		}
	}
}

func mul2x4(s *seg, a, b, c unsafe.Pointer) {
	var c00, c01, c02, c03, c10, c11, c12, c13 float32
	rsa, csa, rsb := s.rsa, s.csa, s.rsb
	for g := range s.nseg {
		pa, pb := g*s.sega, g*s.segb
		for range s.k {
			b4 := (*[4]float32)(unsafe.Add(b, pb))
			a0, a1 := load(a, pa), load(a, pa+rsa)
			c00 += float32(a0 * b4[0])
			c01 += float32(a0 * b4[1])
			c02 += float32(a0 * b4[2])
			c03 += float32(a0 * b4[3])
			c10 += float32(a1 * b4[0])
			c11 += float32(a1 * b4[1])
			c12 += float32(a1 * b4[2])
			c13 += float32(a1 * b4[3])
			pa += csa
			pb += rsb
		}
	}
	store4(s, c, c00, c01, c02, c03)
	store4(s, unsafe.Add(c, s.ldc), c10, c11, c12, c13)
}

func mul1x4(s *seg, a, b, c unsafe.Pointer) {
	var c0, c1, c2, c3 float32
	for g := range s.nseg {
		pa, pb := g*s.sega, g*s.segb
		for range s.k {
			b4 := (*[4]float32)(unsafe.Add(b, pb))
			x := load(a, pa)
			c0 += float32(x * b4[0])
			c1 += float32(x * b4[1])
			c2 += float32(x * b4[2])
			c3 += float32(x * b4[3])
			pa += s.csa
			pb += s.rsb
		}
	}
	store4(s, c, c0, c1, c2, c3)
}

func store4(s *seg, c unsafe.Pointer, c0, c1, c2, c3 float32) {
	p := (*[4]float32)(c)
	if s.acc != 0 {
		c0 += p[0]
		c1 += p[1]
		c2 += p[2]
		c3 += p[3]
	}
	p[0], p[1], p[2], p[3] = c0, c1, c2, c3
}

func mul1x1(s *seg, a, b, c unsafe.Pointer) {
	var sum float32
	for g := range s.nseg {
		pa, pb := g*s.sega, g*s.segb
		for range s.k {
			sum += float32(load(a, pa) * load(b, pb))
			pa += s.csa
			pb += s.rsb
		}
	}
	p := (*float32)(c)
	if s.acc != 0 {
		sum += *p
	}
	*p = sum
}

func transposeGeneric(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for i := range rows {
		for j, x := range src[i*lds:][:cols] {
			dst[j*ldd+i] = x
		}
	}
}

func splitGeneric(dst []float32, width, panel int, src []float32, lds, rows, cols int) {
	for j := 0; j < cols; j += width {
		n := min(width, cols-j)
		for i := range rows {
			copy(dst[j/width*panel+i*width:][:n], src[i*lds+j:])
		}
	}
}

func addGeneric(dst, src []float32) {
	for i, x := range src[:len(dst)] {
		dst[i] += x
	}
}
