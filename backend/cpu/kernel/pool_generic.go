package kernel

import (
	"math"
	"unsafe"
)

var negInf = float32(math.Inf(-1))

// maxPoolGeneric finds the maxima of a run of pixels; element c of tap t of
// pixel p is x[offsets[t] + p*xStep + c]. index may be nil.
func maxPoolGeneric(channels, pixels, xStep, taps int, offsets *int, ids *int32, px, py *float32, pindex *int32) {
	offs, tap := unsafe.Slice(offsets, taps), unsafe.Slice(ids, taps)
	y := unsafe.Slice(py, pixels*channels)
	var index []int32
	if pindex != nil {
		index = unsafe.Slice(pindex, pixels*channels)
	}
	for p := range pixels {
		for c := range channels {
			best, id := *elem(px, offs[0]+p*xStep+c), tap[0]
			for t, off := range offs[1:] {
				if x := *elem(px, off+p*xStep+c); x > best || x != x {
					best, id = x, tap[t+1]
				}
			}
			y[p*channels+c] = best
			if index != nil {
				index[p*channels+c] = id
			}
		}
	}
}

// maxPoolGradGeneric sums into a run of pixels of dx the elements of dy whose
// index is the tap; element c of tap t of pixel p is at offsets[t]+p*yStep+c.
func maxPoolGradGeneric(channels, pixels, yStep, xStep, taps int, offsets *int, ids *int32, pdy *float32, pindex *int32, pdx *float32) {
	offs, tap := unsafe.Slice(offsets, taps), unsafe.Slice(ids, taps)
	for p := range pixels {
		for c := range channels {
			var sum float32
			for t, off := range offs {
				i := off + p*yStep + c
				if *(*int32)(unsafe.Add(unsafe.Pointer(pindex), i*4)) == tap[t] {
					sum += *elem(pdy, i)
				}
			}
			*elem(pdx, p*xStep+c) = sum
		}
	}
}
