// Package kernel holds the loops that do the arithmetic of the CPU backend:
// slices in, slices out. It imports nothing of ours and knows no graph.
//
// Every kernel exists in portable Go. A machine may add faster versions in
// assembly; the versions of one instruction set form a [Set], and a caller
// holds the set it was given: nothing here is chosen by a global variable.
//
// Rules that every kernel keeps:
//
//   - The order of every sum is a function of the shapes and of the set alone,
//     never of the number of workers or of the chunk a worker takes.
//   - No kernel allocates, and none calls assembly for more than about 100
//     microseconds at a time.
//   - No kernel reads or writes outside its operands, not even for padding.
package kernel

// A Phase is work that is cut in chunks which may run at the same time, in
// any order, on any worker. The phases of one kernel run one after another.
type Phase struct {
	// Chunks is the number of pieces.
	Chunks int
	// Run does one piece. Worker is below the number of workers that the
	// kernel was planned for and serves to pick scratch memory; it has no
	// influence on the result.
	Run func(worker, chunk int)
}

// A Set is the family of kernels for one instruction set.
type Set struct {
	// Name is "generic", "avx2", "avx512" or "neon".
	Name string
	// Available reports whether this machine can run the set.
	Available bool

	Tile Tile // matrix product and convolution
	Vec  Vec  // element-wise, reductions, rows

	winograd winogradTransforms
	halves   halves              // floats of 16 bits
	peak     func(steps int) int // of at most maxSteps steps, see Peak
}

// Sets returns all sets that this build knows, the preferred one first.
// The last is always "generic".
func Sets() []*Set { return sets }

// Best returns the preferred set among those this machine can run.
func Best() *Set {
	for _, s := range sets {
		if s.Available {
			return s
		}
	}
	panic("kernel: internal error: the generic set is missing")
}

// Lookup returns the set of a name, or nil.
func Lookup(name string) *Set {
	for _, s := range sets {
		if s.Name == name {
			return s
		}
	}
	return nil
}
