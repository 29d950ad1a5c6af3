package layers

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
)

func poolKinds() []config.Kind {
	return []config.Kind{
		{Name: "max_pool", Default: DefaultMaxPool()},
		{Name: "avg_pool", Default: DefaultAvgPool()},
		{Name: "lp_pool", Default: LPPool{Norm: 2}},
		{Name: "adaptive_avg_pool", Default: AdaptiveAvgPool{Out: []int{1}}},
		{Name: "adaptive_max_pool", Default: AdaptiveMaxPool{Out: []int{1}}},
		{Name: "global_avg_pool", Default: GlobalAvgPool{}},
		{Name: "global_max_pool", Default: GlobalMaxPool{}},
		{Name: "fractional_max_pool", Default: FractionalMaxPool{}},
		{Name: "max_unpool", Default: MaxUnpool{Padding: []int{0}}},
		{Name: "upsample", Default: Upsample{}},
		{Name: "pixel_shuffle", Default: PixelShuffle{Factor: 2}},
		{Name: "pixel_unshuffle", Default: PixelUnshuffle{Factor: 2}},
		{Name: "channel_shuffle", Default: ChannelShuffle{Groups: 2}},
	}
}

// Pooling layers read sequences [B C T], or [B T C] with ChannelsLast, images
// [B C Y X] and volumes [B C Z Y X]. Lists have one number for all axes or one
// for each, in the order Z, Y, X.

// pooled says how many spatial axes the operand of a pooling layer has.
func (l Last) pooled(x Operand) (n int, err error) {
	return x.Rank() - 2, x.wants(l.sequences()+", images [B C Y X] or volumes [B C Z Y X]", 3, 4, 5)
}

// strides are those given, or the kernel.
func strides(stride, kernel []int) []int {
	if stride == nil {
		return kernel
	}
	return stride
}

// A pool makes the layer for a number of spatial axes, and says what is wrong.
type pool func(n int) (nn.Forwarder, error)

func (p pool) build(l Last, x Operand) (Module, error) {
	n, err := l.pooled(x)
	if err != nil {
		return nil, err
	}
	f, err := p(n)
	if err != nil {
		return nil, err
	}
	if n == 1 {
		return l.module(f, false)
	}
	return losing(f)
}

// validate says what is wrong whatever the number of axes; lists that fit one of
// sequences, images and volumes are right.
func (p pool) validate() error {
	_, image := p(2)
	if image == nil {
		return nil
	}
	for _, n := range []int{1, 3} {
		if _, err := p(n); err == nil {
			return nil
		}
	}
	return image
}

// MaxPool takes the largest element of each window.
type MaxPool struct {
	Named    `yaml:",inline"`
	Last     `yaml:",inline"`
	Kernel   []int `json:"kernel" yaml:"kernel,one"`
	Stride   []int `json:"stride" yaml:"stride,one"`     // null takes the kernel
	Padding  []int `json:"padding" yaml:"padding,one"`   // at each side; never the largest
	Dilation []int `json:"dilation" yaml:"dilation,one"` // positions between taps
	CeilMode bool  `json:"ceil_mode" yaml:"ceil_mode"`   // lets the last windows reach beyond the padding
}

// DefaultMaxPool has windows side by side; Kernel must be set.
func DefaultMaxPool() MaxPool { return MaxPool{Padding: []int{0}, Dilation: []int{1}} }

func (cfg MaxPool) layer(n int) (nn.Forwarder, error) {
	s, err := axes(n, cfg.Kernel, strides(cfg.Stride, cfg.Kernel), cfg.Padding, cfg.Dilation, []int{0})
	if err != nil {
		return nil, err
	}
	if n == 1 {
		c := nn.MaxPool1dConfig{Kernel: s.kernel[0], Stride: s.stride[0], Padding: s.padding[0], Dilation: s.dilation[0], CeilMode: cfg.CeilMode}
		return c.Build(), c.Validate()
	}
	if n == 2 {
		c := nn.MaxPool2dConfig{Kernel: [2]int(s.kernel), Stride: [2]int(s.stride), Padding: [2]int(s.padding), Dilation: [2]int(s.dilation), CeilMode: cfg.CeilMode}
		return c.Build(), c.Validate()
	}
	c := nn.MaxPool3dConfig{Kernel: [3]int(s.kernel), Stride: [3]int(s.stride), Padding: [3]int(s.padding), Dilation: [3]int(s.dilation), CeilMode: cfg.CeilMode}
	return c.Build(), c.Validate()
}

