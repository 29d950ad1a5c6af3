// Package plan places buffers that live for a part of a program in one arena:
// lifetimes in, offsets out.
package plan

import (
	"cmp"
	"slices"
)

// Align is the alignment of every offset, a cache line.
const Align = 64

// A Buffer is wanted from step First to step Last, both included.
type Buffer struct {
	Size        int // bytes
	First, Last int
}

// Place returns an offset for each buffer, so that no two that live at the
// same time overlap, and the size of the arena.
//
// The largest buffer goes first; each takes the lowest gap it fits in among
// those it shares a step with. (Pisarchyk and Lee 2020, "greedy by size".)
func Place(buffers []Buffer) (offsets []int, size int) {
	order := make([]int, len(buffers))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(buffers[b].Size, buffers[a].Size) })
	offsets = make([]int, len(buffers))
	placed := make([]int, 0, len(buffers)) // in the order of offsets
	for _, i := range order {
		b := buffers[i]
		if b.Size == 0 {
			continue
		}
		at := 0
		for _, j := range placed {
			o := buffers[j]
			if o.First > b.Last || o.Last < b.First {
				continue
			}
			if offsets[j]-at >= b.Size {
				break
			}
			at = max(at, up(offsets[j]+o.Size))
		}
		offsets[i] = at
		size = max(size, up(at+b.Size))
		pos, _ := slices.BinarySearchFunc(placed, at, func(j, at int) int { return cmp.Compare(offsets[j], at) })
		placed = slices.Insert(placed, pos, i)
	}
	return offsets, size
}

func up(n int) int { return (n + Align - 1) / Align * Align }
