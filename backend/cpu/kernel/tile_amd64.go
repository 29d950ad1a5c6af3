//go:build amd64 && !purego

package kernel

import "unsafe"

var avx512Tile = Tile{
	Rows: 12, Cols: 32, Narrow: 16, Depth: 1024, Speed: 80,
	mul: mulAVX512, transpose: transposeRowsAVX512, split: splitRowsAVX512, add: addSliceAVX512,
}

var avx2Tile = Tile{
	Rows: 6, Cols: 16, Narrow: 8, Depth: 384, Speed: 40,
	mul: mulAVX2, transpose: transposeRowsAVX2, split: splitRowsAVX2, add: addSliceAVX2,
}

// Blocks are indexed by form, vectors less one and rows less one. The first
// form takes any strides of A, and masked columns; in the others the steps of
// A are side by side, or the rows of a step, and all vectors are full.
var blocksAVX512 = [3][2][12]func(*words){
	{
		{
			tile1x16AVX512, tile2x16AVX512, tile3x16AVX512,
			tile4x16AVX512, tile5x16AVX512, tile6x16AVX512,
			tile7x16AVX512, tile8x16AVX512, tile9x16AVX512,
			tile10x16AVX512, tile11x16AVX512, tile12x16AVX512,
		},
		{
			tile1x32AVX512, tile2x32AVX512, tile3x32AVX512,
			tile4x32AVX512, tile5x32AVX512, tile6x32AVX512,
			tile7x32AVX512, tile8x32AVX512, tile9x32AVX512,
			tile10x32AVX512, tile11x32AVX512, tile12x32AVX512,
		},
	},
	{
		{
			tile1x16AVX512AlongK, tile2x16AVX512AlongK, tile3x16AVX512AlongK,
			tile4x16AVX512AlongK, tile5x16AVX512AlongK, tile6x16AVX512AlongK,
			tile7x16AVX512AlongK, tile8x16AVX512AlongK, tile9x16AVX512AlongK,
			tile10x16AVX512AlongK, tile11x16AVX512AlongK, tile12x16AVX512AlongK,
		},
		{
			tile1x32AVX512AlongK, tile2x32AVX512AlongK, tile3x32AVX512AlongK,
			tile4x32AVX512AlongK, tile5x32AVX512AlongK, tile6x32AVX512AlongK,
			tile7x32AVX512AlongK, tile8x32AVX512AlongK, tile9x32AVX512AlongK,
			tile10x32AVX512AlongK, tile11x32AVX512AlongK, tile12x32AVX512AlongK,
		},
	},
	{
		{
			tile1x16AVX512AlongM, tile2x16AVX512AlongM, tile3x16AVX512AlongM,
			tile4x16AVX512AlongM, tile5x16AVX512AlongM, tile6x16AVX512AlongM,
			tile7x16AVX512AlongM, tile8x16AVX512AlongM, tile9x16AVX512AlongM,
			tile10x16AVX512AlongM, tile11x16AVX512AlongM, tile12x16AVX512AlongM,
		},
		{
			tile1x32AVX512AlongM, tile2x32AVX512AlongM, tile3x32AVX512AlongM,
			tile4x32AVX512AlongM, tile5x32AVX512AlongM, tile6x32AVX512AlongM,
			tile7x32AVX512AlongM, tile8x32AVX512AlongM, tile9x32AVX512AlongM,
			tile10x32AVX512AlongM, tile11x32AVX512AlongM, tile12x32AVX512AlongM,
		},
	},
}

func mulAVX512(m, n int, s *seg) {
	s.mask = 1<<n - 1
	s.idleAhead()
	blocksAVX512[s.form(n%16)][(n-1)/16][m-1]((*words)(unsafe.Pointer(s)))
}

// form is the kind of block for the strides of s, and columns of which some
// are left over.
func (s *seg) form(left int) int {
	switch {
	case left > 0:
		return 0
	case s.csa == floatBytes:
		return 1
	case s.rsa == floatBytes:
		return 2
	}
	return 0
}

var blocksAVX2 = [3][2][6]func(*words){
	{
		{
			tile1x8AVX2, tile2x8AVX2, tile3x8AVX2,
			tile4x8AVX2, tile5x8AVX2, tile6x8AVX2,
		},
		{
			tile1x16AVX2, tile2x16AVX2, tile3x16AVX2,
			tile4x16AVX2, tile5x16AVX2, tile6x16AVX2,
		},
	},
	{
		{
			tile1x8AVX2AlongK, tile2x8AVX2AlongK, tile3x8AVX2AlongK,
			tile4x8AVX2AlongK, tile5x8AVX2AlongK, tile6x8AVX2AlongK,
		},
		{
			tile1x16AVX2AlongK, tile2x16AVX2AlongK, tile3x16AVX2AlongK,
			tile4x16AVX2AlongK, tile5x16AVX2AlongK, tile6x16AVX2AlongK,
		},
	},
	{
		{
			tile1x8AVX2AlongM, tile2x8AVX2AlongM, tile3x8AVX2AlongM,
			tile4x8AVX2AlongM, tile5x8AVX2AlongM, tile6x8AVX2AlongM,
		},
		{
			tile1x16AVX2AlongM, tile2x16AVX2AlongM, tile3x16AVX2AlongM,
			tile4x16AVX2AlongM, tile5x16AVX2AlongM, tile6x16AVX2AlongM,
		},
	},
}

