package optim

import (
	"fmt"
	"slices"
)

// A Form is the library whose arithmetic a rule has, where libraries differ.
type Form uint8

// The forms.
const (
	Torch Form = iota // torch.optim of PyTorch 2.15
	Keras             // keras.optimizers of Keras 3.15, as TensorFlow has it
)

var forms = []string{Torch: "torch", Keras: "keras"}

// String is "torch" or "keras".
func (f Form) String() string {
	if int(f) < len(forms) {
		return forms[f]
	}
	return fmt.Sprintf("form(%d)", uint8(f))
}

// Values lists the texts of forms.
func (Form) Values() []string { return forms }

// MarshalText writes the name.
func (f Form) MarshalText() ([]byte, error) {
	if int(f) >= len(forms) {
		return nil, fmt.Errorf("optim: there is no %v", f)
	}
	return []byte(f.String()), nil
}

// UnmarshalText reads the name.
func (f *Form) UnmarshalText(text []byte) error {
	i := slices.Index(forms, string(text))
	if i < 0 {
		return fmt.Errorf("optim: no form %q; there are torch and keras", text)
	}
	*f = Form(i)
	return nil
}
