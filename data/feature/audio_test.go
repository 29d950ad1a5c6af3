package feature_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A sound becomes what package audio makes of it, from a file and from samples,
// in both layouts; a set keeps it.
func TestAudio(t *testing.T) {
	x := make([]float32, 8000)
	file := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x03\x00\x01\x00\x80\x3e\x00\x00\x00\xfa\x00\x00\x04\x00\x20\x00data")
	file = binary.LittleEndian.AppendUint32(file, uint32(4*len(x)))
	for i := range x {
		x[i] = float32(math.Sin(float64(i*i) / 30000))
		file = binary.LittleEndian.AppendUint32(file, math.Float32bits(x[i]))
	}
	cfg := feature.DefaultAudio()
	cfg.Column, cfg.Seconds, cfg.Mels = "x", 0.2, 20
	reader, err := cfg.Config.Build()
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, 20*21)
	if err := reader.ReadSamples(want, x, data.Draw{}); err != nil {
		t.Fatal(err)
	}
	for _, table := range []source.Table{rows(t, "x:binary", []any{file}), rows(t, "x:array", []any{tensor.Must(tensor.Of(x, len(x)))})} {
		value := make([]any, 1)
		if err := table.Read(value, 0, []int{0}); err != nil {
			t.Fatal(err)
		}
		for _, layout := range []feature.AudioLayout{feature.AudioImage, feature.AudioSequence} {
			cfg.Layout = layout
			set, err := feature.Fit(ctx, named(cfg), nil, nil, table)
			if err != nil {
				t.Fatal(err)
			}
			text, err := set.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if set, err = feature.Parse(text, "preprocess.json"); err != nil {
				t.Fatal(err)
			}
			got, err := set.Encode(map[string]any{"x": value[0]})
			if err != nil {
				t.Fatal(err)
			}
			size, data := shape.Of(1, 20, 21), slices.Clone(want)
			if layout == feature.AudioSequence {
				size = shape.Of(21, 20)
				for i := range data {
					data[i] = want[i%20*21+i/20]
				}
			}
			if got[0].Shape() != size || !slices.Equal(got[0].F32(), data) {
				t.Errorf("%s: %v differs", layout, got[0])
			}
			if table.Columns()[0].Kind == source.Binary {
				_, err = set.Encode(map[string]any{"x": file[:100]})
				wrong(t, err, "column x: audio: wav: at byte 36: 32000 bytes of samples, 56 are left")
			}
		}
	}
	cfg.Layout = "bands"
	wrong(t, cfg.Validate(), `layout is "bands", want one of ["image" "sequence"]`)
}

// A feature that knows enough after a row leaves the others the rest of it.
func TestEnoughBesideOthers(t *testing.T) {
	cfg := feature.DefaultAudio()
	cfg.Column = "x"
	x := tensor.Must(tensor.Of(make([]float32, 10), 10))
	table := rows(t, "x:array label:text", []any{x, "no"}, []any{x, "yes"})
	set, err := feature.Fit(ctx, named(cfg), []feature.Named{{Name: "y", Config: feature.Class{Column: "label"}}}, nil, table)
	if err != nil {
		t.Fatal(err)
	}
	if n := set.Targets[0].Encoder.(feature.Target).Outputs(); n != 2 {
		t.Errorf("%d classes, want 2", n)
	}
}