// Validate tells all that is wrong.
func (cfg MaxPool) Validate() error { return pool(cfg.layer).validate() }

// Build makes the layer.
func (cfg MaxPool) Build(x Operand) (Module, error) { return pool(cfg.layer).build(cfg.Last, x) }

// AvgPool takes the mean of each window.
type AvgPool struct {
	Named           `yaml:",inline"`
	Last            `yaml:",inline"`
	Kernel          []int `json:"kernel" yaml:"kernel,one"`
	Stride          []int `json:"stride" yaml:"stride,one"`                   // null takes the kernel
	Padding         []int `json:"padding" yaml:"padding,one"`                 // zeros at each side
	CeilMode        bool  `json:"ceil_mode" yaml:"ceil_mode"`                 // lets the last windows reach beyond the padding
	CountIncludePad bool  `json:"count_include_pad" yaml:"count_include_pad"` // divide by the padding in a window too
	DivisorOverride *int  `json:"divisor_override" yaml:"divisor_override"`   // divide by this; null divides by the elements that count
}

// DefaultAvgPool has windows side by side; Kernel must be set.
func DefaultAvgPool() AvgPool { return AvgPool{Padding: []int{0}, CountIncludePad: true} }

func (cfg AvgPool) layer(n int) (nn.Forwarder, error) {
	s, err := axes(n, cfg.Kernel, strides(cfg.Stride, cfg.Kernel), cfg.Padding, []int{1}, []int{0})
	if err != nil {
		return nil, err
	}
	if n == 1 {
		c := nn.AvgPool1dConfig{Kernel: s.kernel[0], Stride: s.stride[0], Padding: s.padding[0], CeilMode: cfg.CeilMode, CountIncludePad: cfg.CountIncludePad, DivisorOverride: cfg.DivisorOverride}
		return c.Build(), c.Validate()
	}
	if n == 2 {
		c := nn.AvgPool2dConfig{Kernel: [2]int(s.kernel), Stride: [2]int(s.stride), Padding: [2]int(s.padding), CeilMode: cfg.CeilMode, CountIncludePad: cfg.CountIncludePad, DivisorOverride: cfg.DivisorOverride}
		return c.Build(), c.Validate()
	}
	c := nn.AvgPool3dConfig{Kernel: [3]int(s.kernel), Stride: [3]int(s.stride), Padding: [3]int(s.padding), CeilMode: cfg.CeilMode, CountIncludePad: cfg.CountIncludePad, DivisorOverride: cfg.DivisorOverride}
	return c.Build(), c.Validate()
}

// Validate tells all that is wrong.
func (cfg AvgPool) Validate() error { return pool(cfg.layer).validate() }

// Build makes the layer.
func (cfg AvgPool) Build(x Operand) (Module, error) { return pool(cfg.layer).build(cfg.Last, x) }

// LPPool takes the power mean of each window, without the division.
type LPPool struct {
	Named    `yaml:",inline"`
	Last     `yaml:",inline"`
	Norm     float64 `json:"norm" yaml:"norm"` // the exponent
	Kernel   []int   `json:"kernel" yaml:"kernel,one"`
	Stride   []int   `json:"stride" yaml:"stride,one"`   // null takes the kernel
	CeilMode bool    `json:"ceil_mode" yaml:"ceil_mode"` // lets the last windows reach beyond x
}

