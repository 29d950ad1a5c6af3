package feature

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/data/text"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Side is an end of a text.
type Side string

// The sides.
const (
	AtStart Side = "start"
	AtEnd   Side = "end"
)

// Values lists the sides.
func (Side) Values() []string { return []string{string(AtStart), string(AtEnd)} }

func (s Side) validate(key string) error {
	if s != AtStart && s != AtEnd {
		return fmt.Errorf("%s: %q is not start or end", key, s)
	}
	return nil
}

// Tokens is a feature of text: the numbers of its tokens, int64 [Length].
//
// The tokenizer learns from the training rows. Where asked for, a start token is
// put before the tokens and an end token behind them; what is longer than Length
// is cut off, what is shorter filled up with the padding token. A row without a
// text has an empty one.
type Tokens struct {
	Column    string         `json:"column" yaml:"column"`       // of text, or of files
	Tokenizer text.Config    `json:"tokenizer" yaml:"tokenizer"` // how text is cut
	Length    int            `json:"length" yaml:"length"`       // greatest number of tokens
	Varying   bool           `json:"varying" yaml:"varying"`     // fill up to the longest of a batch only
	Pad       Side           `json:"pad" yaml:"pad"`             // where it is filled up
	Truncate  Side           `json:"truncate" yaml:"truncate"`   // where it is cut off
	Start     bool           `json:"start" yaml:"start"`         // put a start token before the text
	End       bool           `json:"end" yaml:"end"`             // put an end token behind it
	Augment   []text.Augment `json:"augment" yaml:"augment"`     // of examples of training, before start and end are added
	Pack      *Pack          `json:"pack" yaml:"pack"`           // null makes an example of each row
}

// A Pack joins the texts of all rows to one long list of tokens; examples are
// Length of them in a row, with the one that follows. What is left at the end,
// too short for an example, is not used. The list is kept in memory, 4 bytes a
// token. It serves language models: inputs and targets are the tokens and
// next_tokens of one column, no others. A text that is to be predicted stays as
// it is.
type Pack struct {
	Separator string `json:"separator" yaml:"separator"` // a text between rows
	Stride    *int   `json:"stride" yaml:"stride"`       // tokens from an example to the next; null is Length, without overlap
}

// DefaultTokens are up to 256 words.
func DefaultTokens() Tokens {
	return Tokens{Tokenizer: text.DefaultWords(), Length: 256, Pad: AtEnd, Truncate: AtEnd}
}

// maxLength bounds what is made for one text.
const maxLength = 1 << 20

// Validate tells all that is wrong with the settings.
func (c Tokens) Validate() error {
	errs := []error{validColumn(c.Column), c.Pad.validate("pad"), c.Truncate.validate("truncate")}
	if c.Tokenizer == nil {
		errs = append(errs, errors.New("tokenizer: one is needed"))
	} else if err := c.Tokenizer.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("tokenizer: %w", err))
	}
	for i, a := range c.Augment {
		if err := a.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("augment.%d: %w", i, err))
		}
	}
	errs = append(errs, validTokens(c.Length, c.Varying, c.Pad, c.Pack))
	if c.Pack != nil && len(c.Augment) > 0 {
		errs = append(errs, errors.New("augment: texts that are packed once are the same in every epoch; leave out augment or pack"))
	}
	if b, ok := c.Tokenizer.(text.BPE); ok && c.Pack != nil && b.Dropout > 0 {
		errs = append(errs, errors.New("tokenizer.dropout: texts that are packed once are the same in every epoch; leave out dropout or pack"))
	}
	return errors.Join(errs...)
}

