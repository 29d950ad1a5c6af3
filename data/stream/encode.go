package stream

import (
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/tensor"
)

// Columns names the columns that a set reads, each once: those that the rows of
// Encode have.
func Columns(set *feature.Set) []string {
	var names []string
	for _, e := range encoders(set) {
		for _, name := range e.Reads() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func encoders(set *feature.Set) []feature.Encoder {
	var all []feature.Encoder
	for _, f := range slices.Concat(set.Inputs, set.Targets) {
		all = append(all, f.Encoder)
	}
	if set.Weight != nil {
		all = append(all, set.Weight)
	}
	return all
}

// Encode returns the stream of the examples that a fitted set makes of rows
// with the values of its Columns: inputs, targets and the weight if there is
// one. Examples of training are augmented, as seed, epoch and the row's number
// in the stream determine.
//
//	rows := stream.Rows(files, stream.Columns(set)...)
//	examples := stream.Encode(stream.Shuffle(rows, 10000, seed), set, seed, true, stream.Workers(2))
//	feed, err := stream.NewFeed(examples, stream.FeedConfig{Batch: 64})
func Encode(rows *Stream[source.Row], set *feature.Set, seed uint64, training bool, opts ...Option) *Stream[Example] {
	for _, f := range set.Inputs {
		if e, ok := f.Encoder.(*feature.TokensEncoder); ok && e.Pack != nil {
			return failed[Example](fmt.Errorf("stream: input %s packs texts, which asks for all of them: open the files as a table", f.Name))
		}
	}
	columns, all := Columns(set), encoders(set)
	places := make([][]int, len(all)) // of each encoder's values in a row
	for k, e := range all {
		for _, name := range e.Reads() {
			places[k] = append(places[k], slices.Index(columns, name))
		}
	}
	return MapDraw(rows, func(row source.Row, d data.Draw) (Example, error) {
		if len(row.Values) != len(columns) {
			return nil, fmt.Errorf("%d values in a row, want those of %v", len(row.Values), columns)
		}
		d.Training = training
		example := make(Example, len(all))
		for k, e := range all {
			values := make([]any, len(places[k]))
			for j, p := range places[k] {
				values[j] = row.Values[p]
			}
			var err error
			if v, ok := e.(feature.Varying); ok && v.Varies() {
				example[k], err = v.Make(values, d)
			} else {
				example[k] = tensor.New(e.Item())
				err = e.Encode(example[k], values, d)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", row.Where, err)
			}
		}
		return example, nil
	}, seed, opts...)
}