func (cfg LPPool) layer(n int) (nn.Forwarder, error) {
	s, err := axes(n, cfg.Kernel, strides(cfg.Stride, cfg.Kernel), []int{0}, []int{1}, []int{0})
	if err != nil {
		return nil, err
	}
	if n == 1 {
		c := nn.LPPool1dConfig{Norm: cfg.Norm, Kernel: s.kernel[0], Stride: s.stride[0], CeilMode: cfg.CeilMode}
		return c.Build(), c.Validate()
	}
	if n == 2 {
		c := nn.LPPool2dConfig{Norm: cfg.Norm, Kernel: [2]int(s.kernel), Stride: [2]int(s.stride), CeilMode: cfg.CeilMode}
		return c.Build(), c.Validate()
	}
	c := nn.LPPool3dConfig{Norm: cfg.Norm, Kernel: [3]int(s.kernel), Stride: [3]int(s.stride), CeilMode: cfg.CeilMode}
	return c.Build(), c.Validate()
}

// Validate tells all that is wrong.
func (cfg LPPool) Validate() error { return pool(cfg.layer).validate() }

// Build makes the layer.
func (cfg LPPool) Build(x Operand) (Module, error) { return pool(cfg.layer).build(cfg.Last, x) }

// AdaptiveAvgPool takes the mean of a number of windows that fill the operand;
// 1 is the mean of all.
type AdaptiveAvgPool struct {
	Named `yaml:",inline"`
	Last  `yaml:",inline"`
	Out   []int `json:"out" yaml:"out,one"` // windows
}

func (cfg AdaptiveAvgPool) layer(n int) (nn.Forwarder, error) {
	out, err := windows(cfg.Out, n)
	if err != nil {
		return nil, err
	}
	if n == 1 {
		return nn.NewAdaptiveAvgPool1d(out[0]), nil
	}
	if n == 2 {
		return nn.NewAdaptiveAvgPool2d(out[0], out[1]), nil
	}
	return nn.NewAdaptiveAvgPool3d(out[0], out[1], out[2]), nil
}

func windows(out []int, n int) ([]int, error) {
	all, err := spread("out", out, n)
	return all, errors.Join(err, atLeast(1, "out", out...))
}

// Validate tells all that is wrong.
func (cfg AdaptiveAvgPool) Validate() error { return pool(cfg.layer).validate() }

// Build makes the layer.
func (cfg AdaptiveAvgPool) Build(x Operand) (Module, error) {
	return pool(cfg.layer).build(cfg.Last, x)
}

// AdaptiveMaxPool takes the largest element of a number of windows that fill the
// operand; 1 is the largest of all.
type AdaptiveMaxPool struct {
	Named `yaml:",inline"`
	Last  `yaml:",inline"`
	Out   []int `json:"out" yaml:"out,one"` // windows
}

func (cfg AdaptiveMaxPool) layer(n int) (nn.Forwarder, error) {
	out, err := windows(cfg.Out, n)
	if err != nil {
		return nil, err
	}
	if n == 1 {
		return nn.NewAdaptiveMaxPool1d(out[0]), nil
	}
	if n == 2 {
		return nn.NewAdaptiveMaxPool2d(out[0], out[1]), nil
	}
	return nn.NewAdaptiveMaxPool3d(out[0], out[1], out[2]), nil
}

// Validate tells all that is wrong.
func (cfg AdaptiveMaxPool) Validate() error { return pool(cfg.layer).validate() }

// Build makes the layer.
func (cfg AdaptiveMaxPool) Build(x Operand) (Module, error) {
	return pool(cfg.layer).build(cfg.Last, x)
}

// Upsample is nn.Upsample over all axes behind the channels. One of Size and
// ScaleFactor is given.
type Upsample struct {
	Named        `yaml:",inline"`
	Size         []int           `json:"size" yaml:"size,one"`                 // extents of the result
	ScaleFactor  []int           `json:"scale_factor" yaml:"scale_factor,one"` // times the extents of the operand
	Mode         nn.UpsampleMode `json:"mode" yaml:"mode"`
	AlignCorners bool            `json:"align_corners" yaml:"align_corners"` // linear and cubic: the first and last pixels stay where they are
}

