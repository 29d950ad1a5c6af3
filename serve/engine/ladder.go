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

// upTo is 1, 2, 3, 4, 6, 8, 12, 16 and so on up to most: at most a third of a
// batch would be filled up. Weights are packed once for all sizes, so that a finer
// ladder takes little memory.
func upTo(most int) ladder {
	var l ladder
	for n := 1; n < most; n *= 2 {
		l = append(l, n)
		if half := n + n/2; n > 1 && half < most {
			l = append(l, half)
		}
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
