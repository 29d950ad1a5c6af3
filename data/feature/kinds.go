package feature

import (
	"reflect"

	"github.com/gradus-ml/gradus/config"
)

// Kinds lists what a field of type Config can hold.
func Kinds() []config.Kind {
	return []config.Kind{
		{Name: "numeric", Default: DefaultNumeric()},
		{Name: "category", Default: DefaultCategory()},
		{Name: "image", Default: DefaultImage()},
		{Name: "array", Default: Array{}},
		{Name: "class", Default: Class{}},
		{Name: "number", Default: DefaultNumber()},
	}
}

// EncoderKinds is what a Set is read and written with.
func EncoderKinds() config.Kinds {
	return config.Kinds{
		reflect.TypeFor[Encoder](): {
			{Name: "numeric", Default: &NumericEncoder{}},
			{Name: "category", Default: &CategoryEncoder{}},
			{Name: "image", Default: &ImageEncoder{}},
			{Name: "array", Default: &ArrayEncoder{}},
			{Name: "class", Default: &ClassEncoder{}},
			{Name: "number", Default: &NumberEncoder{}},
		},
	}
}

// Values lists the scales.
func (Scale) Values() []string {
	return []string{string(Unscaled), string(Standard), string(MinMax), string(Robust)}
}

// Values lists the ways.
func (Missing) Values() []string {
	return []string{string(MissingError), string(MissingMean), string(MissingZero)}
}

// Values lists the encodings.
func (CategoryEncoding) Values() []string {
	return []string{string(OneHot), string(ByIndex), string(ByHash)}
}