// Validate tells all that is wrong.
func (cfg Upsample) Validate() error {
	return nn.UpsampleConfig{Size: cfg.Size, ScaleFactor: cfg.ScaleFactor, Mode: cfg.Mode, AlignCorners: cfg.AlignCorners}.Validate()
}

// Build makes the layer.
func (cfg Upsample) Build(x Operand) (Module, error) {
	if err := x.wants("[B C ...]", 3, 4, 5); err != nil {
		return nil, err
	}
	c := nn.UpsampleConfig{Mode: cfg.Mode, AlignCorners: cfg.AlignCorners}
	var err error
	if len(cfg.Size) > 0 {
		c.Size, err = spread("size", cfg.Size, x.Rank()-2)
	} else {
		c.ScaleFactor, err = spread("scale_factor", cfg.ScaleFactor, x.Rank()-2)
	}
	if err != nil {
		return nil, err
	}
	return losing(c.Build())
}

// PixelShuffle is nn.PixelShuffle: [B C*F*F Y X] to [B C Y*F X*F].
type PixelShuffle struct {
	Named  `yaml:",inline"`
	Factor int `json:"factor" yaml:"factor"`
}

// Validate tells all that is wrong.
func (cfg PixelShuffle) Validate() error { return atLeast(1, "factor", cfg.Factor) }

// Build makes the layer.
func (cfg PixelShuffle) Build(x Operand) (Module, error) {
	if err := x.wants(images(2), 4); err != nil {
		return nil, err
	}
	return losing(nn.NewPixelShuffle(cfg.Factor))
}

// PixelUnshuffle is nn.PixelUnshuffle: [B C Y*F X*F] to [B C*F*F Y X].
type PixelUnshuffle struct {
	Named  `yaml:",inline"`
	Factor int `json:"factor" yaml:"factor"`
}

// Validate tells all that is wrong.
func (cfg PixelUnshuffle) Validate() error { return atLeast(1, "factor", cfg.Factor) }

// Build makes the layer.
func (cfg PixelUnshuffle) Build(x Operand) (Module, error) {
	if err := x.wants(images(2), 4); err != nil {
		return nil, err
	}
	if x.Dim(2)%cfg.Factor != 0 || x.Dim(3)%cfg.Factor != 0 {
		return nil, fmt.Errorf("%v can't be cut in squares of %d", x, cfg.Factor)
	}
	return losing(nn.NewPixelUnshuffle(cfg.Factor))
}

// GlobalAvgPool takes the mean of each channel: [B C ...] to [B C]. For
// sequences [B T D] there is time_pool.
type GlobalAvgPool struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (GlobalAvgPool) Validate() error { return nil }

// Build makes the layer.
func (GlobalAvgPool) Build(x Operand) (Module, error) {
	if err := x.wants("[B C ...]", 3, 4, 5); err != nil {
		return nil, err
	}
	return losing(&nn.GlobalAvgPool{})
}

// GlobalMaxPool takes the largest element of each channel: [B C ...] to [B C].
type GlobalMaxPool struct {
	Named `yaml:",inline"`
}

// Validate has nothing to tell.
func (GlobalMaxPool) Validate() error { return nil }

// Build makes the layer.
func (GlobalMaxPool) Build(x Operand) (Module, error) {
	if err := x.wants("[B C ...]", 3, 4, 5); err != nil {
		return nil, err
	}
	return losing(&nn.GlobalMaxPool{})
}

// FractionalMaxPool takes the largest element of windows at uneven distances,
// which are drawn while a model is trained.
type FractionalMaxPool struct {
	Named  `yaml:",inline"`
	Kernel []int `json:"kernel" yaml:"kernel,one"`
	Out    []int `json:"out" yaml:"out,one"` // windows
}

// Validate tells all that is wrong.
func (cfg FractionalMaxPool) Validate() error {
	return errors.Join(atLeast(1, "kernel", cfg.Kernel...), atLeast(1, "out", cfg.Out...))
}