func validTokens(length int, varying bool, pad Side, pack *Pack) error {
	var errs []error
	if length < 1 || length > maxLength {
		errs = append(errs, fmt.Errorf("length: %d is not in 1..%d", length, maxLength))
	}
	if varying && pad != AtEnd {
		errs = append(errs, errors.New("pad: batches of varying length are filled up at the end"))
	}
	if pack != nil {
		if varying {
			errs = append(errs, errors.New("varying: all examples of packed texts have the full length"))
		}
		if pack.Stride != nil && *pack.Stride < 1 {
			errs = append(errs, fmt.Errorf("pack.stride: %d is less than 1", *pack.Stride))
		}
	}
	return errors.Join(errs...)
}

// Reads names the column.
func (c Tokens) Reads() []string { return []string{c.Column} }

// Fitter begins to learn.
func (c Tokens) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantText(columns[0]); err != nil {
		return nil, err
	}
	return &tokensFitter{c, c.Tokenizer.Trainer()}, nil
}

func wantText(c source.Column) error { return wantKind(c, "text", source.Text, source.Binary) }

// textOf is a value that must be text, or the content of a file.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	}
	return "", fmt.Errorf("want text, got %s", kindOf(v))
}

type tokensFitter struct {
	cfg     Tokens
	trainer text.Trainer
}

func (f *tokensFitter) Add(values []any) error {
	s, err := textOf(values[0])
	if err != nil {
		return column(f.cfg.Column, err)
	}
	f.trainer.Add(s)
	if f.cfg.Pack != nil {
		f.trainer.Add(f.cfg.Pack.Separator)
	}
	return nil
}

// Enough is true of bytes, which learn nothing.
func (f *tokensFitter) Enough() bool {
	_, ok := f.cfg.Tokenizer.(text.Bytes)
	return ok
}

func (f *tokensFitter) Encoder() (Encoder, error) {
	t, err := f.trainer.Tokenizer()
	if err != nil {
		return nil, column(f.cfg.Column, err)
	}
	c := f.cfg
	e := &TokensEncoder{Column: c.Column, Tokenizer: t, Length: c.Length, Varying: c.Varying, Pad: c.Pad, Truncate: c.Truncate,
		Start: c.Start, End: c.End, Augment: c.Augment, Pack: c.Pack}
	for _, a := range c.Augment {
		if _, err := a.Apply([]int32{0}, t, data.Draw{}); err != nil {
			return nil, fmt.Errorf("augment: %w", err)
		}
	}
	return e, e.Validate()
}

// A TokensEncoder is a Tokens that was fitted.
type TokensEncoder struct {
	Column    string         `json:"column" yaml:"column"`
	Tokenizer text.Tokenizer `json:"tokenizer" yaml:"tokenizer"`
	Length    int            `json:"length" yaml:"length"`
	Varying   bool           `json:"varying" yaml:"varying"`
	Pad       Side           `json:"pad" yaml:"pad"`
	Truncate  Side           `json:"truncate" yaml:"truncate"`
	Start     bool           `json:"start" yaml:"start"`
	End       bool           `json:"end" yaml:"end"`
	Augment   []text.Augment `json:"augment" yaml:"augment"`
	Pack      *Pack          `json:"pack" yaml:"pack"`

	memory sync.Pool // of *[]int32
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *TokensEncoder) Validate() error {
	errs := []error{validColumn(e.Column), e.Pad.validate("pad"), e.Truncate.validate("truncate"), validTokens(e.Length, e.Varying, e.Pad, e.Pack)}
	if e.Tokenizer == nil {
		return errors.Join(append(errs, errors.New("tokenizer: there is none"))...)
	}
	errs = append(errs, e.Tokenizer.Validate())
	for _, s := range []struct {
		needed bool
		text.Special
	}{{e.Varying, text.Padding}, {e.Start, text.Start}, {e.End, text.End}} {
		if _, ok := e.Tokenizer.Special(s.Special); s.needed && !ok {
			errs = append(errs, fmt.Errorf("the tokenizer has no %[1]s token; add %[1]s to its specials", s.Special))
		}
	}
	for _, a := range e.Augment {
		errs = append(errs, a.Validate())
	}
	return errors.Join(errs...)
}

// Reads names the column.
func (e *TokensEncoder) Reads() []string { return []string{e.Column} }

