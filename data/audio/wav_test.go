package audio

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data"
)

// wav is a file of samples in code and bits.
func wav(code, channels, rate, bits int, samples []byte) []byte {
	b := []byte("RIFF")
	b = binary.LittleEndian.AppendUint32(b, uint32(36+len(samples)))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, uint16(code))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(bits))
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(samples)))
	return append(b, samples...)
}

func f64(v float64) []byte {
	return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))
}

func TestDecode(t *testing.T) {
	extensible := slices.Concat([]byte("RIFF\x00\x00\x00\x00WAVEjunk\x03\x00\x00\x00abc\x00fmt \x28\x00\x00\x00"),
		[]byte("\xfe\xff\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00\x16\x00\x10\x00\x04\x00\x00\x00"),
		[]byte("\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"), []byte("data\x02\x00\x00\x00\x00\xc0"))
	piped := wav(1, 1, 8000, 16, []byte{0, 0x40, 0})
	copy(piped[40:], "\xff\xff\xff\xff")
	for _, c := range []struct {
		name     string
		file     []byte
		channels int
		want     []float32
	}{
		{"8 bits", wav(1, 1, 8000, 8, []byte{0, 128, 255}), 1, []float32{-1, 0, 127. / 128}},
		{"16 bits", wav(1, 1, 8000, 16, []byte{0, 0x80, 0, 0x40}), 1, []float32{-1, 0.5}},
		{"24 bits", wav(1, 1, 8000, 24, []byte{0, 0, 0x80, 0, 0, 0x20, 1, 0, 0}), 1, []float32{-1, 0.25, 1. / (1 << 23)}},
		{"32 bits", wav(1, 1, 8000, 32, []byte{0, 0, 0, 0x80, 0, 0, 0, 0x10}), 1, []float32{-1, 0.125}},
		{"float32", wav(3, 1, 8000, 32, binary.LittleEndian.AppendUint32(nil, math.Float32bits(-0.3))), 1, []float32{-0.3}},
		{"float64", wav(3, 1, 8000, 64, f64(1.5)), 1, []float32{1.5}},
		{"stereo", wav(1, 2, 8000, 8, []byte{128, 0, 64, 192}), 2, []float32{0, -0.5, -1, 0.5}},
		{"extensible, after another chunk", extensible, 1, []float32{-0.5}},
		{"of unknown size", piped, 1, []float32{0.5}},
		{"empty", wav(1, 1, 8000, 16, nil), 1, nil},
	} {
		var s Sound
		if err := s.Decode(c.file); err != nil || s.Rate != 8000 || s.Channels != c.channels || !slices.Equal(s.Samples, c.want) {
			t.Errorf("%s: %+v, %v; want %v", c.name, s, err, c.want)
		}
	}
}

func TestMono(t *testing.T) {
	s := Sound{Rate: 1, Channels: 2, Samples: []float32{1, 2, 3, 0, -2, 5}}
	if s.Mono(); s.Channels != 1 || !slices.Equal(s.Samples, []float32{0.5, 0, 4}) {
		t.Errorf("%+v", s)
	}
}

func TestBrokenFiles(t *testing.T) {
	good := wav(1, 2, 8000, 16, make([]byte, 40))
	edit := func(at int, bytes ...byte) []byte {
		b := slices.Clone(good)
		copy(b[at:], bytes)
		return b
	}
	for want, file := range map[string][]byte{
		"are no WAV file":                    []byte("RIFX...."),
		"the file ends before":               good[:40],
		"40 bytes of samples, 30 are":        good[:len(good)-10],
		"code 85":                            edit(20, 85),
		"with 12 bits":                       edit(34, 12),
		"0 channels":                         edit(22, 0),
		"0 samples a second":                 edit(24, 0, 0, 0, 0),
		"4294967295 samples a second":        edit(24, 255, 255, 255, 255),
		"in 3 bytes":                         edit(32, 3),
		"39 bytes of samples":                edit(40, 39),
		"a format of 4294967280 bytes":       edit(16, 0xf0, 255, 255, 255),
		"samples before their format":        edit(12, 'L'),
		"is NaN, want a number within 1e+09": wav(3, 1, 8000, 64, f64(math.NaN())),
		"channel 1 is +Inf":                  wav(3, 2, 8000, 64, append(f64(0), f64(1e300)...)),
		"is -2e+09, want":                    wav(3, 1, 8000, 64, f64(-2e9)),
	} {
		var s Sound
		err := s.Decode(file)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "audio: wav: at byte ") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(wav(1, 1, 8000, 8, []byte{0, 128, 255}))
	f.Add(wav(1, 2, 44100, 24, make([]byte, 60)))
	f.Add(wav(3, 3, 16000, 64, make([]byte, 48)))
	f.Add(wav(3, 1, 48000, 32, make([]byte, 48)))
	cfg := DefaultConfig()
	cfg.Seconds = 0.05
	r, err := cfg.Build()
	if err != nil {
		f.Fatal(err)
	}
	shape := cfg.Shape()
	dst := make([]float32, shape[0]*shape[1])
	f.Fuzz(func(t *testing.T, file []byte) {
		var s Sound
		if s.Decode(file) != nil {
			return
		}
		if s.Channels < 1 || s.Rate < 1 || s.Rate > MaxRate || len(s.Samples)%s.Channels != 0 || len(s.Samples) > len(file) {
			t.Errorf("%d channels, rate %d, %d samples of %d bytes", s.Channels, s.Rate, len(s.Samples), len(file))
		}
		if err := r.Read(dst, file, data.Draw{Training: true}); err == nil {
			for i, v := range dst {
				if math.IsNaN(float64(v)) {
					t.Fatalf("number %d is NaN", i)
				}
			}
		}
	})
}
