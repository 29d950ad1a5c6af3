package layers

import (
	"errors"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/nn"
)

func padKinds() []config.Kind {
	return []config.Kind{
		{Name: "pad", Default: Pad{}},
		{Name: "constant_pad", Default: ConstantPad{}},
		{Name: "unfold", Default: Unfold{Patches: DefaultPatches()}},
		{Name: "fold", Default: Fold{Patches: DefaultPatches()}},
	}
}

// Widths are elements at the two ends of each axis behind the channels of
// [B C ...]. Lists have one number for all axes or one for each, in the order
// Z, Y, X.
type Widths struct {
	Before []int `json:"before" yaml:"before,one"`
	After  []int `json:"after" yaml:"after,one"`
}

func (w Widths) validate() error {
	return errors.Join(atLeast(0, "before", w.Before...), atLeast(0, "after", w.After...))
}

// of are the widths for an operand.
func (w Widths) of(x Operand) (nn.Widths, error) {
	if err := x.wants("[B C ...]", 3, 4, 5); err != nil {
		return nn.Widths{}, err
	}
	before, err := spread("before", w.Before, x.Rank()-2)
	after, err2 := spread("after", w.After, x.Rank()-2)
	return nn.Widths{Before: before, After: after}, errors.Join(err, err2)
}

// Pad widens sequences [B C T], images [B C Y X] or volumes [B C Z Y X].
type Pad struct {
	Named  `yaml:",inline"`
	Widths `yaml:",inline"`
	Mode   nn.PaddingMode `json:"mode" yaml:"mode"` // what stands in the new places
}

// Validate tells all that is wrong.
func (cfg Pad) Validate() error { return cfg.Widths.validate() }

// Build makes the layer.
func (cfg Pad) Build(x Operand) (Module, error) {
	w, err := cfg.of(x)
	if err != nil {
		return nil, err
	}
	return losing(&nn.Pad{Mode: cfg.Mode, Widths: w})
}

// ConstantPad widens sequences [B C T], images [B C Y X] or volumes [B C Z Y X]
// with a number.
type ConstantPad struct {
	Named  `yaml:",inline"`
	Widths `yaml:",inline"`
	Value  float64 `json:"value" yaml:"value"`
}

// Validate tells all that is wrong.
func (cfg ConstantPad) Validate() error { return cfg.Widths.validate() }

// Build makes the layer.
func (cfg ConstantPad) Build(x Operand) (Module, error) {
	w, err := cfg.of(x)
	if err != nil {
		return nil, err
	}
	return losing(&nn.ConstantPad{Value: cfg.Value, Widths: w})
}

// Patches are those of images. Lists have one number for both axes or one for
// each, in the order Y, X.
type Patches struct {
	Kernel   []int `json:"kernel" yaml:"kernel,one"`
	Stride   []int `json:"stride" yaml:"stride,one"`     // null takes the kernel
	Padding  []int `json:"padding" yaml:"padding,one"`   // zeros at each side
	Dilation []int `json:"dilation" yaml:"dilation,one"` // positions between elements of a patch
}

// DefaultPatches lie side by side; Kernel must be set.
func DefaultPatches() Patches { return Patches{Padding: []int{0}, Dilation: []int{1}} }

func (p Patches) unfold() (*nn.Unfold, error) {
	s, err := axes(2, p.Kernel, strides(p.Stride, p.Kernel), p.Padding, p.Dilation, []int{0})
	if err != nil {
		return nil, err
	}
	err = errors.Join(atLeast(1, "kernel", s.kernel...), atLeast(1, "stride", s.stride...), atLeast(0, "padding", s.padding...), atLeast(1, "dilation", s.dilation...))
	u := &nn.Unfold{}
	u.Kernel, u.Stride, u.Padding, u.Dilation = [2]int(s.kernel), [2]int(s.stride), [2]int(s.padding), [2]int(s.dilation)
	return u, err
}

// Unfold is nn.Unfold: the patches of images [B C Y X] as columns
// [B C*Kernel*Kernel L].
type Unfold struct {
	Named   `yaml:",inline"`
	Patches `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg Unfold) Validate() error {
	_, err := cfg.unfold()
	return err
}

// Build makes the layer.
func (cfg Unfold) Build(x Operand) (Module, error) {
	if err := x.wants(images(2), 4); err != nil {
		return nil, err
	}
	u, err := cfg.unfold()
	if err != nil {
		return nil, err
	}
	return losing(u)
}

// Fold is nn.Fold: columns [B C*Kernel*Kernel L] added up to images [B C Out].
type Fold struct {
	Named   `yaml:",inline"`
	Patches `yaml:",inline"`
	Out     []int `json:"out" yaml:"out,one"` // extents of the images
}

func (cfg Fold) fold() (*nn.Fold, error) {
	u, err := cfg.unfold()
	out, err2 := spread("out", cfg.Out, 2)
	if err := errors.Join(err, err2, atLeast(1, "out", cfg.Out...)); err != nil {
		return nil, err
	}
	return &nn.Fold{Out: [2]int(out), Patches: u.Patches}, nil
}

// Validate tells all that is wrong.
func (cfg Fold) Validate() error {
	_, err := cfg.fold()
	return err
}

// Build makes the layer.
func (cfg Fold) Build(x Operand) (Module, error) {
	if err := x.wants("columns [B C L]", 3); err != nil {
		return nil, err
	}
	f, err := cfg.fold()
	if err != nil {
		return nil, err
	}
	return losing(f)
}