// Item is int64 [Length].
func (e *TokensEncoder) Item() (dtype.DType, shape.Shape) { return dtype.Int64, shape.Of(e.Length) }

// Entries is the size of the vocabulary.
func (e *TokensEncoder) Entries() int { return e.Tokenizer.Size() }

// Augments reports whether examples of training differ from epoch to epoch.
func (e *TokensEncoder) Augments() bool {
	b, ok := e.Tokenizer.(*text.BPETokenizer)
	return len(e.Augment) > 0 || ok && b.Dropout > 0
}

// Varies reports whether batches are filled up to their longest text only.
func (e *TokensEncoder) Varies() bool { return e.Varying }

// Padding is the number of the padding token.
func (e *TokensEncoder) Padding() float64 {
	n, _ := e.Tokenizer.Special(text.Padding)
	return float64(n)
}

// Encode stores the tokens.
func (e *TokensEncoder) Encode(dst *tensor.Tensor, values []any, d data.Draw) error {
	return e.with(values[0], d, func(tokens []int32) error {
		return e.fill(tensor.Data[int64](dst), tokens)
	})
}

// Make returns the tokens without padding; of an empty text one padding token.
func (e *TokensEncoder) Make(values []any, d data.Draw) (*tensor.Tensor, error) {
	var out *tensor.Tensor
	err := e.with(values[0], d, func(tokens []int32) error {
		out = tensor.New(dtype.Int64, shape.Of(max(1, min(len(tokens), e.Length))))
		return e.fill(tensor.Data[int64](out), tokens)
	})
	return out, err
}

// with calls use with all tokens of a text, which end where truncation at the
// start leaves them; they are valid until it returns.
func (e *TokensEncoder) with(v any, d data.Draw, use func(tokens []int32) error) error {
	if t, ok := v.(*tensor.Tensor); ok { // of a packed table
		return use(tensor.Data[int32](t))
	}
	s, err := textOf(v)
	if err != nil {
		return column(e.Column, err)
	}
	memory, _ := e.memory.Get().(*[]int32)
	if memory == nil {
		memory = new([]int32)
	}
	defer e.memory.Put(memory)
	tokens, err := e.tokens((*memory)[:0], s, d)
	if err != nil {
		return column(e.Column, err)
	}
	*memory = tokens
	if n := len(tokens); n > e.Length && e.Truncate == AtStart {
		tokens = tokens[n-e.Length:]
	}
	return use(tokens)
}

// tokens appends those of one text, augmented, between start and end.
func (e *TokensEncoder) tokens(dst []int32, s string, d data.Draw) ([]int32, error) {
	if e.Start {
		n, _ := e.Tokenizer.Special(text.Start)
		dst = append(dst, n)
	}
	from := len(dst)
	dst, err := e.Tokenizer.Encode(dst, s, d)
	if err != nil {
		return dst, err
	}
	if d.Training && len(e.Augment) > 0 {
		tokens := dst[from:]
		for _, a := range e.Augment {
			if tokens, err = a.Apply(tokens, e.Tokenizer, d); err != nil {
				return dst, err
			}
		}
		dst = dst[:from+len(tokens)]
	}
	if e.End {
		n, _ := e.Tokenizer.Special(text.End)
		dst = append(dst, n)
	}
	return dst, nil
}

// fill stores tokens in x, as many as fit, and padding.
func (e *TokensEncoder) fill(x []int64, tokens []int32) error {
	tokens = tokens[:min(len(tokens), len(x))]
	padding, ok := e.Tokenizer.Special(text.Padding)
	if len(tokens) < len(x) && !ok {
		return column(e.Column, fmt.Errorf("the text has %d tokens, less than the length %d, and the tokenizer has no padding token; add padding to its specials", len(tokens), len(x)))
	}
	place(x, tokens, int64(padding), e.Pad)
	return nil
}

