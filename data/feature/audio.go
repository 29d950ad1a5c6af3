package feature

import (
	"errors"
	"fmt"
	"sync"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/audio"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// AudioLayout is the order of a spectrogram's axes.
type AudioLayout string

// The orders, of M bands and T frames.
const (
	AudioImage    AudioLayout = "image"    // [1 M T], for convolutions
	AudioSequence AudioLayout = "sequence" // [T M], for what reads over time
)

// Values lists the orders.
func (AudioLayout) Values() []string { return []string{string(AudioImage), string(AudioSequence)} }

// Audio is a feature of sounds: float32 log-mel spectrograms of WAV files, or
// of arrays float32 [T] of samples at the rate of the settings, by the steps of
// audio.Config. In training a sound that is longer is cut at a random place.
type Audio struct {
	Column       string `json:"column" yaml:"column"`
	audio.Config `yaml:",inline"`
	Layout       AudioLayout `json:"layout" yaml:"layout"`
}

// DefaultAudio makes images of one second at 16 kHz, 80 bands by 101 frames.
func DefaultAudio() Audio { return Audio{Config: audio.DefaultConfig(), Layout: AudioImage} }

// Validate tells all that is wrong with the settings.
func (c Audio) Validate() error {
	errs := []error{validColumn(c.Column), c.Config.Validate()}
	if c.Layout != AudioImage && c.Layout != AudioSequence {
		errs = append(errs, fmt.Errorf("layout is %q, want one of %q", c.Layout, c.Layout.Values()))
	}
	return errors.Join(errs...)
}

// Reads names the column.
func (c Audio) Reads() []string { return []string{c.Column} }

// Fitter begins to learn. There is nothing to learn but that a row is a sound.
func (c Audio) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantKind(columns[0], "WAV files or arrays", source.Binary, source.Array); err != nil {
		return nil, err
	}
	return &audioFitter{encoder: &AudioEncoder{Column: c.Column, Config: c.Config, Layout: c.Layout}}, nil
}

type audioFitter struct {
	encoder *AudioEncoder
	added   bool
}

func (f *audioFitter) Add(values []any) error {
	f.added = true
	if _, err := samples(values[0]); err != nil {
		return column(f.encoder.Column, err)
	}
	return nil
}

// Enough is true after the first row.
func (f *audioFitter) Enough() bool { return f.added }

func (f *audioFitter) Encoder() (Encoder, error) {
	if !f.added {
		return nil, column(f.encoder.Column, errors.New("no row has a value"))
	}
	return f.encoder, nil
}

// samples is a value that must be a sound: nil for a file.
func samples(v any) ([]float32, error) {
	switch v := v.(type) {
	case []byte:
		return nil, nil
	case *tensor.Tensor:
		if v.DType() == dtype.Float32 && v.Shape().Rank() == 1 {
			return v.F32(), nil
		}
		return nil, fmt.Errorf("want samples f32 [T], got %v", v)
	}
	return nil, fmt.Errorf("want a WAV file or samples, got %s", kindOf(v))
}

// An AudioEncoder is an Audio that was fitted.
type AudioEncoder struct {
	Column       string `json:"column" yaml:"column"`
	audio.Config `yaml:",inline"`
	Layout       AudioLayout `json:"layout" yaml:"layout"`

	once   sync.Once
	reader *audio.Reader
	work   sync.Pool // of *[]float32, [M T]
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *AudioEncoder) Validate() error { return Audio{e.Column, e.Config, e.Layout}.Validate() }

// Reads names the column.
func (e *AudioEncoder) Reads() []string { return []string{e.Column} }

// Item is float32 [1 M T] or [T M].
func (e *AudioEncoder) Item() (dtype.DType, shape.Shape) {
	s := e.Shape()
	if e.Layout == AudioSequence {
		return dtype.Float32, shape.Of(s[1], s[0])
	}
	return dtype.Float32, shape.Of(1, s[0], s[1])
}

// Augments reports whether examples of training differ from epoch to epoch:
// longer sounds do.
func (e *AudioEncoder) Augments() bool { return true }

// build makes what encoding needs; Validate has made sure that it can be made.
func (e *AudioEncoder) build() {
	e.once.Do(func() {
		s := e.Shape()
		e.reader, _ = e.Config.Build()
		e.work.New = func() any {
			work := make([]float32, s[0]*s[1])
			return &work
		}
	})
}

// Encode decodes, cuts, and computes the spectrogram.
func (e *AudioEncoder) Encode(dst *tensor.Tensor, values []any, d data.Draw) error {
	if err := e.encode(dst.F32(), values[0], d); err != nil {
		return column(e.Column, err)
	}
	return nil
}

func (e *AudioEncoder) encode(dst []float32, v any, d data.Draw) error {
	e.build()
	x, err := samples(v)
	if err != nil {
		return err
	}
	out := dst
	if e.Layout == AudioSequence {
		work := e.work.Get().(*[]float32)
		defer e.work.Put(work)
		out = *work
	}
	if file, ok := v.([]byte); ok {
		err = e.reader.Read(out, file, d)
	} else {
		err = e.reader.ReadSamples(out, x, d)
	}
	if err != nil || e.Layout == AudioImage {
		return err
	}
	bands, frames := e.Shape()[0], e.Shape()[1]
	for m := range bands {
		for t := range frames {
			dst[t*bands+m] = out[m*frames+t] // [T M]
		}
	}
	return nil
}
