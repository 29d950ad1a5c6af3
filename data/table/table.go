// Package table holds two small tables of real measurements, as CSV, to learn
// on. The files are part of the package; README.md names sources and licences.
package table

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
)

//go:embed penguins.csv.gz
var penguins []byte

//go:embed weather.csv.gz
var weather []byte

// Penguins returns the sizes of 344 penguins of three species, near Palmer
// Station, Antarctica, 2007 to 2009. Some values are missing, and empty.
func Penguins() ([]byte, error) { return unpack("penguins", penguins) }

// Weather returns the weather of every day of 2012 to 2015, in New York and
// then in Seattle: 2922 rows. Precipitation is in millimetres, temperatures are
// in degrees Celsius, wind is in metres a second.
func Weather() ([]byte, error) { return unpack("weather", weather) }

func unpack(name string, file []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}
