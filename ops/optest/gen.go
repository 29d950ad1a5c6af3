package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Gen makes random inputs: equal names give equal inputs.
type Gen struct{ stream *rng.Stream }

// NewGen returns the generator of that name.
func NewGen(name string) *Gen { return &Gen{rng.NewStream(0, "optest/"+name, 0)} }

func shapeOf(dims []int) shape.Shape { return shape.Of(dims...) }

func tensorType(t *tensor.Tensor) ir.Type { return ir.Type{DType: t.DType(), Shape: t.Shape()} }

// fill makes a tensor of values that f draws.
func fill(dt dtype.DType, dims []int, f func(i int) float64) *tensor.Tensor {
	t := tensor.New(dt, shapeOf(dims))
	for i := range t.Size() {
		t.SetFloat(i, f(i))
	}
	return t
}

// Normal makes Float64 numbers of mean 0 and variance 1.
func (g *Gen) Normal(dims ...int) *tensor.Tensor {
	return fill(dtype.Float64, dims, func(int) float64 {
		z, _ := rng.Normal(g.stream.Uint32(), g.stream.Uint32())
		return z
	})
}

// Uniform makes Float64 numbers from lo to hi.
func (g *Gen) Uniform(lo, hi float64, dims ...int) *tensor.Tensor {
	return fill(dtype.Float64, dims, func(int) float64 {
		return lo + (hi-lo)*float64(rng.Uniform(g.stream.Uint32()))
	})
}

// Apart makes Float64 numbers of which no two, nor any and 0, are closer than
// 0.1, in random order and with random signs: inputs on which maxima, ties and
// kinks are out of the reach of differences.
func (g *Gen) Apart(dims ...int) *tensor.Tensor {
	t := tensor.New(dtype.Float64, shapeOf(dims))
	order := make([]int, t.Size())
	for i := range order {
		j := g.Int(i + 1)
		order[i] = order[j]
		order[j] = i
	}
	for i, k := range order {
		v := 0.2 * float64(k+1)
		if g.Int(2) == 0 {
			v = -v
		}
		t.SetFloat(i, v)
	}
	return t
}

// Int draws one of 0..n-1.
func (g *Gen) Int(n int) int { return int(uint64(g.stream.Uint32()) * uint64(n) >> 32) }

// Ints makes numbers from lo to hi-1 of an integer type.
func (g *Gen) Ints(dt dtype.DType, lo, hi int, dims ...int) *tensor.Tensor {
	return fill(dt, dims, func(int) float64 { return float64(lo + g.Int(hi-lo)) })
}

// Levels makes Float64 whole numbers from -n/2 to n/2, so that ties are common.
func (g *Gen) Levels(n int, dims ...int) *tensor.Tensor {
	return fill(dtype.Float64, dims, func(int) float64 { return float64(g.Int(n+1) - n/2) })
}

// Bools makes random Bools.
func (g *Gen) Bools(dims ...int) *tensor.Tensor {
	return fill(dtype.Bool, dims, func(int) float64 { return float64(g.Int(2)) })
}

// Floats is a Float64 tensor of rank 1.
func Floats(v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v)) }

// special are the numbers at which functions are easily wrong.
func special() *tensor.Tensor {
	return Floats(0, math.Copysign(0, -1), 1, -1, 0.5, -2.5, 1e30, -1e30, 1e-30, math.Inf(1), math.Inf(-1), math.NaN())
}
