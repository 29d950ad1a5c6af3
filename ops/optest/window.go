package optest

import (
	"github.com/gradus-ml/gradus/ops"
)

// flat describes windows over no axis.
func flat(rank int) (w ops.Window) {
	for a := range rank {
		w.Size[a], w.Stride[a], w.Dilation[a] = 1, 1, 1
	}
	return w
}

// imageWindow pools the axes from 2 on; dilation of nil is 1.
func imageWindow(size, stride, padding, dilation []int) ops.Window {
	w := flat(2 + len(size))
	for i := range size {
		a := 2 + i
		w.Size[a], w.Stride[a], w.PadLo[a], w.PadHi[a] = size[i], stride[i], padding[i], padding[i]
		if dilation != nil {
			w.Dilation[a] = dilation[i]
		}
	}
	return w
}

// windows are windows with the shapes they lie over, and those they give.
var windows = map[string]struct {
	x, y []int
	w    ops.Window
}{
	"1d":           {[]int{2, 2, 7}, []int{2, 2, 4}, imageWindow([]int{3}, []int{2}, []int{1}, nil)},
	"2d":           {[]int{2, 2, 4, 6}, []int{2, 2, 2, 3}, imageWindow([]int{2, 2}, []int{2, 2}, []int{0, 0}, nil)},
	"2d_overlap":   {[]int{1, 2, 5, 6}, []int{1, 2, 3, 3}, imageWindow([]int{3, 3}, []int{2, 2}, []int{1, 1}, nil)},
	"2d_gap":       {[]int{1, 1, 7, 5}, []int{1, 1, 2, 2}, imageWindow([]int{2, 1}, []int{4, 3}, []int{0, 0}, nil)},
	"2d_oblong":    {[]int{1, 2, 5, 6}, []int{1, 2, 5, 2}, imageWindow([]int{1, 3}, []int{1, 3}, []int{0, 0}, nil)},
	"3d":           {[]int{1, 1, 3, 4, 2}, []int{1, 1, 2, 2, 2}, imageWindow([]int{2, 3, 1}, []int{1, 2, 1}, []int{0, 1, 0}, nil)},
	"last":         {[]int{1, 5, 6, 2}, []int{1, 3, 3, 2}, ops.Window{Size: [8]int{1, 3, 2, 1}, Stride: [8]int{1, 2, 2, 1}, PadLo: [8]int{0, 1}, PadHi: [8]int{0, 1}, Dilation: [8]int{1, 1, 1, 1}}},
	"uneven":       {[]int{1, 1, 5}, []int{1, 1, 4}, ops.Window{Size: [8]int{1, 1, 3}, Stride: [8]int{1, 1, 2}, PadLo: [8]int{0, 0, 2}, PadHi: [8]int{0, 0, 2}, Dilation: [8]int{1, 1, 1}}},
	"all_padding":  {[]int{1, 1, 2}, []int{1, 1, 3}, imageWindow([]int{1}, []int{2}, []int{2}, nil)},
	"channels":     {[]int{2, 6, 3}, []int{2, 3, 3}, ops.Window{Size: [8]int{1, 2, 1}, Stride: [8]int{1, 2, 1}, Dilation: [8]int{1, 1, 1}}},
	"none":         {[]int{2, 3}, []int{2, 3}, flat(2)},
	"no_batch":     {[]int{0, 2, 4, 4}, []int{0, 2, 2, 2}, imageWindow([]int{2, 2}, []int{2, 2}, []int{0, 0}, nil)},
	"apart":        {[]int{4, 2, 3, 4}, []int{2, 2, 3, 2}, ops.Window{Size: [8]int{2, 1, 1, 2}, Stride: [8]int{2, 1, 1, 2}, Dilation: [8]int{1, 1, 1, 1}}},
	"many_channel": {[]int{1, 19, 6, 5}, []int{1, 19, 3, 2}, imageWindow([]int{2, 2}, []int{2, 2}, []int{0, 0}, nil)},
}
