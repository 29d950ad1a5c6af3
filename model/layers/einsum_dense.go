package layers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/nn"
)

func einsumDenseKinds() []config.Kind {
	return []config.Kind{
		{Name: "einsum_dense", Default: EinsumDense{}},
	}
}

// EinsumDense is nn.EinsumDense: a product with a kernel whose axes letters name,
// such as "btd,dhk->bthk". The operand's axes are those at its end where its
// letters begin with "...".
type EinsumDense struct {
	Named    `yaml:",inline"`
	Equation string         `json:"equation" yaml:"equation"`
	Sizes    map[string]int `json:"sizes" yaml:"sizes"` // extents of the letters that the operand does not have
	Bias     string         `json:"bias" yaml:"bias"`   // letters of the result's axes that the bias has; none for no bias
}

// Validate tells all that is wrong.
func (cfg EinsumDense) Validate() error {
	var errs []error
	if _, _, _, err := cfg.terms(); err != nil {
		errs = append(errs, err)
	}
	for letter, n := range cfg.Sizes {
		errs = append(errs, atLeast(1, "sizes."+letter, n), atMost(1<<24, "sizes."+letter, n))
	}
	return errors.Join(errs...)
}

// terms takes the equation apart.
func (cfg EinsumDense) terms() (x, kernel, y string, err error) {
	in, y, ok := strings.Cut(strings.ReplaceAll(cfg.Equation, " ", ""), "->")
	x, kernel, two := strings.Cut(in, ",")
	if !ok || !two || strings.Contains(kernel, ",") || strings.Contains(kernel, ".") {
		return "", "", "", fmt.Errorf("equation wants the form operand,kernel->result with letters of axes, and no ... in the kernel, got %q", cfg.Equation)
	}
	for _, letter := range cfg.Bias {
		if !strings.ContainsRune(y, letter) {
			return "", "", "", fmt.Errorf("bias: the result %q has no axis %q", y, string(letter))
		}
	}
	return x, kernel, y, nil
}

// Build makes the layer.
func (cfg EinsumDense) Build(x Operand) (Module, error) {
	if !x.Type.DType.IsFloat() {
		return nil, x.whole()
	}
	in, kernel, out, err := cfg.terms()
	if err != nil {
		return nil, err
	}
	sizes := map[rune]int{}
	letters := []rune(strings.TrimPrefix(in, "..."))
	for i, letter := range letters {
		if axis := x.Rank() - len(letters) + i; axis >= 0 {
			sizes[letter] = x.Dim(axis)
		}
	}
	for name, n := range cfg.Sizes {
		for _, letter := range name {
			sizes[letter] = n
		}
	}
	c := nn.EinsumDenseConfig{Equation: in + "," + kernel + "->" + out}
	for _, letter := range kernel {
		n, ok := sizes[letter]
		if !ok {
			return nil, fmt.Errorf("sizes lacks %c, an axis that the kernel has and %v has not", letter, x)
		}
		c.Kernel = append(c.Kernel, n)
	}
	if behind := strings.IndexAny(out, cfg.Bias); cfg.Bias != "" && behind >= 0 {
		for _, letter := range out[behind:] {
			n := 1
			if strings.ContainsRune(cfg.Bias, letter) {
				n = sizes[letter]
			}
			c.Bias = append(c.Bias, n)
		}
	}
	if slices.Contains(c.Bias, 0) {
		return nil, fmt.Errorf("bias: an axis of the result has no extent")
	}
	return losing(c.Build())
}
