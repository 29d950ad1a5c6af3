//go:build arm64 && !purego

package kernel

import "unsafe"

var neonTile = Tile{
	Rows: 6, Cols: 16, Narrow: 8, Depth: 384, Speed: 20,
	mul: mulNEON, transpose: transposeRowsNEON, split: splitRowsNEON, add: addSliceNEON,
}

// blocksNEON is indexed by (vectors-1)*2 + (1 if the last is in part).
var blocksNEON = [8][6]func(*words){
	{tile1x4NEON, tile2x4NEON, tile3x4NEON, tile4x4NEON, tile5x4NEON, tile6x4NEON},
	{tile1x4NEONPart, tile2x4NEONPart, tile3x4NEONPart, tile4x4NEONPart, tile5x4NEONPart, tile6x4NEONPart},
	{tile1x8NEON, tile2x8NEON, tile3x8NEON, tile4x8NEON, tile5x8NEON, tile6x8NEON},
	{tile1x8NEONPart, tile2x8NEONPart, tile3x8NEONPart, tile4x8NEONPart, tile5x8NEONPart, tile6x8NEONPart},
	{tile1x12NEON, tile2x12NEON, tile3x12NEON, tile4x12NEON, tile5x12NEON, tile6x12NEON},
	{tile1x12NEONPart, tile2x12NEONPart, tile3x12NEONPart, tile4x12NEONPart, tile5x12NEONPart, tile6x12NEONPart},
	{tile1x16NEON, tile2x16NEON, tile3x16NEON, tile4x16NEON, tile5x16NEON, tile6x16NEON},
	{tile1x16NEONPart, tile2x16NEONPart, tile3x16NEONPart, tile4x16NEONPart, tile5x16NEONPart, tile6x16NEONPart},
}

func mulNEON(m, n int, s *seg) {
	s.idleAhead()
	kind := (n - 1) / 4 * 2
	if n%4 != 0 {
		kind++
		s.mask = uint64(n % 4)
	}
	blocksNEON[kind][m-1]((*words)(unsafe.Pointer(s)))
}

func transposeRowsNEON(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if rows == 0 || cols == 0 {
		return
	}
	_, _ = src[(rows-1)*lds+cols-1], dst[(cols-1)*ldd+rows-1]
	body := cols &^ 3
	for i := 0; i < rows; i += 4 {
		r := min(4, rows-i)
		for j := 0; j < body; j += packSteps {
			transposeNEON(&dst[j*ldd+i], ldd*floatBytes, &src[i*lds+j], lds*floatBytes, r, min(packSteps, body-j)/4)
		}
	}
	transposeRest(dst, ldd, src, lds, rows, body, cols)
}

func splitRowsNEON(dst []float32, width, panel int, src []float32, lds, rows, cols int) {
	split := split16NEON
	if width < 16 {
		split = split6NEON
	}
	splitWhole(split, dst, width, panel, src, lds, rows, cols)
}

func addSliceNEON(dst, src []float32) {
	src = src[:len(dst)]
	body := len(dst) &^ 7
	for i := 0; i < body; i += 8 * packSteps {
		addNEON(&dst[i], &src[i], min(packSteps, (body-i)/8))
	}
	addGeneric(dst[body:], src[body:])
}
