package engine

import "testing"

// TestFit fills a batch up only where little is added.
func TestFit(t *testing.T) {
	l := upTo(16)
	for n, want := range []int{0, 1, 2, 3, 4, 4, 6, 6, 8, 8, 8, 8, 12, 12, 12, 12, 16, 16} {
		if got := l.fit(n); got != want {
			t.Errorf("%d waiting: %d are taken, want %d", n, got, want)
		}
	}
	if got := (ladder{8}).fit(3); got != 3 {
		t.Errorf("one size: got %d of 3", got)
	}
}
