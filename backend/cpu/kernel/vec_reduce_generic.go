package kernel

import (
	"math"
	"unsafe"
)

// lanes are the partial sums of a block; see vec_reduce.go.
type lanes [64]float32

func (l *lanes) fold(count int) float32 {
	for h := count / 2; h > 0; h /= 2 {
		for j := range h {
			l[j] += l[j+h]
		}
	}
	return l[0]
}

func sumGeneric(n int, pa, _ *float32, _ float32) float32 {
	var l lanes
	for i, x := range unsafe.Slice(pa, n) {
		l[i%64] += x
	}
	return l.fold(64)
}

func dotGeneric(n int, pa, pb *float32, _ float32) float32 {
	var l lanes
	b := unsafe.Slice(pb, n)
	for i, x := range unsafe.Slice(pa, n) {
		l[i%64] += float32(x * b[i])
	}
	return l.fold(64)
}

func sumSqGeneric(n int, pa, _ *float32, _ float32) float32 {
	var l lanes
	for i, x := range unsafe.Slice(pa, n) {
		l[i%64] += float32(x * x)
	}
	return l.fold(64)
}

func sumSqDevGeneric(n int, pa, _ *float32, center float32) float32 {
	var l lanes
	for i, x := range unsafe.Slice(pa, n) {
		l[i%64] += float32((x - center) * (x - center))
	}
	return l.fold(64)
}

func maxOfGeneric(n int, pa, _ *float32, _ float32) float32 {
	m := float32(math.Inf(-1))
	for _, x := range unsafe.Slice(pa, n) {
		m = larger(m, x)
	}
	return m
}

func minOfGeneric(n int, pa, _ *float32, _ float32) float32 {
	m := float32(math.Inf(1))
	for _, x := range unsafe.Slice(pa, n) {
		m = smaller(m, x)
	}
	return m
}

// devSumsGeneric returns the sums of a[i]-center and of its square, in 32 lanes
// each.
func devSumsGeneric(n int, pa, _, _ *float32, center float32) (float32, float32) {
	var l0, l1 lanes
	for i, x := range unsafe.Slice(pa, n) {
		d := x - center
		l0[i%32] += d
		l1[i%32] += float32(d * d)
	}
	return l0.fold(32), l1.fold(32)
}

// normSumsGeneric returns the sums of g and of g*(x-mean), g = dy*w or dy where
// w is nil. It keeps 32 lanes for each sum.
func normSumsGeneric(n int, pdy, px, pw *float32, mean float32) (float32, float32) {
	var l0, l1 lanes
	x := unsafe.Slice(px, n)
	for i, g := range unsafe.Slice(pdy, n) {
		if pw != nil {
			g = float32(g * *elem(pw, i))
		}
		l0[i%32] += g
		l1[i%32] += float32(g * (x[i] - mean))
	}
	return l0.fold(32), l1.fold(32)
}

// sumExpGeneric returns the sum of exp(a[i]-center).
func sumExpGeneric(n int, pa, _ *float32, center float32) float32 {
	var l lanes
	for i, x := range unsafe.Slice(pa, n) {
		l[i%64] += exp32(x - center)
	}
	return l.fold(64)
}
