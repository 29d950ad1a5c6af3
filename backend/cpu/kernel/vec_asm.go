//go:build (amd64 || arm64) && !purego

package kernel

// trigLimit bounds the arguments of the assembly's sine and cosine.
const trigLimit = 1 << 16

// trig sets d[i] to the sine or cosine of a[i]: by the assembly in general, by
// the portable function where |a[i]| is not below trigLimit.
func trig(n int, d, a *float32, maxAbs reduction, small elementwise, large func(float32) float32) {
	const block = 64
	for i := 0; i < n; i += block {
		size := min(block, n-i)
		pd, pa := elem(d, i), elem(a, i)
		if maxAbs(size, pa, nil, 0) < trigLimit {
			small(size, pd, pa, nil, nil, 0, 0)
			continue
		}
		// d may be a: the large ones come first.
		var y [block]float32
		var isLarge [block]bool
		for j := range size {
			if x := *elem(pa, j); !(x > -trigLimit && x < trigLimit) {
				y[j], isLarge[j] = large(x), true
			}
		}
		small(size, pd, pa, nil, nil, 0, 0)
		for j := range size {
			if isLarge[j] {
				*elem(pd, j) = y[j]
			}
		}
	}
}
