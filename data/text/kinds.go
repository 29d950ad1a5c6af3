package text

import "github.com/gradus-ml/gradus/config"

// Kinds lists what a field of type Config can hold.
func Kinds() []config.Kind {
	return []config.Kind{
		{Name: "words", Default: DefaultWords()},
		{Name: "bpe", Default: DefaultBPE()},
		{Name: "characters", Default: DefaultCharacters()},
		{Name: "bytes", Default: DefaultBytes()},
		{Name: "fields", Default: DefaultFields()},
	}
}

// AugmentKinds lists what a field of type Augment can hold.
func AugmentKinds() []config.Kind {
	return []config.Kind{
		{Name: "drop_tokens", Default: DropTokens{P: 0.1}},
		{Name: "mask_tokens", Default: DefaultMaskTokens()},
		{Name: "drop_spans", Default: DefaultDropSpans()},
	}
}

// TokenizerKinds lists what a field of type Tokenizer can hold.
func TokenizerKinds() []config.Kind {
	return []config.Kind{
		{Name: "words", Default: &WordTokenizer{}},
		{Name: "bpe", Default: &BPETokenizer{}},
		{Name: "characters", Default: &CharacterTokenizer{}},
		{Name: "bytes", Default: &ByteTokenizer{}},
		{Name: "fields", Default: &FieldTokenizer{}},
	}
}
