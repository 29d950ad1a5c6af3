package audio

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/gradus-ml/gradus/data"
)

// A Config says how a file becomes numbers:
//
//  1. decoded, channels mixed to one by their mean, brought to Rate
//  2. cut to Seconds, or followed by silence; in training a longer one is cut
//     from a random place, otherwise from its beginning
//  3. a log-mel spectrogram
//  4. (y - Mean) / Std
type Config struct {
	Rate    int     `json:"rate" yaml:"rate"` // samples a second
	Seconds float64 `json:"seconds" yaml:"seconds"`
	Mel     `yaml:",inline"`
	Mean    float64 `json:"mean" yaml:"mean"`
	Std     float64 `json:"std" yaml:"std"`
}

// DefaultConfig makes spectrograms of DefaultMel of one second at 16 kHz, from
// about -1 (silence) to 1.
func DefaultConfig() Config {
	return Config{Rate: 16000, Seconds: 1, Mel: DefaultMel(), Mean: -40, Std: 40}
}

// Validate tells all that is wrong.
func (c Config) Validate() error {
	var p problems
	if c.Rate < 1 || c.Rate > MaxRate {
		p.add("rate is %d, want 1 to %d samples a second", c.Rate, MaxRate)
	} else if err := c.Mel.Validate(c.Rate); err != nil {
		p = append(p, err)
	}
	if !(c.Seconds > 0 && c.Seconds <= 24*3600) {
		p.add("seconds is %v, want more than 0, at most a day", c.Seconds)
	} else if c.Mel.Hop > 0 && c.Mel.Frames(c.samples()) < 1 {
		p.add("%v seconds are %d samples, fewer than fft, %d", c.Seconds, c.samples(), c.FFT)
	}
	if math.IsNaN(c.Mean) || math.IsInf(c.Mean, 0) {
		p.add("mean is %v", c.Mean)
	}
	if !(float32(c.Std) > 0) || math.IsInf(c.Std, 0) {
		p.add("std is %v, want a positive number", c.Std)
	}
	return errors.Join(p...)
}

// samples is the length of what is looked at.
func (c Config) samples() int { return max(1, int(math.Round(c.Seconds*float64(c.Rate)))) }

// Shape is that of the tensor: bands and frames.
func (c Config) Shape() [2]int { return [2]int{c.Mels, c.Frames(c.samples())} }

// Build makes a Reader.
func (c Config) Build() (*Reader, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s, err := c.Mel.Build(c.Rate)
	if err != nil {
		return nil, err
	}
	r := &Reader{config: c, spectrograph: s, resamplers: map[int]*Resampler{}}
	r.desks.New = func() any { return new(desk) }
	return r, nil
}

// A Reader makes numbers of files. It is safe for concurrent use.
type Reader struct {
	config       Config
	spectrograph *Spectrograph
	desks        sync.Pool

	mu         sync.Mutex
	resamplers map[int]*Resampler // by the rate of the file
}

// maxResamplers is how many rates of files are remembered; more would let
// strange files take memory without end.
const maxResamplers = 8

// A desk is what one goroutine works at.
type desk struct {
	sound Sound
	work  []float32
}

// Config returns the settings that r was built with.
func (r *Reader) Config() Config { return r.config }

// Read fills dst [M T] with the spectrogram of a WAV file. The error says what
// is wrong with the file; the caller knows its name.
func (r *Reader) Read(dst []float32, file []byte, d data.Draw) error {
	k := r.desks.Get().(*desk)
	defer r.desks.Put(k)
	if err := k.sound.Decode(file); err != nil {
		return err
	}
	if k.sound.Len() == 0 {
		return errors.New("audio: wav: a file without samples")
	}
	return r.read(dst, k, d)
}

// ReadSamples is Read for samples of one channel that are decoded, such as a
// column of arrays, at the rate of the settings.
func (r *Reader) ReadSamples(dst, x []float32, d data.Draw) error {
	if len(x) == 0 {
		return errors.New("audio: no samples")
	}
	k := r.desks.Get().(*desk)
	defer r.desks.Put(k)
	k.sound.Rate, k.sound.Channels = r.config.Rate, 1
	k.sound.Samples = append(k.sound.Samples[:0], x...)
	return r.read(dst, k, d)
}

func (r *Reader) read(dst []float32, k *desk, d data.Draw) error {
	shape := r.config.Shape()
	if len(dst) != shape[0]*shape[1] {
		return fmt.Errorf("audio: internal error: %d numbers for %v", len(dst), shape)
	}
	k.sound.Mono()
	x := k.sound.Samples
	if k.sound.Rate != r.config.Rate {
		resampler, err := r.resampler(k.sound.Rate)
		if err != nil {
			return err
		}
		k.work = resampler.Append(k.work[:0], x)
		x = k.work
	}
	n := r.config.samples()
	if over := len(x) - n; over > 0 {
		from := 0
		if d.Training {
			from = d.Stream("audio.crop").IntN(over + 1)
		}
		x = x[from : from+n]
	} else if over < 0 {
		k.work = append(slices.Grow(k.work[:0], n), x...)[:n]
		clear(k.work[len(x):])
		x = k.work
	}
	if err := r.spectrograph.Spectrogram(dst, x); err != nil {
		return err
	}
	mean, std := float32(r.config.Mean), float32(r.config.Std)
	for i, v := range dst {
		dst[i] = (v - mean) / std
	}
	return nil
}

// resampler returns that of a rate.
func (r *Reader) resampler(rate int) (*Resampler, error) {
	r.mu.Lock()
	s := r.resamplers[rate]
	r.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := NewResampler(rate, r.config.Rate)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.resamplers) < maxResamplers {
		r.resamplers[rate] = s
	}
	return s, nil
}
