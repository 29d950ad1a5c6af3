package source

import "github.com/gradus-ml/gradus/tensor"

// sizeOf is about the memory that a value takes, with the interface around it.
func sizeOf(v any) int {
	const word = 8
	switch v := v.(type) {
	case nil, bool:
		return 2 * word
	case string:
		return 4*word + len(v)
	case []byte:
		return 5*word + len(v)
	case *tensor.Tensor:
		return 20*word + len(v.Bytes())
	}
	return 3 * word
}
