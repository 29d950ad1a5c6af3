package feature

import (
	"reflect"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data/image"
	"github.com/gradus-ml/gradus/data/text"
)

// Kinds lists what a field of type Config can hold.
func Kinds() []config.Kind {
	return []config.Kind{
		{Name: "numeric", Default: DefaultNumeric()},
		{Name: "category", Default: DefaultCategory()},
		{Name: "datetime", Default: DefaultDateTime()},
		{Name: "image", Default: DefaultImage()},
		{Name: "audio", Default: DefaultAudio()},
		{Name: "tokens", Default: DefaultTokens()},
		{Name: "ngrams", Default: DefaultNGrams()},
		{Name: "series", Default: DefaultSeries()},
		{Name: "array", Default: Array{}},
		{Name: "class", Default: Class{}},
		{Name: "number", Default: DefaultNumber()},
		{Name: "classes", Default: DefaultClasses()},
		{Name: "next_tokens", Default: NextTokens{}},
		{Name: "tags", Default: Tags{}},
		{Name: "mask", Default: DefaultMask()},
	}
}

// encoderKinds is what a Set is read and written with.
func encoderKinds() config.Kinds {
	return config.Kinds{
		reflect.TypeFor[Encoder](): {
			{Name: "numeric", Default: &NumericEncoder{}},
			{Name: "category", Default: &CategoryEncoder{}},
			{Name: "datetime", Default: &DateTimeEncoder{}},
			{Name: "image", Default: &ImageEncoder{}},
			{Name: "audio", Default: &AudioEncoder{}},
			{Name: "tokens", Default: &TokensEncoder{}},
			{Name: "ngrams", Default: &NGramsEncoder{}},
			{Name: "series", Default: &SeriesEncoder{}},
			{Name: "array", Default: &ArrayEncoder{}},
			{Name: "class", Default: &ClassEncoder{}},
			{Name: "number", Default: &NumberEncoder{}},
			{Name: "classes", Default: &ClassesEncoder{}},
			{Name: "next_tokens", Default: &NextTokensEncoder{}},
			{Name: "tags", Default: &TagsEncoder{}},
			{Name: "mask", Default: &MaskEncoder{}},
		},
		reflect.TypeFor[text.Tokenizer]():     text.TokenizerKinds(),
		reflect.TypeFor[text.Augment]():       text.AugmentKinds(),
		reflect.TypeFor[image.Augmentation](): image.Kinds(),
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
