package image

import (
	"encoding/json"
	"testing"

	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/tensor"
)

// A golden is a file that tools/goldens/image.py or augment.py wrote.
type golden struct {
	t     testing.TB
	file  *safetensors.File
	cases map[string]attrs
}

// attrs are the attributes of a case.
type attrs struct {
	Op            string
	Format        string
	Filter        Filter
	Channels      int
	Width, Height int

	Input         string
	Level         uint8
	Angle, Factor float64
	X, Y, Scale   float64
	ShearX        float64 `json:"shear_x"`
	ShearY        float64 `json:"shear_y"`
	Kernel        int
	Operation     string
	Bin           int
	Magnitude     float64
	Corners       [4][2]float64
}

func openGolden(t testing.TB, path string) golden {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	g := golden{t: t, file: f}
	if err := json.Unmarshal([]byte(f.Metadata()["cases"]), &g.cases); err != nil {
		t.Fatal(err)
	}
	if len(g.cases) == 0 {
		t.Fatalf("%s has no cases", path)
	}
	return g
}

func (g golden) tensor(name string) *tensor.Tensor {
	g.t.Helper()
	v, err := g.file.Tensor(name)
	if err != nil {
		g.t.Fatal(err)
	}
	return v
}

// image is a tensor [Y X C] or [Y X].
func (g golden) image(name string) *Image {
	g.t.Helper()
	v := g.tensor(name)
	channels := 1
	if v.Shape().Rank() == 3 {
		channels = v.Shape().Dim(2)
	}
	return &Image{Width: v.Shape().Dim(1), Height: v.Shape().Dim(0), Channels: channels, Pix: v.Bytes()}
}

// compare asks for an image within a number of levels.
func compare(t *testing.T, name string, got, want *Image, levels int) {
	t.Helper()
	if got.Width != want.Width || got.Height != want.Height || got.Channels != want.Channels {
		t.Errorf("%s: %d x %d x %d, want %d x %d x %d", name, got.Width, got.Height, got.Channels, want.Width, want.Height, want.Channels)
		return
	}
	differ, worst, at := 0, 0, 0
	for i, v := range got.Pix {
		if d := max(int(v)-int(want.Pix[i]), int(want.Pix[i])-int(v)); d > 0 {
			differ++
			if d > worst {
				worst, at = d, i
			}
		}
	}
	if worst > levels {
		n := got.Width * got.Channels
		t.Errorf("%s: %d of %d levels differ, most by %d at row %d, column %d: %d, want %d", name, differ, len(got.Pix), worst,
			at/n, at%n/got.Channels, got.Pix[at], want.Pix[at])
	}
}
