package kernel

import "unsafe"

// depthwiseGeneric sets a run of pixels to weighted sums of others; element c of
// pixel p becomes
//
//	y[p*yStep + c] = sum over t of x[offsets[t] + p*xStep + c] * w[ids[t]*wStep + c]
//
// added up in the order of t. The assembly rounds a product and its addition
// once.
func depthwiseGeneric(channels, pixels, xStep, yStep, wStep, taps int, offsets *int, ids *int32, px, pw, py *float32) {
	offs, tap := unsafe.Slice(offsets, taps), unsafe.Slice(ids, taps)
	for p := range pixels {
		y := unsafe.Slice(elem(py, p*yStep), channels)
		for t, off := range offs {
			x, w := unsafe.Slice(elem(px, off+p*xStep), channels), unsafe.Slice(elem(pw, int(tap[t])*wStep), channels)
			if t == 0 {
				for c := range y {
					y[c] = x[c] * w[c]
				}
				continue
			}
			for c := range y {
				y[c] += float32(x[c] * w[c])
			}
		}
	}
}

// depthwiseWeightGeneric adds up what a run of pixels of dy gives to the weight:
//
//	w[ids[t]*wStep + c] += sum over p of x[offsets[t] + p*xStep + c] * dy[p*yStep + c]
//
// for all t and c. The assembly has four sums, of every fourth pixel, which
// it adds in the end.
func depthwiseWeightGeneric(channels, pixels, xStep, yStep, wStep, taps int, offsets *int, ids *int32, px, pdy, pw *float32) {
	offs, tap := unsafe.Slice(offsets, taps), unsafe.Slice(ids, taps)
	for t, off := range offs {
		w := unsafe.Slice(elem(pw, int(tap[t])*wStep), channels)
		for p := range pixels {
			x, dy := unsafe.Slice(elem(px, off+p*xStep), channels), unsafe.Slice(elem(pdy, p*yStep), channels)
			for c := range w {
				w[c] += float32(x[c] * dy[c])
			}
		}
	}
}
