package kernel

import "math"

// The functions of this file accumulate along columns: src and dst are n rows
// of cols elements, stride apart, and each column is a line of its own. Reverse
// goes from the last row to the first. dst and src do not overlap. Sums and
// products are taken in the order of the rows, in the type A.

// cumulativeCols is the number of columns that go together, so that rows are
// read in runs.
const cumulativeCols = 16

// CumSum sets dst[i] = src[0] + ... + src[i], or without src[i] if exclusive.
func CumSum[A, T Number](dst, src []T, n, cols, stride int, reverse, exclusive bool) {
	for c := 0; c < cols; c += cumulativeCols {
		w := min(cumulativeCols, cols-c)
		var acc [cumulativeCols]A
		for i := range n {
			at := lineAt(i, n, reverse)*stride + c
			d, s := dst[at:at+w], src[at:at+w]
			for j, v := range s {
				before := acc[j]
				acc[j] += A(v)
				if exclusive {
					d[j] = T(before)
				} else {
					d[j] = T(acc[j])
				}
			}
		}
	}
}

// CumProd sets dst[i] = src[0] * ... * src[i], or without src[i] if exclusive.
func CumProd[A, T Number](dst, src []T, n, cols, stride int, reverse, exclusive bool) {
	for c := 0; c < cols; c += cumulativeCols {
		w := min(cumulativeCols, cols-c)
		var acc [cumulativeCols]A
		for j := range acc {
			acc[j] = 1
		}
		for i := range n {
			at := lineAt(i, n, reverse)*stride + c
			d, s := dst[at:at+w], src[at:at+w]
			for j, v := range s {
				before := acc[j]
				acc[j] *= A(v)
				if exclusive {
					d[j] = T(before)
				} else {
					d[j] = T(acc[j])
				}
			}
		}
	}
}

// LogCumSumExp sets dst[i] = log(exp(src[0]) + ... + exp(src[i])), or without
// src[i] if exclusive, in float64. It is meant for floats.
func LogCumSumExp[T Number](dst, src []T, n, cols, stride int, reverse, exclusive bool) {
	for c := range cols {
		acc := math.Inf(-1)
		for i := range n {
			at := lineAt(i, n, reverse)*stride + c
			before := acc
			acc = logAddExp(acc, float64(src[at]))
			if exclusive {
				dst[at] = T(before)
			} else {
				dst[at] = T(acc)
			}
		}
	}
}

// logAddExp is log(exp(a) + exp(b)).
func logAddExp(a, b float64) float64 {
	if a != a || b != b {
		return math.NaN()
	}
	if a < b {
		a, b = b, a
	}
	if math.IsInf(a, 0) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// CumMax sets dst[i] to the largest of src[0], ..., src[i], or the smallest,
// and index[i] to its row: that of the last among equals. A NaN, the last one,
// wins over numbers.
func CumMax[T Number](dst []T, index []int64, src []T, n, cols, stride int, reverse, smallest bool) {
	for c := 0; c < cols; c += cumulativeCols {
		w := min(cumulativeCols, cols-c)
		var best [cumulativeCols]T
		var row [cumulativeCols]int64
		for i := range n {
			k := lineAt(i, n, reverse)
			at := k*stride + c
			d, x, s := dst[at:at+w], index[at:at+w], src[at:at+w]
			for j, v := range s {
				b := best[j]
				wins := v >= b
				if smallest {
					wins = v <= b
				}
				if i == 0 || v != v || wins && b == b {
					best[j], row[j] = v, int64(k)
				}
				d[j], x[j] = best[j], row[j]
			}
		}
	}
}

func lineAt(i, n int, reverse bool) int {
	if reverse {
		return n - 1 - i
	}
	return i
}
