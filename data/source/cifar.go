package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
)

// CIFAR reads the binary files of CIFAR-10 and CIFAR-100: records of one or
// two bytes of labels and an image of 3 by 32 by 32 bytes, red first. The
// columns are image, an array u8[3 32 32], and label for 10 classes, fine and
// coarse for 100: integers, or text where their names are known.
//
// Rows are read from the files when they are asked for; nothing is kept in
// memory. Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary
// version".
type CIFAR struct {
	// Path names the file or files, such as data_batch_*.bin.
	Path []string `yaml:"path,one" json:"path"`
	// Classes is 10, or 100 for files with coarse and fine labels.
	Classes int `yaml:"classes" json:"classes"`
	// Names is a file with a name a line for label or fine, such as
	// batches.meta.txt or fine_label_names.txt; empty for numbers.
	Names string `yaml:"names" json:"names"`
	// CoarseNames is one for coarse.
	CoarseNames string `yaml:"coarse_names" json:"coarse_names"`
}

// DefaultCIFAR has 10 classes.
func DefaultCIFAR() CIFAR { return CIFAR{Classes: 10} }

// Validate tells all that is wrong with the settings.
func (c CIFAR) Validate() error {
	errs := []error{validPath("cifar", c.Path)}
	if c.Classes != 10 && c.Classes != 100 {
		errs = append(errs, fmt.Errorf("cifar: %d classes, want 10 or 100", c.Classes))
	}
	if c.Classes == 10 && c.CoarseNames != "" {
		errs = append(errs, errors.New("cifar: coarse_names, and 10 classes have no coarse labels"))
	}
	return errors.Join(errs...)
}

// Open checks the files' sizes, and all labels.
func (c CIFAR) Open(ctx context.Context, files Files) (Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &fixed{}
	if err := c.open(ctx, files, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// A cifarLabel is one byte of a record.
type cifarLabel struct {
	column  string
	classes int
	names   string // the file of them
}

func (c CIFAR) open(ctx context.Context, files Files, f *fixed) error {
	labels := []cifarLabel{{"label", 10, c.Names}}
	if c.Classes == 100 {
		labels = []cifarLabel{{"coarse", 20, c.CoarseNames}, {"fine", 100, c.Names}}
	}
	image := cell{dtype: dtype.Uint8, shape: shape.Of(3, 32, 32)}
	record := len(labels) + image.shape.Size()
	paths, err := findAll(ctx, files, c.Path)
	if err != nil {
		return err
	}
	var parts []fixedPart
	for _, name := range paths {
		file, size, err := f.open(ctx, files, name)
		if err != nil {
			return err
		}
		if size%int64(record) != 0 {
			return fmt.Errorf("%s: offset %d: %d bytes of a record of %d (truncated, or not CIFAR-%d?)", name,
				size-size%int64(record), size%int64(record), record, c.Classes)
		}
		parts = append(parts, fixedPart{name, file, 0, record, int(size / int64(record))})
	}
	from := func(offset int) []fixedPart {
		list := make([]fixedPart, len(parts))
		for i, p := range parts {
			list[i] = p
			list[i].offset = int64(offset)
		}
		return list
	}
	f.column("image", image, from(len(labels))...)
	for i, label := range labels {
		byteCell := cell{dtype: dtype.Uint8}
		if label.names != "" {
			if byteCell.names, err = readNames(ctx, files, label.names); err != nil {
				return err
			}
			if len(byteCell.names) != label.classes {
				return fmt.Errorf("%s: %d names, want %d", label.names, len(byteCell.names), label.classes)
			}
		}
		f.column(label.column, byteCell, from(i)...)
		if err := c.checkLabels(f, i+1, label.classes); err != nil {
			return err
		}
	}
	return nil
}

// checkLabels reads all labels: one beyond the classes is a sign of another
// kind of file.
func (c CIFAR) checkLabels(f *fixed, column, classes int) error {
	var v [1]any
	for i := range f.Len() {
		if err := f.Read(v[:], i, []int{column}); err != nil {
			return err
		}
		if n, ok := v[0].(int64); ok && n >= int64(classes) {
			p, row := f.columns[column].find(i)
			return fmt.Errorf("%s: offset %d: %s %d of record %d, want 0 to %d (not CIFAR-%d?)", p.name,
				p.offset+int64(row)*int64(p.stride), f.columns[column].Name, n, row, classes-1, c.Classes)
		}
	}
	return nil
}

// readNames reads a file of names, one a line. Blank lines are passed over.
func readNames(ctx context.Context, files Files, path string) ([]string, error) {
	name, err := one(ctx, files, path)
	if err != nil {
		return nil, err
	}
	r, err := files.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var names []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			names = append(names, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return names, uniqueNames(name, names)
}

// Stream checks the files' sizes.
func (c CIFAR) Stream(ctx context.Context, files Files) (Stream, error) {
	return Reopened(ctx, c, files)
}
