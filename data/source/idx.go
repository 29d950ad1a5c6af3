package source

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/gradus-ml/gradus/data/idx"
	"github.com/gradus-ml/gradus/shape"
)

// IDX reads a pair of IDX files, as MNIST and its relatives are distributed:
// see package idx. The columns are image, an array [...] of what Images holds
// as [N ...], and label, an integer. A file that is packed has a name that
// ends so (.gz).
//
// Rows are read from the files when they are asked for; nothing is kept in
// memory. Fashion-MNIST, as the Debian package dataset-fashion-mnist has it,
// lies in /usr/share/datasets/fashion-mnist: t10k-images-idx3-ubyte.gz and so
// on.
type IDX struct {
	Images string `yaml:"images" json:"images"`
	// Labels is the file of labels, [N]. Empty leaves the column out.
	Labels string `yaml:"labels" json:"labels"`
	// Names are those of the labels 0, 1, ...: the column label is text then.
	Names []string `yaml:"names" json:"names"`
}

// Validate tells all that is wrong with the settings.
func (c IDX) Validate() error {
	var errs []error
	if c.Images == "" {
		errs = append(errs, errors.New("idx: images is empty, want a file"))
	}
	if len(c.Names) > 0 && c.Labels == "" {
		errs = append(errs, errors.New("idx: names of labels, and no file of labels"))
	}
	errs = append(errs, uniqueNames("idx: names", c.Names))
	return errors.Join(errs...)
}

// Open reads the files' headers, and all labels where they have names.
func (c IDX) Open(ctx context.Context, files Files) (Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &fixed{}
	if err := c.open(ctx, files, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (c IDX) open(ctx context.Context, files Files, f *fixed) error {
	if err := openIDX(ctx, files, f, c.Images, "image", nil); err != nil {
		return err
	}
	if c.Labels == "" {
		return f.finish()
	}
	if err := openIDX(ctx, files, f, c.Labels, "label", c.Names); err != nil {
		return err
	}
	if k := f.columns[1].Kind; k == Array || k == Number {
		return fmt.Errorf("%s: offset 0: labels %v%v, want a whole number for each image", f.columns[1].parts[0].name,
			f.columns[1].cell.dtype, f.columns[1].cell.shape)
	}
	if err := f.finish(); err != nil {
		return err
	}
	if len(c.Names) == 0 {
		return nil
	}
	return f.check(1)
}

// openIDX makes a column of a file.
func openIDX(ctx context.Context, files Files, f *fixed, path, column string, names []string) error {
	name, err := one(ctx, files, path)
	if err != nil {
		return err
	}
	file, size, err := f.open(ctx, files, name)
	if err != nil {
		return err
	}
	h, err := idx.DecodeHeader(io.NewSectionReader(file, 0, size), size, name)
	if err != nil {
		return err
	}
	if h.Shape.Rank() == 0 {
		return fmt.Errorf("%s: offset 3: no axis, want one of rows", name)
	}
	row, err := shape.Make(h.Shape.Dims()[1:]...)
	if err != nil {
		return fmt.Errorf("%s: offset 4: %w", name, err)
	}
	f.column(column, cell{h.DType, row, !bigEndian(), names},
		fixedPart{name, file, h.Offset, row.Size() * h.DType.Size(), h.Shape.Dim(0)})
	return nil
}

// bigEndian tells the machine's order of bytes.
func bigEndian() bool { return binary.NativeEndian.Uint16([]byte{0, 1}) == 1 }

// Stream reads the headers.
func (c IDX) Stream(ctx context.Context, files Files) (Stream, error) {
	return Reopened(ctx, c, files)
}
