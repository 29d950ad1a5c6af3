package kernel

import "unsafe"

// attentionKernels are what attention does with a block of scores: rows of
// keys, ld floats apart, and columns of queries, a multiple of scorePanel of
// them. Scores are powers of 2. From row plain on the columns up to bound are
// hidden, and one more in each row: they count as -Inf.
//
// The assembly sets give the same bits, the portable ones differ by a few units
// in the last place. A column is summed row by row.
type attentionKernels struct {
	// softmax sets, for each column, top to the largest of it and of the scores,
	// less to 2^(old top - top), the scores to 2^(score - top), and sum to
	// sum*less and the sum of these. While there is nothing but -Inf, the power
	// of it is 0.
	softmax func(rows, plain, ld, cols int, bound float32, a, top, sum, less *float32)
	// weights sets the scores to p = 2^(score - lse) and d to (d - delta) * p.
	weights func(rows, plain, ld, cols int, bound float32, a, d, lse, delta *float32)
	// scale multiplies rows c, ld floats apart, by factors, one a row.
	scale func(rows, cols, ld int, c, f *float32)
}

// scorePanel is the number of columns that all sets can hold at a time.
const scorePanel = 32

var genericAttention = attentionKernels{softmax: attentionSoftmaxGeneric, weights: attentionWeightsGeneric, scale: attentionScaleGeneric}

// floats are n of them from element i of p on.
func floats(p *float32, i, n int) []float32 { return unsafe.Slice(elem(p, i), n) }

// hideGeneric sets the columns of a row up to edge to -Inf.
func hideGeneric(row []float32, edge float32) {
	for j := range row[:min(len(row), max(0, int(edge)+1))] {
		row[j] = negInf
	}
}

func attentionSoftmaxGeneric(rows, plain, ld, cols int, bound float32, a, ptop, psum, pless *float32) {
	top, sum, less := floats(ptop, 0, cols), floats(psum, 0, cols), floats(pless, 0, cols)
	copy(less, top)
	for r := range rows {
		row := floats(a, r*ld, cols)
		if r >= plain {
			hideGeneric(row, bound+float32(r-plain))
		}
		for j, x := range row {
			if x > top[j] {
				top[j] = x
			}
		}
	}
	for j, m := range top {
		if m == negInf {
			m = 0
		}
		less[j] = exp232(less[j] - m)
		s := float32(0)
		for r := range rows {
			p := elem(a, r*ld+j)
			*p = exp232(*p - m)
			s += *p
		}
		sum[j] = float32(sum[j]*less[j]) + s
	}
}

func attentionWeightsGeneric(rows, plain, ld, cols int, bound float32, a, d, plse, pdelta *float32) {
	lse, delta := floats(plse, 0, cols), floats(pdelta, 0, cols)
	for r := range rows {
		p, g := floats(a, r*ld, cols), floats(d, r*ld, cols)
		if r >= plain {
			hideGeneric(p, bound+float32(r-plain))
		}
		for j, x := range p {
			p[j] = exp232(x - lse[j])
			g[j] = (g[j] - delta[j]) * p[j]
		}
	}
}

func attentionScaleGeneric(rows, cols, ld int, c, f *float32) {
	for r, s := range floats(f, 0, rows) {
		row := floats(c, r*ld, cols)
		for j := range row {
			row[j] *= s
		}
	}
}
