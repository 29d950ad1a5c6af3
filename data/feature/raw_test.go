package feature

import (
	"reflect"
	"testing"

	"github.com/gradus-ml/gradus/data/image"
)

// TestRaw lists the columns of a set, each once.
func TestRaw(t *testing.T) {
	s := &Set{Inputs: []Fitted{
		{"sizes", &NumericEncoder{Columns: []string{"width", "height"}, Missing: MissingMean}},
		{"kind", &CategoryEncoder{Columns: []string{"kind"}, Encoding: OneHot, Unknown: true, Values: [][]string{{"a", "b"}}}},
		{"again", &NumericEncoder{Columns: []string{"width"}, Missing: MissingError}},
		{"text", &NGramsEncoder{NGrams: NGrams{Column: "text"}}},
		{"picture", &ImageEncoder{Column: "file", Config: image.Config{Mode: image.RGB, Size: [2]int{4, 5}}}},
		{"series", &SeriesEncoder{Column: "steps", Steps: 7, Shift: []float64{0, 0}}},
	}}
	want := []Raw{
		{Name: "width", Kind: RawNumber},
		{Name: "height", Kind: RawNumber, Missing: true},
		{Name: "kind", Kind: RawCategory, Missing: true, Choices: []string{"a", "b"}},
		{Name: "text", Kind: RawText},
		{Name: "file", Kind: RawImage, Pixels: [3]int{3, 4, 5}},
		{Name: "steps", Kind: RawArray},
	}
	want[5].DType, want[5].Shape = s.Inputs[5].Encoder.Item()
	if got := s.Raw(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
