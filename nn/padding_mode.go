package nn

import (
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A PaddingMode says what the padding of a convolution holds.
type PaddingMode uint8

// The modes of padding. Of the elements a b c d, three of padding at each end
// are
//
//	PadZeros      0 0 0 | a b c d | 0 0 0
//	PadReflect    d c b | a b c d | c b a
//	PadReplicate  a a a | a b c d | d d d
//	PadCircular   b c d | a b c d | a b c
const (
	PadZeros PaddingMode = iota
	PadReflect
	PadReplicate
	PadCircular
)

var paddingModes = [...]string{PadZeros: "zeros", PadReflect: "reflect", PadReplicate: "replicate", PadCircular: "circular"}

// String is "zeros", "reflect", "replicate" or "circular".
func (m PaddingMode) String() string {
	if int(m) < len(paddingModes) {
		return paddingModes[m]
	}
	return fmt.Sprintf("paddingmode(%d)", uint8(m))
}

// Values lists the names.
func (PaddingMode) Values() []string { return slices.Clone(paddingModes[:]) }

// MarshalText writes the name.
func (m PaddingMode) MarshalText() ([]byte, error) { return []byte(m.String()), m.validate() }

// UnmarshalText reads the name.
func (m *PaddingMode) UnmarshalText(text []byte) error {
	for i, name := range paddingModes {
		if name == string(text) {
			*m = PaddingMode(i)
			return nil
		}
	}
	return fmt.Errorf("nn: no padding mode %q; there are zeros, reflect, replicate and circular", text)
}

func (m PaddingMode) validate() error {
	if int(m) >= len(paddingModes) {
		return fmt.Errorf("there is no %v", m)
	}
	return nil
}

// pad widens x by lo[a] elements before and hi[a] behind axis a.
func (m PaddingMode) pad(x *ir.Value, lo, hi []int) *ir.Value {
	switch m {
	case PadReflect:
		return ops.PadReflect(x, lo, hi)
	case PadReplicate:
		return ops.PadReplicate(x, lo, hi)
	case PadCircular:
		return ops.PadCircular(x, lo, hi)
	}
	return ops.PadConstant(x, 0, lo, hi)
}
