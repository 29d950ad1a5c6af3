package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// FractionalMaxPoolConfig describes a [FractionalMaxPool]. Lists have a number
// for each axis behind the channels, in the order Z, Y, X.
type FractionalMaxPoolConfig struct {
	Kernel []int `json:"kernel" yaml:"kernel"` // extents of the windows
	Out    []int `json:"out" yaml:"out"`       // windows
}

// Validate tells all that is wrong.
func (cfg FractionalMaxPoolConfig) Validate() error {
	err := positive("kernel", cfg.Kernel, "out", cfg.Out)
	if len(cfg.Kernel) == 0 || len(cfg.Out) != len(cfg.Kernel) {
		err = errors.Join(err, fmt.Errorf("wants kernel and out for the same axes, got %v and %v", cfg.Kernel, cfg.Out))
	}
	return err
}

// FractionalMaxPool takes the largest element of windows that lie at uneven
// distances. Of m windows of k elements over n, number i begins at
//
//	floor((i + u) a) - floor(u a),   a = (n - k)/(m - 1)
//
// and the last at n - k, with u drawn from U(0, 1) for each channel of each
// example and each axis in training mode. In evaluation mode u is 1/2, so that a
// model gives the same again; PyTorch draws it there too. Of equal elements all
// get the same part of the gradient.
// x [B C ...], y [B C Out].
//
// Source: Graham, "Fractional max-pooling" (2014), section 2;
// torch.nn.FractionalMaxPool2d and FractionalMaxPool3d with an output size.
type FractionalMaxPool struct {
	Config FractionalMaxPoolConfig `param:"-"`
	err    error
}

// Build makes the layer.
func (cfg FractionalMaxPoolConfig) Build() *FractionalMaxPool {
	return &FractionalMaxPool{cfg, cfg.Validate()}
}

// Forward pools x [B C ...].
func (l *FractionalMaxPool) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	n := len(l.Config.Kernel)
	if refuses(c, "fractional_max_pool", l.err, x, n) {
		return x
	}
	for i, k := range l.Config.Kernel {
		if out, size := l.Config.Out[i], x.Dim(2+i); out+k-1 > size {
			return refuse(c, "fractional_max_pool", fmt.Errorf("%d windows of %d elements do not fit into %d", out, k, size), x)
		}
	}
	rows := shape.Of(x.Dim(0), x.Dim(1), n)
	u := ops.Full(c.Graph(), x.DType(), rows, 0.5)
	if c.Training() {
		u = draw(c, x, rows)
	}
	return l.pool(x, u)
}

// pool takes the largest elements for u [B C axes]. Each element of each window
// is looked up by its place in the channel.
func (l *FractionalMaxPool) pool(x, u *ir.Value) *ir.Value {
	g := x.Graph()
	n := len(l.Config.Kernel)
	b, ch := x.Dim(0), x.Dim(1)
	all := shape.Of(append(append([]int{b, ch}, l.Config.Out...), l.Config.Kernel...)...)
	place, size := ops.FullInt(g, dtype.Int64, all, 0), 1
	for i := range n {
		out, k, extent := l.Config.Out[i], l.Config.Kernel[i], x.Dim(2+i)
		begin := ops.BroadcastInDim(begins(ops.Narrow(u, 2, i, 1), out, k, extent), all, 0, 1, 2+i)
		tap := ops.BroadcastInDim(ops.Iota(g, dtype.Int64, shape.Of(k), 0), all, 2+n+i)
		place = ops.Add(ops.Mul(place, ops.Scalar(place, float64(extent))), ops.Add(begin, tap))
		size *= extent
	}
	taken := ops.TakeAlong(ops.Reshape(x, b, ch, size), ops.Reshape(place, b, ch, all.Size()/(b*ch)), 2)
	var taps []int
	for i := range n {
		taps = append(taps, 2+n+i)
	}
	return ops.Amax(ops.Reshape(taken, all.Dims()...), taps...)
}

// begins is where windows begin, [B C out], for u [B C 1].
func begins(u *ir.Value, out, k, extent int) *ir.Value {
	s := u.Shape().With(2, out)
	i := ops.Iota(u.Graph(), dtype.Int64, s, 2)
	last := ops.Scalar(i, float64(extent-k))
	if out == 1 {
		return ops.Broadcast(last, s)
	}
	u = ops.Broadcast(u, s)
	a := ops.Scalar(u, float64(extent-k)/float64(out-1))
	at := ops.Sub(ops.Floor(ops.Mul(ops.Add(ops.Cast(i, u.DType()), u), a)), ops.Floor(ops.Mul(u, a)))
	return ops.Select(ops.Eq(i, ops.Scalar(i, float64(out-1))), ops.Broadcast(last, s), ops.Cast(at, dtype.Int64))
}
