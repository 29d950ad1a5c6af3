package source

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/data/opticks"
	"github.com/gradus-ml/gradus/data/table"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
)

// MNIST is one of the two sets of handwritten digits that travel with the
// program: see package mnist. The columns are image, an array u8[1 28 28], and
// label, an integer. The images lie unpacked in memory: 47 MB for train, 8 MB
// for test.
type MNIST struct {
	// Split is train or test.
	Split string `yaml:"split" json:"split"`
}

// DefaultMNIST is the set to train on.
func DefaultMNIST() MNIST { return MNIST{Split: "train"} }

// Validate wants one of the sets.
func (c MNIST) Validate() error {
	if c.Split != "train" && c.Split != "test" {
		return fmt.Errorf("mnist: split %q, want train or test", c.Split)
	}
	return nil
}

// Open unpacks the set.
func (c MNIST) Open(ctx context.Context, files Files) (Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	load := mnist.Train
	if c.Split == "test" {
		load = mnist.Test
	}
	set, err := load()
	if err != nil {
		return nil, err
	}
	name := "mnist/" + c.Split
	f := &fixed{}
	image := cell{dtype: dtype.Uint8, shape: shape.Of(1, mnist.Side, mnist.Side)}
	f.column("image", image, fixedPart{name, bytes.NewReader(set.Images.Bytes()), 0, mnist.Side * mnist.Side, set.Len()})
	f.column("label", cell{dtype: dtype.Int64}, fixedPart{name, bytes.NewReader(set.Labels.Bytes()), 0, 8, set.Len()})
	return f, nil
}

// Stream reads the set in its order.
func (c MNIST) Stream(ctx context.Context, files Files) (Stream, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return Reopened(ctx, c, files)
}

// Opticks is the book that travels with the program, to learn language from:
// see package opticks. It has the columns of PlainText.
type Opticks struct {
	Cut `yaml:",inline"`
}

// DefaultOpticks is cut as DefaultCut says.
func DefaultOpticks() Opticks { return Opticks{DefaultCut()} }

// Open unpacks the book.
func (c Opticks) Open(ctx context.Context, files Files) (Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	book, err := opticks.Text()
	if err != nil {
		return nil, err
	}
	x := &rowIndex{files: []*rowFile{{name: "opticks", file: inMemory{bytes.NewReader(book)}}}}
	if err := c.index(ctx, x); err != nil {
		return nil, err
	}
	return &textTable{x, c.Cut}, nil
}

// Stream reads the book in its order.
func (c Opticks) Stream(ctx context.Context, files Files) (Stream, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return Reopened(ctx, c, files)
}

// Penguins is a small table that travels with the program, to learn classes
// from: the species, island, bill_length_mm, bill_depth_mm, flipper_length_mm,
// body_mass_g and sex of 344 penguins. See package table.
type Penguins struct{}

// Validate has nothing to tell.
func (Penguins) Validate() error { return nil }

// Open unpacks the table.
func (Penguins) Open(ctx context.Context, files Files) (Table, error) {
	return openCSV(ctx, "penguins", table.Penguins)
}

// Stream reads the table in its order.
func (c Penguins) Stream(ctx context.Context, files Files) (Stream, error) {
	return Reopened(ctx, c, files)
}

// Weather is a table that travels with the program, to predict numbers from:
// location, date, precipitation, temp_max, temp_min, wind and weather of each
// day of four years in New York, and then of those in Seattle. See package
// table.
type Weather struct{}

// Validate has nothing to tell.
func (Weather) Validate() error { return nil }

// Open unpacks the table.
func (Weather) Open(ctx context.Context, files Files) (Table, error) {
	return openCSV(ctx, "weather", table.Weather)
}

// Stream reads the table in its order.
func (c Weather) Stream(ctx context.Context, files Files) (Stream, error) {
	return Reopened(ctx, c, files)
}

// openCSV indexes a file that travels with the program.
func openCSV(ctx context.Context, name string, read func() ([]byte, error)) (Table, error) {
	text, err := read()
	if err != nil {
		return nil, err
	}
	return DefaultCSV().OpenText(ctx, name, text, math.MaxInt)
}

// inMemory is a file that needs no closing.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }
