// Package opticks holds a book to learn language from: Isaac Newton, "Opticks",
// the fourth edition of 1730, 567,198 bytes of UTF-8. The file is part of the
// package; README.md names source and licence.
package opticks

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
)

//go:embed opticks.txt.gz
var file []byte

// Text returns the book.
func Text() ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("opticks: %w", err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("opticks: %w", err)
	}
	return text, nil
}
