package kernel

import (
	"math"
	"unsafe"
)

// bitsOf reads memory of floats as whole numbers.
func bitsOf(f []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(f))), len(f))
}

// adjust turns scaled products of query i, those that it sees, into scores: it
// caps them, adds bias and slope, and hides by segments and mask. The tangent
// of the cap is kept in the row of that name, unless that is nil.
func (x *attentionRun) adjust(w *attentionWorker, k attentionBlock, i int, row, tangent []float32) {
	z, v := &x.spec, &x.set.Vec
	lo, n := w.lo[i], len(row)
	t, s := k.t+i, k.s+lo // of the first element
	if z.Cap != 0 {
		v.Run(MulS, row, row, nil, nil, 1/z.Cap, 0)
		v.Run(Tanh, row, row, nil, nil, 0, 0)
		copy(tangent, row)
		v.Run(MulS, row, row, nil, nil, z.Cap, 0)
	}
	place := func(stride [3]int) int { return k.b*stride[0] + k.h*stride[1] + t*stride[2] + s }
	if x.Bias != nil {
		v.Run(Add, row, row, x.Bias[place(z.BiasStride):], nil, 0, 0)
	}
	if x.Slopes != nil {
		far := w.room[roomSpare][:n]
		v.Run(AddS, far, w.room[roomLine][lo:], nil, nil, float32(k.s-t-x.position(k.b)), 0)
		v.Run(Abs, far, far, nil, nil, 0, 0)
		v.Run(Axpy, row, far, row, nil, -x.Slopes[k.h], 0)
	}
	hidden := float32(math.Inf(-1))
	if x.QuerySegs != nil {
		mine := x.QuerySegs[k.b*z.T+t]
		for j, segment := range x.KeySegs[k.b*z.S+s:][:n] {
			if segment != mine {
				row[j] = hidden
			}
		}
	}
	if x.Mask != nil {
		for j, visible := range x.Mask[place(z.MaskStride):][:n] {
			if visible == 0 {
				row[j] = hidden
			}
		}
	}
}

// draw makes the random bits of what query i sees and puts them at the start of
// the worker's bits.
func (x *attentionRun) draw(w *attentionWorker, k attentionBlock, i int) {
	z := &x.spec
	if z.Threshold > math.MaxUint32 {
		return // nothing is kept
	}
	first := ((k.b*z.H+k.h)*z.T+k.t+i)*z.S + k.s + w.lo[i]
	skip := first % 4
	n := w.hi[i] - w.lo[i]
	x.Draw(w.bits[:skip+n], first-skip)
	copy(w.bits[:n], w.bits[skip:])
}

// drop applies the bits to a row.
func (x *attentionRun) drop(w *attentionWorker, row []float32) {
	if x.spec.Threshold > math.MaxUint32 {
		clear(row)
		return
	}
	threshold, keep := uint32(x.spec.Threshold), x.spec.Keep
	for j, b := range w.bits[:len(row)] {
		if b < threshold {
			row[j] = 0
		} else {
			row[j] *= keep
		}
	}
}
