//go:build (amd64 || arm64) && !purego

package kernel

import "unsafe"

// words is what the assembly sees of a seg.
type words = [32]uint64

const _ = uint(unsafe.Sizeof(words{})-unsafe.Sizeof(seg{})) + uint(unsafe.Sizeof(seg{})-unsafe.Sizeof(words{}))

// idleAhead gives a seg with nothing to fetch ahead an address that costs nothing.
func (s *seg) idleAhead() {
	if s.aheadStep == 0 {
		s.ahead, s.ahead2 = uintptr(s.b), 0
	}
}

// packSteps bounds the columns, or the rows of panels, of one call of a copy.
const packSteps = 4096

// transposeRest transposes columns j0 to j1, the few that the assembly leaves.
func transposeRest(dst []float32, ldd int, src []float32, lds, rows, j0, j1 int) {
	for j := j0; j < j1; j++ {
		for i := range rows {
			dst[j*ldd+i] = src[i*lds+j]
		}
	}
}

// countOnes is the peak of a loop that writes a vector of at most 16 lanes.
func countOnes(loop func(lanes, one *float32, steps int)) func(int) int {
	return func(steps int) int {
		var lanes [16]float32
		one := float32(1)
		loop(&lanes[0], &one, steps)
		return count(lanes[:])
	}
}

// splitWhole is [Tile.split] by assembly for whole panels of one width.
func splitWhole(split func(dst *float32, ldd, panel int, src *float32, lds, rows, panels int),
	dst []float32, width, panel int, src []float32, lds, rows, cols int) {
	if rows == 0 || cols == 0 {
		return
	}
	if panels := cols / width; panels > 0 {
		_, _ = src[(rows-1)*lds+panels*width-1], dst[(panels-1)*panel+rows*width-1]
		most := max(1, packSteps/panels)
		for i := 0; i < rows; i += most {
			split(&dst[i*width], width*floatBytes, panel*floatBytes, &src[i*lds], lds*floatBytes, min(most, rows-i), panels)
		}
		if cols -= panels * width; cols == 0 {
			return
		}
		dst, src = dst[panels*panel:], src[panels*width:]
	}
	splitGeneric(dst, width, panel, src, lds, rows, cols)
}
