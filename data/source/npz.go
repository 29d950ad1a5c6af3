package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gradus-ml/gradus/format/npz"
	"github.com/gradus-ml/gradus/shape"
)

// NPZ reads NumPy's files: see package npz. The columns are the arrays of an
// .npz file, whose first axes are the rows: numbers, integers and booleans
// where a row is one, arrays of their own element type elsewhere. The array of
// an .npy file is the column "array".
//
// Rows are read from the file when they are asked for. Arrays that are
// compressed, in Fortran's order or of int8, int16 and uint16 are unpacked into
// memory when the file is opened.
type NPZ struct {
	// Path names the file or files: patterns as Files.Find takes them. Several
	// files have the same columns.
	Path []string `yaml:"path,one" json:"path"`
	// Arrays are those that are columns. Empty takes all whose element type
	// tensors have.
	Arrays []string `yaml:"arrays,one" json:"arrays"`
}

// Validate tells all that is wrong with the settings.
func (c NPZ) Validate() error {
	return errors.Join(validPath("npz", c.Path), uniqueNames("npz: arrays", c.Arrays))
}

// Open reads the files' headers.
func (c NPZ) Open(ctx context.Context, files Files) (Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	f := &fixed{}
	if err := c.open(ctx, files, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (c NPZ) open(ctx context.Context, files Files, f *fixed) error {
	paths, err := findAll(ctx, files, c.Path)
	if err != nil {
		return err
	}
	var names []string
	cells := map[string]cell{}
	parts := map[string][]fixedPart{}
	for _, path := range paths {
		file, size, err := f.open(ctx, files, path)
		if err != nil {
			return err
		}
		arrays, err := npz.NewFile(file, size, path)
		if err != nil {
			return err
		}
		if names == nil {
			if names, err = c.names(arrays, path); err != nil {
				return err
			}
		}
		for _, name := range names {
			cell, part, err := npzPart(arrays, file, path, name)
			if err != nil {
				return err
			}
			first, seen := cells[name]
			if seen && (cell.dtype != first.dtype || cell.shape != first.shape || cell.reverse != first.reverse) {
				return fmt.Errorf("%s: array %q has rows %v%v, in %s %v%v", path, name, cell.dtype, cell.shape, paths[0], first.dtype, first.shape)
			}
			cells[name] = cell
			parts[name] = append(parts[name], part)
		}
	}
	for _, name := range names {
		f.column(name, cells[name], parts[name]...)
	}
	return f.finish()
}

// names are the arrays that become columns.
func (c NPZ) names(arrays *npz.File, path string) ([]string, error) {
	all := arrays.Names()
	for _, name := range c.Arrays {
		if !slices.Contains(all, name) {
			columns := make([]Column, len(all))
			for i := range all {
				columns[i].Name = all[i]
			}
			return nil, fmt.Errorf("%s: arrays: %w", path, &MissingColumnError{name, columns})
		}
	}
	if len(c.Arrays) > 0 {
		return c.Arrays, nil
	}
	names := slices.DeleteFunc(all, func(name string) bool {
		info, _ := arrays.Info(name)
		_, err := info.DType()
		return err != nil
	})
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: offset 0: no array of numbers", path)
	}
	return names, nil
}

// npzPart is an array as a part of a column.
func npzPart(arrays *npz.File, file io.ReaderAt, path, name string) (cell, fixedPart, error) {
	info, ok := arrays.Info(name)
	if !ok {
		return cell{}, fixedPart{}, fmt.Errorf("%s: no array %q, which the first file has", path, name)
	}
	dt, err := info.DType()
	if err != nil {
		return cell{}, fixedPart{}, fmt.Errorf("%s: array %q: %w", path, name, err)
	}
	if len(info.Shape) == 0 {
		return cell{}, fixedPart{}, fmt.Errorf("%s: array %q is a single value, want one with an axis of rows; name the others under arrays", path, name)
	}
	row, err := shape.Make(info.Shape[1:]...)
	if err != nil {
		return cell{}, fixedPart{}, fmt.Errorf("%s: array %q: %w", path, name, err)
	}
	c := cell{dtype: dt, shape: row}
	part := fixedPart{name: path, r: file, offset: info.Offset, stride: row.Size() * dt.Size(), rows: info.Shape[0]}
	inPlace, big := info.InPlace()
	if inPlace {
		c.reverse = big != bigEndian()
		return c, part, nil
	}
	t, err := arrays.Tensor(name)
	if err != nil {
		return c, part, err
	}
	part.r, part.offset = bytes.NewReader(t.Bytes()), 0
	return c, part, nil
}

// Stream reads the files' headers.
func (c NPZ) Stream(ctx context.Context, files Files) (Stream, error) {
	return Reopened(ctx, c, files)
}
