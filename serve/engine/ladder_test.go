package engine

import "testing"

// TestFit fills a batch up only where little is added.
func TestFit(t *testing.T) {
	l := doubling(1, 16)
	for n, want := range []int{0, 1, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 8, 8, 8, 15, 16, 16} {
		if got := l.fit(n); got != want {
			t.Errorf("%d waiting: %d are taken, want %d", n, got, want)
		}
	}
	if got := (ladder{8}).fit(3); got != 3 {
		t.Errorf("one size: got %d of 3", got)
	}
}
