package recipe

import (
	"context"
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/data/stream"
	"github.com/gradus-ml/gradus/tensor"
)

// Tables are the rows of a recipe's data. Close frees them.
type Tables struct {
	Train      source.Table
	Validation source.Table // nil for none
	Test       source.Table // nil for none

	opened []source.Table
}

// Open finds the files and shares out the rows. What is drawn depends on the
// seed and the number of rows alone.
func (d Data) Open(ctx context.Context, files source.Files, seed uint64) (t *Tables, err error) {
	t = &Tables{}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
	open := func(name string, cfg source.Config) (source.Table, error) {
		read := source.Config.Open
		if name == "train" && d.Stream != nil {
			read = scan
		}
		table, err := read(cfg, ctx, files)
		if err != nil {
			return nil, fmt.Errorf("data.%s: %w", name, err)
		}
		t.opened = append(t.opened, table)
		if table.Len() == 0 {
			return nil, fmt.Errorf("data.%s: the source has no rows", name)
		}
		return table, nil
	}
	if err := d.validateRows(); err != nil {
		return t, config.Under("data", err)
	}
	if t.Train, err = open("train", d.Train); err != nil {
		return t, err
	}
	var shares []float64
	var shared []*source.Table
	for _, p := range []struct {
		name  string
		part  *Part
		table *source.Table
	}{{"validation", d.Validation, &t.Validation}, {"test", d.Test, &t.Test}} {
		switch {
		case p.part == nil:
		case p.part.Share != nil:
			shares, shared = append(shares, *p.part.Share), append(shared, p.table)
		default:
			if *p.table, err = open(p.name, p.part.Source); err != nil {
				return t, err
			}
		}
	}
	if len(shares) == 0 {
		return t, nil
	}
	parts, err := d.Split.Parts(t.Train, seed, shares...)
	if err != nil {
		return t, fmt.Errorf("data.split: %w", err)
	}
	whole := t.Train
	for k, rows := range parts {
		part, err := source.Subset(whole, rows)
		if err != nil {
			return t, err
		}
		if k == 0 {
			t.Train = part
		} else {
			*shared[k-1] = part
		}
	}
	return t, nil
}

// Close closes the sources.
func (t *Tables) Close() error {
	var errs []error
	for _, table := range t.opened {
		errs = append(errs, table.Close())
	}
	t.opened = nil
	return errors.Join(errs...)
}

// Fit learns from the training rows what the features need to know. Then all
// rows are encoded once, and files of images looked at, so that what is wrong
// with one is known before the first step.
func (d Data) Fit(ctx context.Context, t *Tables) (*feature.Set, error) {
	set, err := feature.Fit(ctx, d.Inputs, d.Targets, d.Weight, t.Train)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	for _, p := range []struct {
		name  string
		table source.Table
	}{{"train", t.Train}, {"validation", t.Validation}, {"test", t.Test}} {
		if _, streamed := p.table.(*stream.ScanTable); streamed || p.table == nil || set.Packs() {
			continue // rows are checked when they are read, or packed
		}
		examples, err := set.Dataset(p.table, 0, false)
		if err == nil {
			err = examples.Check(ctx)
		}
		if err == nil && p.name != "train" {
			err = d.sameSizes(set, p.table)
		}
		if err != nil {
			return nil, fmt.Errorf("data.%s: %w", p.name, err)
		}
	}
	return set, nil
}

// sameSizes makes sure that arrays of images have the size of those of
// training, where no size is given that all are brought to.
func (d Data) sameSizes(set *feature.Set, table source.Table) error {
	for k, in := range d.Inputs {
		images, ok := in.Config.(feature.Image)
		if !ok || images.Size != nil {
			continue
		}
		at, err := source.Index(table.Columns(), images.Column)
		if err != nil {
			return err
		}
		_, want := set.Inputs[k].Encoder.Item()
		height, width := want.Dim(1), want.Dim(2)
		var value [1]any
		for i := range table.Len() {
			if err := table.Read(value[:], i, at); err != nil {
				return err
			}
			t, ok := value[0].(*tensor.Tensor)
			if !ok {
				continue // Check has told
			}
			if n := t.Shape().Rank(); t.Shape().Dim(n-2) != height || t.Shape().Dim(n-1) != width {
				return fmt.Errorf("%s: column %s: the image is %v, those of data.train have %d rows of %d pixels; images of several sizes need a size: [height, width]",
					table.Where(i), images.Column, t, height, width)
			}
		}
	}
	return nil
}
