package nn

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/internal/linalg"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

// Gain is what a nonlinearity makes smaller: the factor by which the weights
// before it are larger. The parameter is the slope of leaky_relu.
//
// Source: torch.nn.init.calculate_gain.
func Gain(nonlinearity string, parameter float64) (float64, error) {
	switch nonlinearity {
	case "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid":
		return LinearGain, nil
	case "tanh":
		return TanhGain, nil
	case "relu":
		return ReLUGain, nil
	case "leaky_relu":
		return LeakyReLUGain(parameter), nil
	case "selu":
		return SELUGain, nil
	}
	return 0, fmt.Errorf("there is no nonlinearity %q; there are linear, sigmoid, tanh, relu, leaky_relu and selu", nonlinearity)
}

// TruncNormal draws from N(mean, std^2), again and again until a number is in
// lo..hi.
//
// Source: torch.nn.init.trunc_normal_, where lo and hi are -2 and 2.
func TruncNormal(mean, std, lo, hi float64) Init {
	// Between the values of the distribution function at the ends all are alike.
	below := func(x float64) float64 { return math.Erfc(-(x-mean)/(std*math.Sqrt2)) / 2 }
	from, to := below(lo), below(hi)
	return func(r *rng.Stream, t *tensor.Tensor) {
		for i := range t.Size() {
			u := from + (to-from)*r.Float64()
			v := mean - std*math.Sqrt2*math.Erfcinv(2*u)
			t.SetFloat(i, min(max(v, lo), hi))
		}
	}
}

// Eye is 1 on the diagonal of a matrix and 0 elsewhere: a linear layer that
// passes on as much as it can.
//
// Source: torch.nn.init.eye_.
func Eye() Init {
	return func(_ *rng.Stream, t *tensor.Tensor) {
		rows, cols := matrix(t)
		for i := range min(rows, cols) {
			t.SetFloat(i*cols+i, 1)
		}
	}
}

// Dirac is 1 at the middle tap between channels of the same number in each of the
// groups of a convolution's weight, [out in/groups kernel...], and 0 elsewhere: a
// convolution that passes on as many channels as it can.
//
// Source: torch.nn.init.dirac_.
func Dirac(groups int) Init {
	return func(_ *rng.Stream, t *tensor.Tensor) {
		dims := t.Shape().Dims()
		taps, middle := 1, 0
		for _, k := range dims[2:] {
			taps, middle = taps*k, middle*k+k/2
		}
		out := dims[0] / groups
		for g := range groups {
			for c := range min(out, dims[1]) {
				t.SetFloat(((g*out+c)*dims[1]+c)*taps+middle, 1)
			}
		}
	}
}

// Orthogonal fills a matrix, or [rows ...] as one, with rows or columns, whichever
// are fewer, that are orthogonal to each other and of the length gain. All such
// matrices are alike.
//
// Source: Saxe and others, "Exact solutions to the nonlinear dynamics of learning
// in deep linear neural networks" (2013); torch.nn.init.orthogonal_.
func Orthogonal(gain float64) Init {
	return func(r *rng.Stream, t *tensor.Tensor) {
		rows, cols := matrix(t)
		m, n := max(rows, cols), min(rows, cols)
		if n == 0 {
			return
		}
		a, q, upper := make([]float64, m*n), make([]float64, m*n), make([]float64, n*n)
		for i := range a {
			a[i] = r.Normal()
		}
		linalg.QR(q, upper, a, make([]float64, m*n+n), m, n)
		for i := range m {
			for j := range n {
				v := gain * q[i*n+j]
				if upper[j*n+j] < 0 {
					v = -v
				}
				if rows >= cols {
					t.SetFloat(i*cols+j, v)
				} else {
					t.SetFloat(j*cols+i, v)
				}
			}
		}
	}
}

// Sparse draws a matrix from N(0, std^2) and sets a part of each column, rounded
// up, to 0.
//
// Source: Martens, "Deep learning via Hessian-free optimization" (2010), section
// 5; torch.nn.init.sparse_.
func Sparse(sparsity, std float64) Init {
	return func(r *rng.Stream, t *tensor.Tensor) {
		fillNormal(r, t, 0, std)
		rows, cols := matrix(t)
		zeros := int(math.Ceil(sparsity * float64(rows)))
		for j := range cols {
			for _, i := range r.Perm(rows)[:zeros] {
				t.SetFloat(i*cols+j, 0)
			}
		}
	}
}

// matrix is the shape of a tensor whose axes behind the first are one.
func matrix(t *tensor.Tensor) (rows, cols int) {
	rows = t.Shape().Dim(0)
	if rows == 0 {
		return 0, 0
	}
	return rows, t.Size() / rows
}