// place stores tokens at one side and fills up the other.
func place(x []int64, tokens []int32, padding int64, pad Side) {
	at := 0
	if pad == AtStart {
		at = len(x) - len(tokens)
	}
	for i := range x {
		x[i] = padding
	}
	for i, n := range tokens {
		x[at+i] = int64(n)
	}
}

// NextTokens is the target of a language model: for each token of an input, of
// type tokens, the one that follows, int64 [Length]. Where none does, the target
// is -100, which losses leave out.
type NextTokens struct {
	Input string `json:"input" yaml:"input"` // name of the input of type tokens
}

// Ignored is the class that losses leave out.
const Ignored = -100

// Validate tells all that is wrong with the settings.
func (c NextTokens) Validate() error {
	if c.Input == "" {
		return errors.New("input: the name of an input of type tokens is needed")
	}
	return nil
}

// Reads names no column: the input has one.
func (c NextTokens) Reads() []string { return nil }

// Fitter has nothing to learn.
func (c NextTokens) Fitter([]source.Column) (Fitter, error) { return nextFitter{c}, nil }

type nextFitter struct{ cfg NextTokens }

func (nextFitter) Add([]any) error { return nil }
func (nextFitter) Enough() bool    { return true }

// Encoder is never called: see follow.
func (nextFitter) Encoder() (Encoder, error) {
	return nil, errors.New("internal error: next_tokens follow an input")
}

// follow takes over what the input has learnt.
func (f nextFitter) follow(inputs []Fitted) (Encoder, error) {
	tokens, err := tokensNamed(f.cfg.Input, inputs)
	if err != nil {
		return nil, err
	}
	n := &NextTokensEncoder{Input: f.cfg.Input, Tokens: tokens}
	return n, n.Validate()
}

// tokensNamed finds the encoder of an input of type tokens.
func tokensNamed(name string, inputs []Fitted) (*TokensEncoder, error) {
	var names []string
	for _, in := range inputs {
		names = append(names, in.Name)
		if in.Name != name {
			continue
		}
		if e, ok := in.Encoder.(*TokensEncoder); ok {
			return e, nil
		}
		return nil, fmt.Errorf("input %s is not of type tokens", name)
	}
	return nil, fmt.Errorf("there is no input %q; there are %s", name, strings.Join(names, ", "))
}

// A NextTokensEncoder is a NextTokens that was fitted.
type NextTokensEncoder struct {
	Input  string         `json:"input" yaml:"input"`
	Tokens *TokensEncoder `json:"tokens" yaml:"tokens"` // as of the input
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *NextTokensEncoder) Validate() error {
	switch {
	case e.Tokens == nil:
		return errors.New("tokens: there are none")
	case e.Tokens.Truncate == AtStart:
		return errors.New("the input is cut off at its start, so that nothing follows its last token; set its truncate to end")
	}
	return e.Tokens.Validate()
}

// Reads names the column.
func (e *NextTokensEncoder) Reads() []string { return e.Tokens.Reads() }

// Item is int64 [Length].
func (e *NextTokensEncoder) Item() (dtype.DType, shape.Shape) { return e.Tokens.Item() }

// Augments is as of the input.
func (e *NextTokensEncoder) Augments() bool { return e.Tokens.Augments() }

// Varies is as of the input.
func (e *NextTokensEncoder) Varies() bool { return e.Tokens.Varying }

// Padding is what losses leave out.
func (e *NextTokensEncoder) Padding() float64 { return Ignored }

// Encode stores what follows.
func (e *NextTokensEncoder) Encode(dst *tensor.Tensor, values []any, d data.Draw) error {
	return e.Tokens.with(values[0], d, func(tokens []int32) error {
		e.fill(tensor.Data[int64](dst), tokens)
		return nil
	})
}

// Make returns what follows each token that the input's Make has.
func (e *NextTokensEncoder) Make(values []any, d data.Draw) (*tensor.Tensor, error) {
	var out *tensor.Tensor
	err := e.Tokens.with(values[0], d, func(tokens []int32) error {
		out = tensor.New(dtype.Int64, shape.Of(max(1, min(len(tokens), e.Tokens.Length))))
		e.fill(tensor.Data[int64](out), tokens)
		return nil
	})
	return out, err
}