// Build makes the layer.
func (cfg FractionalMaxPool) Build(x Operand) (Module, error) {
	if err := x.wants("[B C ...]", 3, 4, 5); err != nil {
		return nil, err
	}
	kernel, err := spread("kernel", cfg.Kernel, x.Rank()-2)
	out, err2 := spread("out", cfg.Out, x.Rank()-2)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	return losing(nn.FractionalMaxPoolConfig{Kernel: kernel, Out: out}.Build())
}

// MaxUnpool takes the largest element of each window, sends what it has through
// layers that keep its shape, and puts each element back to where the largest of
// its window was, with 0 elsewhere: [B C ...] to the same.
type MaxUnpool struct {
	Named   `yaml:",inline"`
	Kernel  []int   `json:"kernel" yaml:"kernel,one"`
	Stride  []int   `json:"stride" yaml:"stride,one"`   // null takes the kernel
	Padding []int   `json:"padding" yaml:"padding,one"` // at each side
	Layers  []Layer `json:"layers" yaml:"layers"`       // null for none
}

// Validate tells all that is wrong.
func (cfg MaxUnpool) Validate() error {
	pooled := MaxPool{Kernel: cfg.Kernel, Stride: cfg.Stride, Padding: cfg.Padding, Dilation: []int{1}}
	return errors.Join(pooled.Validate(), validate(cfg.Layers, "layers"))
}

// Build makes the layers.
func (cfg MaxUnpool) Build(x Operand) (Module, error) {
	if err := x.wants("[B C ...]", 3, 4, 5); err != nil {
		return nil, err
	}
	s, err := axes(x.Rank()-2, cfg.Kernel, strides(cfg.Stride, cfg.Kernel), cfg.Padding, []int{1}, []int{0})
	if err != nil {
		return nil, err
	}
	u := &unpool{pool: nn.MaxUnpoolConfig{Kernel: s.kernel, Stride: s.stride, Padding: s.padding}.Build(), body: &chain{}}
	small, err := trace(u.only(), x)
	if err != nil {
		return nil, err
	}
	var y Operand
	if u.body, y, err = build(cfg.Layers, "layers", small); err != nil {
		return nil, err
	}
	if y.Type != small.Type {
		return nil, fmt.Errorf("layers make %v of %v, whose shape they must keep", y, small)
	}
	return u, nil
}

type unpool struct {
	pool *nn.MaxUnpool
	body *chain
}

// only is the pooling alone.
func (u *unpool) only() Module { return &pooling{u.pool} }

// Children are the layers.
func (u *unpool) Children() []module.Child { return u.body.Children() }

// Apply pools, applies the layers and unpools.
func (u *unpool) Apply(c *module.Ctx, x Flow) Flow {
	defer c.Enter(u)()
	y, index := u.pool.Pool(c, x.Value)
	y = u.body.run(c, Flow{Value: y}).Value
	return Flow{Value: u.pool.Forward(c, y, index, x.Value)}
}

type pooling struct{ pool *nn.MaxUnpool }

// Apply pools.
func (p *pooling) Apply(c *module.Ctx, x Flow) Flow {
	y, _ := p.pool.Pool(c, x.Value)
	return Flow{Value: y}
}

// ChannelShuffle puts the channels of [B C ...] in another order: the first of
// each group, then the second of each, and so on.
type ChannelShuffle struct {
	Named  `yaml:",inline"`
	Groups int `json:"groups" yaml:"groups"` // divides the channels
}

// Validate tells all that is wrong.
func (cfg ChannelShuffle) Validate() error { return atLeast(1, "groups", cfg.Groups) }

// Build makes the layer.
func (cfg ChannelShuffle) Build(x Operand) (Module, error) {
	if err := x.wants("[B C ...]", 3, 4, 5); err != nil {
		return nil, err
	}
	if x.Dim(1)%cfg.Groups != 0 {
		return nil, fmt.Errorf("the channels of %v don't divide into %d groups", x, cfg.Groups)
	}
	return losing(&nn.ChannelShuffle{Groups: cfg.Groups})
}
