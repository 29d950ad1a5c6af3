package feature

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Tags is a target of one class for each token of an input of type tokens:
// int64 [Length]. Its column is text, the tags between white space, as many as
// the text has tokens; the tokenizer that fits is text.Fields. Where the input
// has a start or end token or padding, the target is -100, which losses leave
// out. The input has no augmentation that changes the number of tokens.
//
// The tags are those of the training rows, sorted by their bytes. A row with
// another one is an error.
type Tags struct {
	Column string `json:"column" yaml:"column"` // of text, tags between white space
	Input  string `json:"input" yaml:"input"`   // name of the input of type tokens
}

// Validate tells all that is wrong with the settings.
func (c Tags) Validate() error {
	err := validColumn(c.Column)
	if c.Input == "" {
		err = errors.Join(err, errors.New("input: the name of an input of type tokens is needed"))
	}
	return err
}

// Reads names the column.
func (c Tags) Reads() []string { return []string{c.Column} }

// Fitter begins to learn.
func (c Tags) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantText(columns[0]); err != nil {
		return nil, err
	}
	return &tagsFitter{cfg: c, counts: counter{}}, nil
}

type tagsFitter struct {
	cfg    Tags
	counts counter
}

func (f *tagsFitter) Add(values []any) error {
	s, err := textOf(values[0])
	if err != nil {
		return column(f.cfg.Column, err)
	}
	for tag := range strings.FieldsSeq(s) {
		f.counts.add([]byte(tag))
	}
	return nil
}

// Encoder is never called: see follow.
func (f *tagsFitter) Encoder() (Encoder, error) {
	return nil, errors.New("internal error: tags follow an input")
}

// follow takes over the tokens of an input.
func (f *tagsFitter) follow(inputs []Fitted) (Encoder, error) {
	tokens, err := tokensNamed(f.cfg.Input, inputs)
	if err != nil {
		return nil, err
	}
	e := &TagsEncoder{Column: f.cfg.Column, Input: f.cfg.Input, Tokens: tokens, Tags: f.counts.sorted(false)}
	return e, e.Validate()
}

// A TagsEncoder is a Tags that was fitted.
type TagsEncoder struct {
	Column string         `json:"column" yaml:"column"`
	Input  string         `json:"input" yaml:"input"`
	Tokens *TokensEncoder `json:"tokens" yaml:"tokens"` // as of the input
	Tags   []string       `json:"tags" yaml:"tags"`

	index index
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *TagsEncoder) Validate() error {
	if e.Tokens == nil {
		return errors.New("tokens: there are none")
	}
	errs := []error{validColumn(e.Column), validClasses(e.Tags, true), e.Tokens.Validate()}
	if e.Tokens.Pack != nil {
		errs = append(errs, errors.New("the input packs texts, and rows are examples no more"))
	}
	return errors.Join(errs...)
}

// Reads names the columns of the text and of the tags.
func (e *TagsEncoder) Reads() []string { return append(slices.Clip(e.Tokens.Reads()), e.Column) }

// Item is int64 [Length].
func (e *TagsEncoder) Item() (dtype.DType, shape.Shape) { return e.Tokens.Item() }

// Varies is as of the input.
func (e *TagsEncoder) Varies() bool { return e.Tokens.Varying }

// Padding is what losses leave out.
func (e *TagsEncoder) Padding() float64 { return Ignored }

// Encode stores the tags.
func (e *TagsEncoder) Encode(dst *tensor.Tensor, values []any, d data.Draw) error {
	tags, err := e.tags(values, d)
	if err == nil {
		y := tensor.Data[int64](dst)
		place(y, tags[:min(len(tags), len(y))], Ignored, e.Tokens.Pad)
	}
	return err
}

// Make returns the tags of the tokens that the input's Make has.
func (e *TagsEncoder) Make(values []any, d data.Draw) (*tensor.Tensor, error) {
	tags, err := e.tags(values, d)
	if err != nil {
		return nil, err
	}
	t := tensor.New(dtype.Int64, shape.Of(max(1, min(len(tags), e.Tokens.Length))))
	y := tensor.Data[int64](t)
	place(y, tags[:min(len(tags), len(y))], Ignored, AtEnd)
	return t, nil
}

// tags are those of all tokens of the text, cut off at the start as they are.
func (e *TagsEncoder) tags(values []any, d data.Draw) ([]int32, error) {
	list, err := textOf(values[1])
	if err != nil {
		return nil, column(e.Column, err)
	}
	places := e.index.of(e.Tags)[0]
	var tags []int32
	if e.Tokens.Start {
		tags = append(tags, Ignored)
	}
	n := 0
	for tag := range strings.FieldsSeq(list) {
		i, ok := places[tag]
		if !ok {
			return nil, column(e.Column, notAClass(tag, e.Tags))
		}
		tags = append(tags, int32(i))
		n++
	}
	if e.Tokens.End {
		tags = append(tags, Ignored)
	}
	s, err := textOf(values[0])
	if err != nil {
		return nil, column(e.Tokens.Column, err)
	}
	tokens, err := e.Tokens.tokens(nil, s, d)
	if err != nil {
		return nil, column(e.Tokens.Column, err)
	}
	if len(tokens) != len(tags) {
		return nil, column(e.Column, fmt.Errorf("has %d tags, and the text %d tokens", n, n+len(tokens)-len(tags)))
	}
	if over := len(tags) - e.Tokens.Length; over > 0 && e.Tokens.Truncate == AtStart {
		tags = tags[over:]
	}
	return tags, nil
}

// Outputs is the number of tags.
func (e *TagsEncoder) Outputs() int { return len(e.Tags) }

// Decode takes scores [T n] and gives the most probable tag of each position.
func (e *TagsEncoder) Decode(output *tensor.Tensor) (any, error) {
	places, err := argmaxes(output, len(e.Tags))
	if err != nil {
		return nil, err
	}
	tags := make([]string, len(places))
	for i, p := range places {
		tags[i] = e.Tags[p]
	}
	return tags, nil
}
