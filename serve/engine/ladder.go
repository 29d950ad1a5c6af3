package engine

import (
	"slices"
)

// A ladder is the sizes that something is rounded up to, so that few of them
// need be compiled.
type ladder []int

// up is the place of the first rung that is at least n; the last one otherwise.
func (l ladder) up(n int) int {
	i, _ := slices.BinarySearch(l, n)
	return min(i, len(l)-1)
}

// doubling is 1, 2, 4, ... up to most, and most itself.
func doubling(first, most int) ladder {
	var l ladder
	for n := first; n < most; n *= 2 {
		l = append(l, n)
	}
	return append(l, most)
}

// fit is how many of n examples are best computed in the next batch: all, filled
// up to a rung, or only the rung below, where filling up costs more than the rest
// would in a batch with others. A batch costs about as much as one example more
// than it has (BenchmarkBatch, mnist).
func (l ladder) fit(n int) int {
	up := l.up(n)
	if up == 0 || n >= l[up] {
		return min(n, l[up])
	}
	if below := l[up-1]; 5*(l[up]-n) > n-below {
		return below
	}
	return n
}
