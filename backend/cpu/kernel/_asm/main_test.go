package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestCommitted generates every unit again and compares it with the files
// beside the kernels.
func TestCommitted(t *testing.T) {
	for _, u := range units {
		files, err := u.files()
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range files {
			got, err := os.ReadFile(filepath.Join("..", name))
			if err != nil {
				t.Error(err)
			} else if !bytes.Equal(got, want) {
				t.Errorf("%s is not what the generator writes; run: go run . %s", name, u.name)
			}
		}
	}
}
