package main

import (
	"bytes"
	"os"
	"testing"
)

// TestUpToDate demands that the committed code is what the .proto files give.
func TestUpToDate(t *testing.T) {
	folders, err := find()
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) == 0 {
		t.Fatal("no .proto files were found")
	}
	for _, folder := range folders {
		files, err := generate(folder)
		if err != nil {
			t.Error(err)
			continue
		}
		for name, want := range files {
			if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is not what its .proto file gives; go run . in tools/proto (%v)", name, err)
			}
		}
	}
}
