package main

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/recipe"
)

const root = "../.."

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(root + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The document and its picture are what the program makes.
func TestWritten(t *testing.T) {
	text, picture, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, read(t, documentFile)) {
		t.Errorf("%s is not what the schedules are; go run ./tools/schedules writes it", documentFile)
	}
	want, have := decode(t, picture), decode(t, read(t, pictureFile))
	if want.Bounds() != have.Bounds() {
		t.Fatalf("%s has bounds %v, want %v; go run ./tools/schedules writes it", pictureFile, have.Bounds(), want.Bounds())
	}
	// Processors that multiply and add at once may draw an edge a little
	// elsewhere; a curve that changes moves hundreds of pixels.
	allowed := 0
	if runtime.GOARCH != "amd64" {
		allowed = 100
	}
	if n := differing(want, have); n > allowed {
		t.Errorf("%s differs in %d pixels; go run ./tools/schedules writes it", pictureFile, n)
	}
}

func decode(t *testing.T, b []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// differing counts pixels that differ by more than two of the picture's levels.
func differing(a, b image.Image) (n int) {
	const least = 40 * 0x101
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			ar, ag, ab, _ := a.At(x, y).RGBA()
			br, bg, bb, _ := b.At(x, y).RGBA()
			if apart(ar, br) > least || apart(ag, bg) > least || apart(ab, bb) > least {
				n++
			}
		}
	}
	return n
}

func apart(a, b uint32) uint32 { return max(a, b) - min(a, b) }

// A curve that is drawn elsewhere is seen.
func TestDiffering(t *testing.T) {
	panels, err := readPanels(root + "/" + goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	panels = panels[2:3]
	before, err := drawPicture(panels)
	if err != nil {
		t.Fatal(err)
	}
	factors := panels[0].curves[0].factors
	for i := range factors {
		factors[i] *= 0.97
	}
	after, err := drawPicture(panels)
	if err != nil {
		t.Fatal(err)
	}
	if n := differing(decode(t, before), decode(t, after)); n < 300 {
		t.Errorf("only %d pixels differ", n)
	}
}

// What the document shows of recipes can be read.
func TestDocumentsRecipes(t *testing.T) {
	seen := 0
	rest := string(read(t, documentFile))
	for {
		_, after, ok := strings.Cut(rest, "```yaml\n")
		if !ok {
			break
		}
		block, after, _ := strings.Cut(after, "```")
		rest = after
		seen++
		section := recipe.Default()
		if err := config.Decode([]byte(block), "schedules.md", &section, recipe.Kinds()); err != nil {
			t.Errorf("%s\n%v", block, err)
			continue
		}
		if _, err := section.Schedule.Build(0.1, 1000); err != nil {
			t.Errorf("%s\n%v", block, err)
		}
	}
	if seen < 3 {
		t.Errorf("only %d blocks", seen)
	}
}

func TestFill(t *testing.T) {
	text, err := fill([]byte("a\n<!-- x -->\nold\n<!-- end -->\nb"), map[string]string{"x": "new\n"})
	if want := "a\n<!-- x -->\n\nnew\n\n<!-- end -->\nb"; err != nil || string(text) != want {
		t.Errorf("%q, %v, want %q", text, err, want)
	}
	if _, err := fill([]byte("a"), map[string]string{"x": ""}); err == nil {
		t.Error("a mark that is not there is filled")
	}
}
