package recipe

import (
	"context"
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/data/stream"
)

// A Sampling draws the rows of an epoch with replacement, instead of reading
// each once. Either Balance or Weight is given.
type Sampling struct {
	Balance *string `json:"balance" yaml:"balance"` // column of text, integers or booleans whose values come equally often
	Weight  *string `json:"weight" yaml:"weight"`   // column of numbers in proportion to which rows come
	Rows    *int    `json:"rows" yaml:"rows"`       // drawn in an epoch; null for as many as there are
}

// Validate tells all that is wrong, each with its key.
func (s *Sampling) Validate() error {
	var errs []error
	if (s.Balance == nil) == (s.Weight == nil) {
		errs = append(errs, errors.New("wants a column to balance or a column of weights"))
	}
	if s.Rows != nil && *s.Rows < 1 {
		errs = append(errs, config.Under("rows", fmt.Errorf("must be at least 1, got %d", *s.Rows)))
	}
	return errors.Join(errs...)
}

// sampler reads the column.
func (s *Sampling) sampler(table source.Table, seed uint64) (data.Sampler, error) {
	name := s.Weight
	if name == nil {
		name = s.Balance
	}
	at, err := source.Index(table.Columns(), *name)
	if err != nil {
		return nil, err
	}
	kind := table.Columns()[at[0]].Kind
	switch number := kind == source.Number || kind == source.Integer; {
	case s.Weight != nil && !number:
		return nil, fmt.Errorf("column %s is one of %v, want numbers", *name, kind)
	case s.Balance != nil && kind != source.Text && kind != source.Integer && kind != source.Boolean:
		return nil, fmt.Errorf("column %s is one of %v, want text, integers or booleans", *name, kind)
	}
	weights, classes := make([]float64, table.Len()), make([]int, table.Len())
	known := map[any]int{}
	value := make([]any, 1)
	for i := range table.Len() {
		if err := table.Read(value, i, at); err != nil {
			return nil, err
		}
		if value[0] == nil {
			return nil, fmt.Errorf("%s: column %s has no value", table.Where(i), *name)
		}
		if s.Balance != nil {
			c, ok := known[value[0]]
			if !ok {
				c = len(known)
				known[value[0]] = c
			}
			classes[i] = c
			continue
		}
		switch v := value[0].(type) {
		case float64:
			weights[i] = v
		case int64:
			weights[i] = float64(v)
		}
		if !(weights[i] >= 0) {
			return nil, fmt.Errorf("%s: column %s: the weight %v, want at least 0", table.Where(i), *name, weights[i])
		}
	}
	rows := table.Len()
	if s.Rows != nil {
		rows = *s.Rows
	}
	if s.Balance != nil {
		return data.Balanced(classes, rows, seed)
	}
	return data.Weighted(weights, rows, seed)
}

// Streaming reads the rows of the training data one after another, in memory
// that does not grow with them, instead of in any order: for files that are
// large and packed or remote, which a table would fetch first.
type Streaming struct {
	Buffer int `json:"buffer" yaml:"buffer"` // rows in memory among which the next is drawn, if the data are shuffled
}

// Validate tells all that is wrong, each with its key.
func (s *Streaming) Validate() error {
	if s.Buffer < 1 {
		return config.Under("buffer", fmt.Errorf("must be at least 1, got %d", s.Buffer))
	}
	return nil
}

// validateRows tells what is wrong with how rows are read, each with its key.
func (d Data) validateRows() error {
	var p problems
	if d.Sample != nil {
		p.add(config.Under("sample", d.Sample.Validate()))
	}
	if d.Stream == nil {
		return p.err()
	}
	p.add(config.Under("stream", d.Stream.Validate()))
	const order = "asks for rows in any order, which data.stream does not have"
	if d.Sample != nil {
		p.add(config.Under("sample", errors.New(order)))
	}
	if d.Validation != nil && d.Validation.Share != nil {
		p.add(config.Under("validation.share", errors.New(order+": give a source")))
	}
	if d.Test != nil && d.Test.Share != nil {
		p.add(config.Under("test.share", errors.New(order+": give a source")))
	}
	return p.err()
}

// scan opens a source to go through its rows in order.
func scan(cfg source.Config, ctx context.Context, files source.Files) (source.Table, error) {
	rows, err := cfg.Stream(ctx, files)
	if err != nil {
		return nil, err
	}
	return stream.Scan(ctx, rows)
}

// Feed makes the batches of the training rows.
func (d Data) Feed(ctx context.Context, set *feature.Set, table source.Table, seed uint64) (data.Feed, error) {
	if scan, ok := table.(*stream.ScanTable); ok {
		return d.streamed(set, scan, seed)
	}
	examples, err := set.Dataset(table, seed, true)
	if err != nil {
		return nil, err
	}
	cfg := data.LoaderConfig{Batch: d.Batch, Shuffle: d.Shuffle, Seed: seed, DropLast: d.DropLast, Pad: d.padding(examples)}
	kept, err := d.kept(ctx, examples)
	if err != nil {
		return nil, err
	}
	if d.Sample == nil {
		return data.NewLoader(kept, cfg, data.WithWorkers(d.Workers))
	}
	if set.Packs() {
		return nil, config.Under("data.sample", errors.New("texts are packed: rows are examples no more"))
	}
	s, err := d.Sample.sampler(table, seed)
	if err != nil {
		return nil, config.Under("data.sample", err)
	}
	cfg.Shuffle = false // the draws are in random order
	return data.NewSampledLoader(kept, s, cfg, data.WithWorkers(d.Workers))
}

// EvaluationFeed makes batches of rows as they are, in their order.
func (d Data) EvaluationFeed(ctx context.Context, set *feature.Set, table source.Table, batch int) (*data.Loader, error) {
	examples, err := set.Dataset(table, 0, false)
	if err != nil {
		return nil, err
	}
	kept, err := d.kept(ctx, examples)
	if err != nil {
		return nil, err
	}
	return data.NewLoader(kept, data.LoaderConfig{Batch: batch, Pad: d.padding(examples)}, data.WithWorkers(d.Workers))
}

// keptBytes is the size up to which examples of a split are kept.
const keptBytes = 64 << 20

// kept holds examples in memory, if they are the same in every epoch and small
// enough: files are then read, and rows encoded, once.
func (d Data) kept(ctx context.Context, examples *feature.Dataset) (data.Dataset, error) {
	switch {
	case examples.Augments():
		return examples, nil
	case examples.Padding() != nil: // lengths of their own
		return data.Cache(examples, keptBytes), nil
	case examples.SizeBytes() > keptBytes:
		return examples, nil
	}
	return examples.Memory(ctx, d.Workers)
}

// padding is what the recipe says, or what the features ask for.
func (d Data) padding(examples *feature.Dataset) *data.Padding {
	if d.Pad != nil {
		return d.Pad
	}
	return examples.Padding()
}

func (d Data) streamed(set *feature.Set, scan *stream.ScanTable, seed uint64) (data.Feed, error) {
	if set.Packs() {
		return nil, config.Under("data.stream", errors.New("texts are packed in memory: leave out stream, or pack"))
	}
	examples, err := set.Dataset(scan, seed, true) // for its padding
	if err != nil {
		return nil, err
	}
	rows := scan.Rows(stream.Columns(set)...)
	if d.Shuffle {
		rows = stream.Shuffle(rows, d.Stream.Buffer, seed)
	}
	encoded := stream.Encode(rows, set, seed, true, stream.Workers(d.Workers))
	return stream.NewFeed(encoded, stream.FeedConfig{Batch: d.Batch, DropLast: d.DropLast, Pad: d.padding(examples)})
}
