package main

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradus-ml/gradus/tensor"
)

// statistics are moments of points, and how they lie around the circle.
func statistics(points *tensor.Tensor) map[string]float64 {
	s := map[string]float64{}
	n := float64(points.Shape().Dim(0))
	var x, y, xx, yy, r, rr, left, right float64
	for i := range points.Shape().Dim(0) {
		px, py := points.Float(2*i), points.Float(2*i+1)
		radius := math.Hypot(px, py)
		x, y, xx, yy, r, rr = x+px/n, y+py/n, xx+px*px/n, yy+py*py/n, r+radius/n, rr+radius*radius/n
		if px < -0.7 {
			left += 1 / n
		}
		if px > 0.7 {
			right += 1 / n
		}
	}
	s["mean of x"], s["mean of y"] = x, y
	s["deviation of x"], s["deviation of y"] = math.Sqrt(xx-x*x), math.Sqrt(yy-y*y)
	s["mean radius"], s["deviation of the radius"] = r, math.Sqrt(rr-r*r)
	s["share at the left end"], s["share at the right end"] = left, right
	return s
}

// The generator learns the half circle: its points have the moments of the
// target, its radius, and reach both its ends.
func TestRun(t *testing.T) {
	points, err := run(t.Context(), 2000)
	if err != nil {
		t.Fatal(err)
	}
	want := statistics(halfCircle(rand.New(rand.NewPCG(3, 4)), 10000))
	got := statistics(points)
	for name, w := range want {
		if math.Abs(got[name]-w) > 0.08 {
			t.Errorf("%s is %.3f, want %.3f", name, got[name], w)
		}
	}
}

// Before it has learned, the same check fails.
func TestUntrained(t *testing.T) {
	points, err := run(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := statistics(halfCircle(rand.New(rand.NewPCG(3, 4)), 10000))
	if got := statistics(points); math.Abs(got["mean radius"]-want["mean radius"]) < 0.2 {
		t.Errorf("an untrained generator has the mean radius %.3f", got["mean radius"])
	}
}