func mulAVX2(m, n int, s *seg) {
	s.idleAhead()
	s.lanes = lanesAVX2[n%8]
	blocksAVX2[s.form(n%8)][(n-1)/8][m-1]((*words)(unsafe.Pointer(s)))
}

// lanesAVX2[n] selects the first n lanes of a vector, all of them for n = 0.
var lanesAVX2 = [8][8]int32{
	{-1, -1, -1, -1, -1, -1, -1, -1},
	{-1},
	{-1, -1},
	{-1, -1, -1},
	{-1, -1, -1, -1},
	{-1, -1, -1, -1, -1},
	{-1, -1, -1, -1, -1, -1},
	{-1, -1, -1, -1, -1, -1, -1},
}

func transposeRowsAVX512(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if rows == 0 || cols == 0 {
		return
	}
	_, _ = src[(rows-1)*lds+cols-1], dst[(cols-1)*ldd+rows-1]
	body := cols &^ 3
	for i := 0; i < rows; i += 16 {
		r := min(16, rows-i)
		for j := 0; j < body; j += packSteps {
			transposeAVX512(&dst[j*ldd+i], ldd*floatBytes, &src[i*lds+j], lds*floatBytes, r, min(packSteps, body-j)/4)
		}
	}
	transposeRest(dst, ldd, src, lds, rows, body, cols)
}

func transposeRowsAVX2(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if rows == 0 || cols == 0 {
		return
	}
	_, _ = src[(rows-1)*lds+cols-1], dst[(cols-1)*ldd+rows-1]
	body := cols &^ 3
	for i := 0; i < rows; i += 8 {
		r := min(8, rows-i)
		for j := 0; j < body; j += packSteps {
			transposeAVX2(&dst[j*ldd+i], ldd*floatBytes, &src[i*lds+j], lds*floatBytes, r, min(packSteps, body-j)/4, &lanesAVX2[r%8])
		}
	}
	transposeRest(dst, ldd, src, lds, rows, body, cols)
}

func splitRowsAVX512(dst []float32, width, panel int, src []float32, lds, rows, cols int) {
	if rows == 0 || cols == 0 {
		return
	}
	panels, rest := cols/width, cols%width
	_, _ = src[(rows-1)*lds+cols-1], dst[(cols-1)/width*panel+(rows-1)*width+(cols-1)%width]
	split := split16AVX512
	if width > 16 {
		split = split32AVX512
	}
	most := max(4, packSteps/(panels+1)&^3)
	for i := 0; i < rows; i += most {
		if n := min(most, rows-i); width == 12 && panels > 0 && n >= 4 {
			split12AVX512(&dst[i*width], panel*floatBytes, &src[i*lds], lds*floatBytes, n/4, panels)
			if whole := n &^ 3; whole < n { // the last rows
				j := i + whole
				split(&dst[j*width], width*floatBytes, panel*floatBytes, &src[j*lds], lds*floatBytes, n-whole, width, panels, 0)
			}
			if rest > 0 { // the last columns
				split(&dst[panels*panel+i*width], width*floatBytes, 0, &src[i*lds+panels*width], lds*floatBytes, n, width, 0, 1<<rest-1)
			}
			continue
		}
		split(&dst[i*width], width*floatBytes, panel*floatBytes, &src[i*lds], lds*floatBytes, min(most, rows-i), width, panels, 1<<rest-1)
	}
}

func splitRowsAVX2(dst []float32, width, panel int, src []float32, lds, rows, cols int) {
	split := split16AVX2
	if width < 16 {
		split = split6AVX2
	}
	splitWhole(split, dst, width, panel, src, lds, rows, cols)
}

func addSliceAVX512(dst, src []float32) {
	src = src[:len(dst)]
	body := len(dst) &^ 15
	for i := 0; i < body; i += 16 * packSteps {
		addAVX512(&dst[i], &src[i], min(packSteps, (body-i)/16))
	}
	addGeneric(dst[body:], src[body:])
}

func addSliceAVX2(dst, src []float32) {
	src = src[:len(dst)]
	body := len(dst) &^ 7
	for i := 0; i < body; i += 8 * packSteps {
		addAVX2(&dst[i], &src[i], min(packSteps, (body-i)/8))
	}
	addGeneric(dst[body:], src[body:])
}
