package feature

import (
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/text"
	"github.com/gradus-ml/gradus/tensor"
)

// ByColumn adds up numbers that belong to the elements of an encoder's tensor, for
// each column that it reads. What several columns make together is divided
// equally among them.
func ByColumn(e Encoder, values *tensor.Tensor) []float64 {
	sums := make([]float64, len(e.Reads()))
	at := 0
	take := func(column, n int) {
		for range n {
			sums[column] += values.Float(at)
			at++
		}
	}
	switch e := e.(type) {
	case *NumericEncoder:
		for i := range sums {
			n := 1
			if len(e.Edges) > 0 {
				n = len(e.Edges[i]) + 1
			}
			take(i, n)
		}
		if e.Indicator {
			for i := range sums {
				take(i, 1)
			}
		}
	case *CategoryEncoder:
		if e.Cross {
			for i := range sums {
				sums[i] = values.Float(0) / float64(len(sums))
			}
			return sums
		}
		for i := range sums {
			n := 1
			if e.Encoding == OneHot {
				n = e.places(i)
			}
			take(i, n)
		}
	default:
		for k := range values.Size() {
			sums[k*len(sums)/values.Size()] += values.Float(k)
		}
	}
	return sums
}

// A TextEncoder makes tensors of texts.
type TextEncoder interface {
	Encoder
	// ShareText divides values, which belong to the elements of the encoder's
	// tensor, among the words of its text.
	ShareText(values *tensor.Tensor, s string) ([]text.Part, error)
}

// ShareText divides the value of each place among the runs that count there.
func (e *NGramsEncoder) ShareText(values *tensor.Tensor, s string) ([]text.Part, error) {
	return e.Share(values.F32(), s), nil
}

// ShareText gives to each token the value of its position. Those that were cut
// off have none.
func (e *TokensEncoder) ShareText(values *tensor.Tensor, s string) ([]text.Part, error) {
	tokens, err := e.tokens(nil, s, data.Draw{})
	if err != nil {
		return nil, column(e.Column, err)
	}
	shares := make([]float64, len(tokens))
	kept, first := min(len(tokens), values.Size()), 0
	if e.Truncate == AtStart {
		first = len(tokens) - kept
	}
	at := 0
	if e.Pad == AtStart {
		at = values.Size() - kept
	}
	for i := range kept {
		shares[first+i] = values.Float(at + i)
	}
	if e.Start {
		shares = shares[1:]
	}
	return text.ShareTokens(e.Tokenizer, shares, s)
}
