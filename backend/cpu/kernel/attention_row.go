package kernel

import (
	"math"
	"unsafe"
)

// bitsOf reads memory of floats as whole numbers.
func bitsOf(f []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(f))), len(f))
}

// adjust turns scaled products of keys lo to hi of a block with its queries from
// j on, n of them, into scores: it caps them, adds bias and slope, and hides by
// segments and mask. The tangent of the cap is kept in the memory of that name,
// unless that is nil. What a query doesn't see by its position is left as it is.
func (x *attentionRun) adjust(w *attentionWorker, k attentionBlock, lo, hi, j, n int, scores, tangent []float32) {
	z, v := &x.spec, &x.set.Vec
	t := k.t + j // of the first column
	place := func(stride [3]int) int { return k.b*stride[0] + k.h*stride[1] + t*stride[2] + k.s }
	bias := w.room[roomBias]
	if x.Bias != nil && z.BiasStride[2] != 0 {
		x.set.Tile.transpose(bias[lo*x.ld:], x.ld, x.Bias[place(z.BiasStride)+lo:], z.BiasStride[2], n, hi-lo)
	}
	for s := lo; s < hi; s++ {
		row := scores[s*x.ld:][:n]
		if z.Cap != 0 {
			v.Run(MulS, row, row, nil, nil, 1/(z.Cap*math.Log2E), 0)
			v.Run(Tanh, row, row, nil, nil, 0, 0)
			if tangent != nil {
				copy(tangent[s*x.ld:][:n], row)
			}
			v.Run(MulS, row, row, nil, nil, z.Cap*math.Log2E, 0)
		}
		switch {
		case x.Bias == nil:
		case z.BiasStride[2] != 0:
			v.Run(Axpy, row, bias[s*x.ld:], row, nil, math.Log2E, 0)
		default:
			v.Run(AddS, row, row, nil, nil, x.Bias[place(z.BiasStride)+s]*math.Log2E, 0)
		}
		if x.Slopes != nil {
			far := w.room[roomSpare][:n]
			v.Run(AddS, far, w.room[roomLine], nil, nil, float32(t+x.position(k.b)-k.s-s), 0)
			v.Run(Abs, far, far, nil, nil, 0, 0)
			v.Run(Axpy, row, far, row, nil, -x.Slopes[k.h]*math.Log2E, 0)
		}
		if x.QuerySegs != nil {
			mine := x.KeySegs[k.b*z.S+k.s+s]
			for i, segment := range x.QuerySegs[k.b*z.T+t:][:n] {
				if segment != mine {
					row[i] = negInf
				}
			}
		}
	}
	if x.Mask == nil {
		return
	}
	for i := range n {
		for s, visible := range x.Mask[place(z.MaskStride)+i*z.MaskStride[2]:][lo:hi] {
			if visible == 0 {
				scores[(lo+s)*x.ld+i] = negInf
			}
		}
	}
}

// draw makes the random bits of keys lo to hi of a block and its queries from j
// on, n of them, in columns as scores are.
func (x *attentionRun) draw(w *attentionWorker, k attentionBlock, lo, hi, j, n int) {
	z := &x.spec
	if z.Threshold > math.MaxUint32 {
		return // nothing is kept
	}
	rows, ld := w.room[roomRows], x.rowLen()
	for i := range n {
		first := ((k.b*z.H+k.h)*z.T+k.t+j+i)*z.S + k.s + lo
		skip := first % 4
		bits := bitsOf(rows[i*ld:][:skip+hi-lo])
		x.Draw(bits, first-skip)
		copy(bits, bits[skip:])
	}
	x.set.Tile.transpose(w.room[roomBits][lo*x.ld:], x.ld, rows, ld, n, hi-lo)
}

// drop applies the bits to n columns of keys lo to hi.
func (x *attentionRun) drop(w *attentionWorker, lo, hi, n int, scores []float32) {
	all := bitsOf(w.room[roomBits])
	for s := lo; s < hi; s++ {
		row := scores[s*x.ld:][:n]
		if x.spec.Threshold > math.MaxUint32 {
			clear(row)
			continue
		}
		threshold, keep := x.spec.Threshold, x.spec.Keep
		for i, b := range all[s*x.ld:][:n] {
			// All ones where b is below: no branch that is guessed wrong.
			dropped := uint32((uint64(b) - threshold) >> 32)
			row[i] = math.Float32frombits(math.Float32bits(row[i]*keep) &^ dropped)
		}
	}
}