// fill stores at the place of each token of the input its successor.
func (e *NextTokensEncoder) fill(y []int64, tokens []int32) {
	n := min(len(tokens), len(y)) // of the input
	follow := tokens[min(1, len(tokens)):min(n+1, len(tokens))]
	place(y, follow, Ignored, AtEnd)
	if e.Tokens.Pad == AtStart {
		copy(y[len(y)-n:], y[:n])
		for i := range y[:len(y)-n] {
			y[i] = Ignored
		}
	}
}

// Outputs is the size of the vocabulary.
func (e *NextTokensEncoder) Outputs() int { return e.Tokens.Entries() }

// Decode takes scores [T V] and gives the text of the most probable next token
// of each position.
func (e *NextTokensEncoder) Decode(output *tensor.Tensor) (any, error) {
	places, err := argmaxes(output, e.Outputs())
	if err != nil {
		return nil, err
	}
	tokens := make([]int32, len(places))
	for i, p := range places {
		tokens[i] = int32(p)
	}
	return e.Tokens.Tokenizer.Decode(tokens), nil
}

// argmaxes are the places of the greatest numbers of rows [T n], the first of
// equal ones.
func argmaxes(output *tensor.Tensor, n int) ([]int, error) {
	if output.Shape().Rank() != 2 || output.Shape().Dim(1) != n {
		return nil, fmt.Errorf("the model gives %v, want [T %d]", output, n)
	}
	places := make([]int, output.Shape().Dim(0))
	for t := range places {
		row := output.Row(t)
		if err := wantOutput(&row, n); err != nil {
			return nil, err
		}
		for i := range n {
			if row.Float(i) > row.Float(places[t]) {
				places[t] = i
			}
		}
	}
	return places, nil
}

// packed is a table whose rows are windows of the tokens of all rows.
type packed struct {
	source.Table
	column         string
	tokens         []int32
	starts         []int // where each row of the table begins
	length, stride int
}

// pack reads and encodes all rows.
func (e *TokensEncoder) pack(table source.Table) (source.Table, error) {
	at, err := source.Index(table.Columns(), e.Column)
	if err != nil {
		return nil, err
	}
	p := &packed{Table: table, column: e.Column, length: e.Length, stride: e.Length}
	if e.Pack.Stride != nil {
		p.stride = *e.Pack.Stride
	}
	var row [1]any
	for i := range table.Len() {
		if err := table.Read(row[:], i, at); err != nil {
			return nil, err
		}
		p.starts = append(p.starts, len(p.tokens))
		s, err := textOf(row[0])
		if err == nil {
			if i > 0 {
				s = e.Pack.Separator + s
			}
			p.tokens, err = e.tokens(p.tokens, s, data.Draw{})
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", table.Where(i), column(e.Column, err))
		}
	}
	if len(p.tokens) <= p.length {
		return nil, fmt.Errorf("the split has %d tokens, too few for one example of %d and the token that follows", len(p.tokens), p.length)
	}
	return p, nil
}

func (p *packed) Columns() []source.Column {
	return []source.Column{{Name: p.column, Kind: source.Array}}
}

func (p *packed) Len() int { return (len(p.tokens)-p.length-1)/p.stride + 1 }

func (p *packed) Read(dst []any, i int, columns []int) error {
	at := i * p.stride
	for k := range columns {
		t, err := tensor.Of(p.tokens[at : at+p.length+1])
		if err != nil {
			return err
		}
		dst[k] = t
	}
	return nil
}

// Where is the place of the row in which window i begins.
func (p *packed) Where(i int) string {
	row, found := slices.BinarySearch(p.starts, i*p.stride)
	if !found {
		row--
	}
	return p.Table.Where(row)
}
