package kernel

// A narrow convolution has so few results a pixel that a matrix product would
// leave most of a vector empty: an image of one channel made of many. Vectors
// run along the channels of the source instead, as in a depthwise convolution
// for each channel of the result, and a sum over them comes last, that of
// [Vec.Sum].
type narrow struct {
	depthwise
	out     int // channels of the result
	step    int // floats of the weight from channel to channel of the source
	next    int // and from channel to channel of the result
	workers int
}

// narrowOut is the most channels of a result, and narrowIn the least of the
// source, for which it pays (BenchmarkConv, narrow).
const (
	narrowOut = 2
	narrowIn  = 16
)

// newNarrow plans y from x, or with input dx from dy; nil where it does not pay.
func newNarrow(set *Set, s ConvSpec, input bool, workers int) *narrow {
	taps := s.taps()
	n := narrow{out: s.O, step: taps, next: s.C * taps, workers: workers}
	if input {
		n.out, n.step, n.next = s.C, s.C*taps, taps
		s.C = s.O
	}
	if s.Groups > 1 || n.out > narrowOut || s.C < narrowIn {
		return nil
	}
	n.depthwise = *newDepthwise(set, s, input, workers)
	return &n
}

// row is the number of floats that a worker needs for a row of the result.
func (n *narrow) row() int { return n.plan.size[2] * n.c }

func (n *narrow) scratch() int { return alignment + n.out*n.weights() + n.workers*n.row() }

func (n *narrow) bind(source, weight, result, scratch []float32, after Epilogue) []Phase {
	c, size := n.c, n.weights()
	mem := align(scratch)
	turned, rows := mem[:n.out*size], mem[n.out*size:]
	pack := Phase{Chunks: n.out, Run: func(_, o int) {
		n.tile.transpose(turned[o*size:], c, weight[o*n.next:], n.step, c, n.taps)
	}}
	width := n.plan.size[2]
	return []Phase{pack, n.plan.phase(func(worker, row int) {
		spare := rows[worker*n.row():][:n.row()]
		n.plan.row(worker, row, func(r *poolRun, base int, offsets []int, taps []int32) {
			for o := range n.out {
				sums := result[base/c*n.out+o:]
				if len(offsets) == 0 {
					for i := range r.count {
						sums[i*r.step*n.out] = 0
					}
					continue
				}
				n.apply(spare, c, source, turned[o*size:][:size], r, offsets, taps)
				for i := range r.count {
					sums[i*r.step*n.out] = n.v.Sum(spare[i*c : (i+1)*c])
				}
			}
		})
		if after != nil {
			after(worker, 0, row*width, (row+1)*width, 0, n.out)
		}
	})}
}
