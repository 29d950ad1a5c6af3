package kernel

import "unsafe"

// An Element is a type that the copies move. Types are told apart by their
// size alone.
type Element interface {
	~float32 | ~float64 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~bool
}

// transposeTile is the side of the squares that Transpose2D moves: a square of
// float64, read and written, fits the first cache.
const transposeTile = 16

// Transpose2D sets dst[j*ldd+i] = src[i*lds+j] for i < rows, j < cols. dst and
// src do not overlap.
func Transpose2D[T Element](dst []T, ldd int, src []T, lds, rows, cols int) {
	for i0 := 0; i0 < rows; i0 += transposeTile {
		i1 := min(i0+transposeTile, rows)
		for j0 := 0; j0 < cols; j0 += transposeTile {
			for j := j0; j < min(j0+transposeTile, cols); j++ {
				out := dst[j*ldd+i0 : j*ldd+i1]
				k := i0*lds + j
				for i := range out {
					out[i] = src[k]
					k += lds
				}
			}
		}
	}
}

// Transpose2D is the package's Transpose2D for float32, with the set's vectors.
func (s *Set) Transpose2D(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if rows > 0 && cols > 0 {
		_, _ = dst[(cols-1)*ldd+rows-1], src[(rows-1)*lds+cols-1]
		// A strip of rows a call keeps calls short.
		strip := max(64, 1<<16/cols) &^ 15
		for i := 0; i < rows; i += strip {
			s.Tile.transpose(dst[i:], ldd, src[i*lds:], lds, min(strip, rows-i), cols)
		}
	}
}

// MaxRank bounds the rank of what the strided copies take.
const MaxRank = 8

// CopyStrided sets dst, contiguous in row-major order and of the given shape,
// from src: element (i0, i1, ...) is src[i0*strides[0] + i1*strides[1] + ...].
// Strides are in elements; 0 repeats, negative ones reach back from where src
// starts: base is the index of element (0, 0, ...). dst and src do not overlap.
func CopyStrided[T Element](dst, src []T, base int, shape, strides []int) {
	CopyStridedRange(dst, src, base, shape, strides, 0, len(dst))
}

// CopyStridedRange is CopyStrided for the elements from <= i < to of dst, so
// that workers can share a copy.
func CopyStridedRange[T Element](dst, src []T, base int, shape, strides []int, from, to int) {
	var n, st, at [MaxRank]int
	rank := 0
	// Dimensions that continue each other become one.
	for d, size := range shape {
		if size == 0 {
			return
		}
		if size == 1 {
			continue
		}
		if rank > 0 && st[rank-1] == strides[d]*size {
			n[rank-1] *= size
			st[rank-1] = strides[d]
			continue
		}
		n[rank], st[rank] = size, strides[d]
		rank++
	}
	if from >= to {
		return
	}
	if rank == 0 {
		n[0], rank = 1, 1
	}
	last := rank - 1
	rest, off := from, base
	for d := last; d >= 0; d-- {
		at[d] = rest % n[d]
		rest /= n[d]
		off += at[d] * st[d]
	}
	for i := from; i < to; {
		count := min(n[last]-at[last], to-i)
		copyRun(dst[i:i+count], src, off, st[last])
		i += count
		// Go to the start of the next run.
		off += (n[last] - at[last]) * st[last]
		at[last] = n[last]
		for d := last; d > 0 && at[d] == n[d]; d-- {
			off += st[d-1] - n[d]*st[d]
			at[d] = 0
			at[d-1]++
		}
	}
}

// copyRun sets dst[i] = src[off+i*stride].
func copyRun[T Element](dst, src []T, off, stride int) {
	switch stride {
	case 1:
		copy(dst, src[off:off+len(dst)])
	case 0:
		x := src[off]
		for i := range dst {
			dst[i] = x
		}
	default:
		for i := range dst {
			dst[i] = src[off]
			off += stride
		}
	}
}

// ScatterStrided is the reverse of CopyStrided: it sets the elements of dst
// that base, shape and strides describe, each once, from the contiguous src.
func ScatterStrided[T Element](dst []T, base int, src []T, shape, strides []int) {
	total := 1
	for _, size := range shape {
		total *= size
	}
	if total == 0 {
		return
	}
	var at [MaxRank]int
	last := len(shape) - 1
	if last < 0 {
		dst[base] = src[0]
		return
	}
	n, stride := shape[last], strides[last]
	for i := 0; i < total; i += n {
		off := base
		for d := range last {
			off += at[d] * strides[d]
		}
		run := src[i : i+n]
		if stride == 1 {
			copy(dst[off:off+n], run)
		} else {
			for _, x := range run {
				dst[off] = x
				off += stride
			}
		}
		for d := last - 1; d >= 0; d-- {
			if at[d]++; at[d] < shape[d] {
				break
			}
			at[d] = 0
		}
	}
}

// CopyStridedBytes is CopyStrided for elements of size 1, 4 or 8 bytes given
// as bytes; dst and src are aligned to size.
func CopyStridedBytes(size int, dst, src []byte, base int, shape, strides []int) {
	switch size {
	case 1:
		CopyStrided(dst, src, base, shape, strides)
	case 4:
		CopyStrided(words32(dst), words32(src), base, shape, strides)
	case 8:
		CopyStrided(words64(dst), words64(src), base, shape, strides)
	default:
		panic("kernel: internal error: no copy for this element size")
	}
}

func words32(b []byte) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

func words64(b []byte) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/8)
}
