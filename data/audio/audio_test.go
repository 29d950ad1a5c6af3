package audio

import (
	"encoding/json"
	"math"
	"math/cmplx"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/format/safetensors"
)

type attrs struct {
	Op             string
	Source, Target int
	Rate           int
	Mel
}

func golden(t *testing.T) (map[string]attrs, func(name string) []float32) {
	t.Helper()
	f, err := safetensors.Open("testdata/audio.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	var cases map[string]attrs
	if err := json.Unmarshal([]byte(f.Metadata()["cases"]), &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 19 {
		t.Fatalf("%d cases", len(cases))
	}
	return cases, func(name string) []float32 {
		v, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		return v.F32()
	}
}

func TestResampleIsTorchaudios(t *testing.T) {
	cases, tensor := golden(t)
	x := tensor("x")
	for name, c := range cases {
		if c.Op != "resample" {
			continue
		}
		r, err := NewResampler(c.Source, c.Target)
		if err != nil {
			t.Fatal(err)
		}
		got, want := r.Append(nil, x), tensor(name+"/out")
		if len(got) != len(want) {
			t.Errorf("%s: %d samples, want %d", name, len(got), len(want))
			continue
		}
		for i, v := range got {
			// Computed in float64 there, in sums of float32 here.
			if math.Abs(float64(v-want[i])) > 1e-6 {
				t.Errorf("%s: sample %d is %v, want %v", name, i, v, want[i])
				break
			}
		}
	}
}

func TestMelIsTorchaudios(t *testing.T) {
	cases, tensor := golden(t)
	x := tensor("x")
	for name, c := range cases {
		if c.Op != "mel" {
			continue
		}
		c.Mel.Floor = 1e-10
		s, err := c.Mel.Build(c.Rate)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := tensor(name + "/out")
		got := make([]float32, c.Mels*c.Frames(len(x)))
		if len(got) != len(want) {
			t.Errorf("%s: %d numbers, want %d", name, len(got), len(want))
			continue
		}
		if err := s.Spectrogram(got, x); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		largest := 0.0
		for _, v := range want {
			largest = max(largest, math.Abs(float64(v)))
		}
		worst := 0.0
		for i, v := range got {
			d := math.Abs(float64(v - want[i]))
			if c.Log == Linear {
				d /= largest // torchaudio's float32 transforms are that exact
			}
			worst = max(worst, d)
		}
		limit := map[Log]float64{Linear: 2e-6, Natural: 2e-4, Decibel: 1e-3}[c.Log]
		if worst > limit || math.IsNaN(worst) {
			t.Errorf("%s: differs by %v, at most %v is allowed", name, worst, limit)
		}
	}
}

// Bins are those of the transform by its formula.
func TestBins(t *testing.T) {
	m := Mel{FFT: 30, Window: 24, Hop: 7, Mels: 16, Scale: Bins, Power: 1, Log: Linear}
	s, err := m.Build(16000)
	if err != nil {
		t.Fatal(err)
	}
	_, tensor := golden(t)
	x := tensor("x")[:100]
	frames := m.Frames(len(x))
	got := make([]float32, m.Mels*frames)
	if err := s.Spectrogram(got, x); err != nil {
		t.Fatal(err)
	}
	for k := range m.Mels {
		for f := range frames {
			var sum complex128
			for n := range m.Window {
				at := n + (m.FFT-m.Window)/2
				window := 0.5 - 0.5*math.Cos(2*math.Pi*float64(n)/float64(m.Window))
				sum += complex(float64(x[f*m.Hop+at])*window, 0) * cmplx.Exp(complex(0, -2*math.Pi*float64(k*at)/float64(m.FFT)))
			}
			if want := cmplx.Abs(sum); math.Abs(float64(got[k*frames+f])-want) > 1e-6*(1+want) {
				t.Errorf("bin %d of frame %d is %v, want %v", k, f, got[k*frames+f], want)
			}
		}
	}
	m.Mels = 15
	if err := m.Validate(16000); err == nil || !strings.Contains(err.Error(), "scale bins wants mels 16") {
		t.Errorf("error %v", err)
	}
}

// A tone lies in the band around it, and silence is the floor.
func TestTone(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Mean, cfg.Std, cfg.TopDB = 0, 1, nil
	r, err := cfg.Build()
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 16000)
	for i := range x {
		x[i] = float32(math.Sin(2 * math.Pi * 1000 * float64(i) / 16000))
	}
	dst := make([]float32, 80*101)
	if err := r.ReadSamples(dst, x, data.Draw{}); err != nil {
		t.Fatal(err)
	}
	best := 0
	for m := range 80 {
		if dst[m*101+50] > dst[best*101+50] {
			best = m
		}
	}
	// 1000 Hz are 1000 mel of 2840; bands are 2840/81 mel apart: number 28.5 less 1.
	if best != 27 && best != 28 {
		t.Errorf("a tone of 1000 Hz is loudest in band %d", best)
	}
	clear(x)
	if err := r.ReadSamples(dst, x, data.Draw{}); err != nil {
		t.Fatal(err)
	}
	if slices.Max(dst) != -100 || slices.Min(dst) != -100 {
		t.Errorf("silence is %v to %v dB, want -100", slices.Min(dst), slices.Max(dst))
	}
}

// Long sounds are cut by the draw, short ones end in silence.
func TestCuts(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Seconds = 0.1
	r, err := cfg.Build()
	if err != nil {
		t.Fatal(err)
	}
	_, tensor := golden(t)
	x := tensor("x")
	read := func(x []float32, d data.Draw) []float32 {
		shape := cfg.Shape()
		dst := make([]float32, shape[0]*shape[1])
		if err := r.ReadSamples(dst, x, d); err != nil {
			t.Fatal(err)
		}
		return dst
	}
	start := read(x[:1600], data.Draw{Training: true})
	if !slices.Equal(read(x, data.Draw{}), start) {
		t.Error("without training it is not the beginning")
	}
	one := read(x, data.Draw{Training: true, Seed: 1, Item: 1})
	if slices.Equal(one, start) || !slices.Equal(one, read(x, data.Draw{Training: true, Seed: 1, Item: 1})) || slices.Equal(one, read(x, data.Draw{Training: true, Seed: 1, Item: 2})) {
		t.Error("the place is not a function of the draw")
	}
	padded := append(slices.Clone(x[:700]), make([]float32, 900)...)
	if !slices.Equal(read(x[:700], data.Draw{}), read(padded, data.Draw{})) {
		t.Error("a short sound is not one that ends in silence")
	}
}

func TestValidate(t *testing.T) {
	high := 9000.0
	cfg := Config{Rate: 16000, Seconds: -1, Mel: Mel{FFT: 1, Window: 5, Hop: 0, FMin: 10, FMax: &high, Scale: "bark", Log: "log", Power: 0}, Mean: math.NaN()}
	err := cfg.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"fft is 1", "window is 5", "hop is 0", "mels is 0", "f_max 9000 Hz", `scale "bark"`, `log "log"`, "power is 0", "floor is 0", "seconds is -1", "mean is NaN", "std is 0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
	}
	cfg = DefaultConfig()
	cfg.Center, cfg.Seconds = false, 0.01
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "160 samples, fewer than fft") {
		t.Errorf("a sound shorter than a frame: %v", err)
	}
}

func TestSettings(t *testing.T) {
	cfg := DefaultConfig()
	if err := config.Decode([]byte("rate: 22050\nmels: 64\nscale: slaney\nlog: ln\ntop_db: null\n"), "test.yaml", &cfg, nil); err != nil {
		t.Fatal(err)
	}
	if cfg.Rate != 22050 || cfg.Mels != 64 || cfg.Scale != Slaney || cfg.Log != Natural || cfg.TopDB != nil || cfg.FFT != 400 {
		t.Errorf("%+v", cfg)
	}
}
