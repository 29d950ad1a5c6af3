package model

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/module"
)

// Networks that have a name have the parameters of torchvision's, and U-Net those of
// the implementation that it names, under the same keys: testdata/variants.txt has parameters, keys, and the first digits of the
// SHA-256 of the sorted lines "KEY [SHAPE]". tools/goldens/vision.py prints the
// lines of one.
func TestVariants(t *testing.T) {
	text, err := os.ReadFile("testdata/variants.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			want[name] = rest
		}
	}
	image := item("image", dtype.Float32, 0, 3, 224, 224)
	for _, k := range Kinds() {
		first, _ := kindOf(k.Default.(Config))
		if want[k.Name] == "" && (first.Name == k.Name || k.Name == "resnet20") { // which torchvision lacks
			continue
		}
		classes := 1000
		if k.Name == "unet" {
			classes = 2
		}
		n, err := New(k.Default.(Config), []Input{image}, []Output{{Name: "label", Size: classes}})
		if err != nil {
			t.Errorf("%s: %v", k.Name, err)
			continue
		}
		if n.Type != first.Name {
			t.Errorf("%s is of the family %s, want %s", k.Name, n.Type, first.Name)
		}
		if got := held(t, n.Module); got != want[k.Name] {
			t.Errorf("%s has parameters, keys, hash %s, want %q", k.Name, got, want[k.Name])
		}
		delete(want, k.Name)
	}
	for name := range want {
		t.Errorf("there is no %s", name)
	}
}

// held is parameters, keys and the hash of keys and shapes of a model.
func held(t *testing.T, model any) string {
	t.Helper()
	tree, err := module.Walk(model)
	if err != nil {
		t.Fatal(err)
	}
	parameters := 0
	var lines []string
	for _, p := range tree.Params {
		parameters += p.Shape.Size()
		lines = append(lines, fmt.Sprintf("%s %v\n", p.Key, p.Shape))
	}
	for _, s := range tree.States {
		lines = append(lines, fmt.Sprintf("%s %v\n", s.Key, s.Shape))
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d %d %.8x", parameters, len(lines), sha256.Sum256([]byte(strings.Join(lines, ""))))
}
