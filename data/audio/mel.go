package audio

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/internal/fft"
)

// A Scale is how frequencies become mel.
type Scale string

// The scales.
const (
	HTK    Scale = "htk"    // 2595 log10(1 + f/700)
	Slaney Scale = "slaney" // 3 f/200 to 1000 Hz, logarithmic above
	Bins   Scale = "bins"   // no mel: each bin of the transform is a band
)

var scales = []Scale{HTK, Slaney, Bins}

// Values lists the scales.
func (Scale) Values() []string { return texts(scales) }

// A Log is what becomes of powers.
type Log string

// The ways.
const (
	Linear  Log = "none"
	Natural Log = "ln" // ln(max(x, floor))
	Decibel Log = "db" // 10 log10(max(x, floor)), 20 for amplitudes
)

var logs = []Log{Linear, Natural, Decibel}

// Values lists the ways.
func (Log) Values() []string { return texts(logs) }

func texts[T ~string](list []T) []string {
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = string(v)
	}
	return all
}

// A Mel is a log-mel spectrogram: the power of a sound in bands, over time.
//
//	X[k, t] = sum over n < FFT of x[t*Hop + n - FFT/2] window[n] exp(-2 pi i k n / FFT)
//	y[m, t] = log(sum over k of filter[m, k] |X[k, t]|^Power)
//
// The window is a periodic Hann window of Window samples in the middle of FFT.
// With Center the sound is mirrored at its ends, and frame t lies around sample
// t*Hop; without it, frame t begins there. Filters are triangles, evenly spread
// in mel from FMin to FMax; with the scale bins there are none, and Mels is FFT/2+1.
// Frames are computed in float64.
//
// Source: torchaudio.transforms.MelSpectrogram, Spectrogram and AmplitudeToDB (2.11);
// librosa.feature.melspectrogram is the same with Scale slaney and Norm.
type Mel struct {
	FFT    int      `json:"fft" yaml:"fft"`       // samples of a frame
	Window int      `json:"window" yaml:"window"` // samples of it that count, at most FFT
	Hop    int      `json:"hop" yaml:"hop"`       // samples between frames
	Mels   int      `json:"mels" yaml:"mels"`     // bands
	FMin   float64  `json:"f_min" yaml:"f_min"`   // Hz
	FMax   *float64 `json:"f_max,omitempty" yaml:"f_max,omitempty"`
	Scale  Scale    `json:"scale" yaml:"scale"`
	Norm   bool     `json:"norm" yaml:"norm"` // divide a filter by its width in Hz
	Center bool     `json:"center" yaml:"center"`
	Power  float64  `json:"power" yaml:"power"` // 2 for power, 1 for amplitude
	Log    Log      `json:"log" yaml:"log"`
	Floor  float64  `json:"floor" yaml:"floor"`                       // smallest number whose logarithm is taken
	TopDB  *float64 `json:"top_db,omitempty" yaml:"top_db,omitempty"` // of Decibel: what lies further below the largest is raised to it
}

// DefaultMel has 80 bands to half the rate of the sound, frames of 400 samples
// every 160 (25 and 10 ms at 16 kHz) and decibels down to 80 below the largest.
func DefaultMel() Mel {
	top := 80.0
	return Mel{FFT: 400, Window: 400, Hop: 160, Mels: 80, Scale: HTK, Center: true, Power: 2, Log: Decibel, Floor: 1e-10, TopDB: &top}
}

// problems collects what is wrong with settings.
type problems []error

func (p *problems) add(format string, args ...any) {
	*p = append(*p, fmt.Errorf("audio: "+format, args...))
}

// Validate tells all that is wrong, for sounds of a rate.
func (m Mel) Validate(rate int) error {
	var p problems
	if m.FFT < 2 || m.FFT > 1<<20 {
		p.add("fft is %d samples, want 2 to %d", m.FFT, 1<<20)
	}
	if m.Window < 1 || m.Window > m.FFT {
		p.add("window is %d samples, want 1 to fft, %d", m.Window, m.FFT)
	}
	if m.Hop < 1 {
		p.add("hop is %d samples, want at least 1", m.Hop)
	}
	if m.Scale == Bins && (m.Mels != m.FFT/2+1 || m.Norm || m.FMin != 0 || m.FMax != nil) {
		p.add("scale bins wants mels %d, the bins of fft %d, and neither norm, f_min nor f_max; mels is %d", m.FFT/2+1, m.FFT, m.Mels)
	}
	if m.Mels < 1 || m.Mels > 1<<14 {
		p.add("mels is %d, want 1 to %d", m.Mels, 1<<14)
	}
	if top := m.fMax(rate); !(m.FMin >= 0 && m.FMin < top && top <= float64(rate)/2) {
		p.add("f_min is %v Hz and f_max %v Hz, want 0 <= f_min < f_max <= %v, half the rate", m.FMin, top, float64(rate)/2)
	}
	if !slices.Contains(scales, m.Scale) {
		p.add("scale %q; there are %q", m.Scale, scales)
	}
	if !slices.Contains(logs, m.Log) {
		p.add("log %q; there are %q", m.Log, logs)
	}
	if !(m.Power > 0 && m.Power <= 10) {
		p.add("power is %v, want more than 0, at most 10", m.Power)
	}
	if m.Log != Linear && !(m.Floor > 0 && !math.IsInf(m.Floor, 0)) {
		p.add("floor is %v, want a positive number", m.Floor)
	}
	if m.TopDB != nil && !(*m.TopDB >= 0) {
		p.add("top_db is %v, want at least 0", *m.TopDB)
	}
	return errors.Join(p...)
}

func (m Mel) fMax(rate int) float64 {
	if m.FMax != nil {
		return *m.FMax
	}
	return float64(rate / 2) // whole, as torchaudio's
}

// Frames is the number of frames of n samples.
func (m Mel) Frames(n int) int {
	if m.Center {
		return 1 + n/m.Hop
	}
	if n < m.FFT {
		return 0
	}
	return 1 + (n-m.FFT)/m.Hop
}

// A Spectrograph computes the spectrograms that a Mel describes. It is safe for
// concurrent use.
type Spectrograph struct {
	mel    Mel
	plan   *fft.Plan
	window []float64 // of FFT samples
	first  []int     // bin that a filter begins with
	filter [][]float64
}

// Build computes window and filters for sounds of a rate.
func (m Mel) Build(rate int) (*Spectrograph, error) {
	if err := m.Validate(rate); err != nil {
		return nil, err
	}
	s := &Spectrograph{mel: m, plan: fft.New(m.FFT), window: make([]float64, m.FFT)}
	for i := range m.Window {
		s.window[(m.FFT-m.Window)/2+i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(m.Window))
	}
	bins := m.FFT/2 + 1
	if m.Scale == Bins {
		for k := range bins {
			s.first, s.filter = append(s.first, k), append(s.filter, []float64{1})
		}
		return s, nil
	}
	lo, hi := m.Scale.mel(m.FMin), m.Scale.mel(m.fMax(rate))
	edge := func(i int) float64 { return m.Scale.hertz(lo + (hi-lo)*float64(i)/float64(m.Mels+1)) }
	for i := range m.Mels {
		left, middle, right := edge(i), edge(i+1), edge(i+2)
		first, weights := 0, []float64(nil)
		for k := range bins {
			f := float64(rate/2) * float64(k) / float64(max(bins-1, 1))
			w := min((f-left)/(middle-left), (right-f)/(right-middle))
			if w <= 0 {
				continue
			}
			if weights == nil {
				first = k
			}
			if m.Norm {
				w *= 2 / (right - left)
			}
			weights = append(weights, w)
		}
		s.first, s.filter = append(s.first, first), append(s.filter, weights)
	}
	return s, nil
}

// mel is the place of a frequency.
func (s Scale) mel(f float64) float64 {
	if s == HTK {
		return 2595 * math.Log10(1+f/700)
	}
	if f < 1000 {
		return f * 3 / 200
	}
	return 15 + math.Log(f/1000)/slaneyStep
}

var slaneyStep = math.Log(6.4) / 27

// hertz is the frequency of a place.
func (s Scale) hertz(m float64) float64 {
	if s == HTK {
		return 700 * (math.Pow(10, m/2595) - 1)
	}
	if m < 15 {
		return m * 200 / 3
	}
	return 1000 * math.Exp(slaneyStep*(m-15))
}

// Spectrogram fills dst [M T], T = Frames(len(x)), from the samples of a
// channel.
func (s *Spectrograph) Spectrogram(dst, x []float32) error {
	m := s.mel
	frames := m.Frames(len(x))
	if len(x) == 0 || frames < 1 {
		return fmt.Errorf("audio: %d samples are too few for a frame of %d", len(x), m.FFT)
	}
	if len(dst) != m.Mels*frames {
		return fmt.Errorf("audio: internal error: %d numbers for %d bands of %d frames", len(dst), m.Mels, frames)
	}
	n, bins := m.FFT, m.FFT/2+1
	memory := make([]float64, 4*n+2*bins+s.plan.Work())
	take := func(k int) (part []float64) {
		part, memory = memory[:k], memory[k:]
		return part
	}
	xRe, xIm, yRe, yIm := take(n), take(n), take(n), take(n)
	a, b := take(bins), take(bins)
	// Two frames at a time: one is the real part of what is transformed, the
	// other the imaginary one, and symmetry tells their transforms apart.
	for t := 0; t < frames; t += 2 {
		s.frame(xRe, x, t)
		s.frame(xIm, x, t+1) // past the last one a frame of zeros or more does no harm
		s.plan.Transform(yRe, yIm, xRe, xIm, memory)
		for k := range bins {
			j := (n - k) % n
			a[k] = s.strength((yRe[k]+yRe[j])/2, (yIm[k]-yIm[j])/2)
			b[k] = s.strength((yIm[k]+yIm[j])/2, (yRe[j]-yRe[k])/2)
		}
		s.bands(dst, a, t, frames)
		if t+1 < frames {
			s.bands(dst, b, t+1, frames)
		}
	}
	if m.Log == Decibel && m.TopDB != nil {
		low := slices.Max(dst) - float32(*m.TopDB)
		for i, v := range dst {
			dst[i] = max(v, low)
		}
	}
	return nil
}

// frame stores the windowed samples of frame t.
func (s *Spectrograph) frame(dst []float64, x []float32, t int) {
	first := t * s.mel.Hop
	if s.mel.Center {
		first -= s.mel.FFT / 2
	}
	for i, w := range s.window {
		at := first + i
		if at < 0 || at >= len(x) {
			if !s.mel.Center {
				dst[i] = 0
				continue
			}
			at = mirror(at, len(x))
		}
		dst[i] = float64(w * float64(x[at]))
	}
}

// mirror is where sample i of n lies when the ends are mirrors.
func mirror(i, n int) int {
	if n == 1 {
		return 0
	}
	period := 2*n - 2
	i = ((i % period) + period) % period
	return min(i, period-i)
}

// strength is |re + i im| to the power.
func (s *Spectrograph) strength(re, im float64) float64 {
	square := float64(re*re) + float64(im*im)
	if s.mel.Power == 2 {
		return square
	}
	return math.Pow(square, s.mel.Power/2)
}

// bands stores the bands of a frame.
func (s *Spectrograph) bands(dst []float32, strength []float64, t, frames int) {
	m := s.mel
	for i, filter := range s.filter {
		var sum float64
		for k, v := range strength[s.first[i]:][:len(filter)] {
			sum += float64(filter[k] * v)
		}
		switch m.Log {
		case Natural:
			sum = math.Log(max(sum, m.Floor))
		case Decibel:
			factor := 10.0
			if m.Power == 1 {
				factor = 20
			}
			sum = factor * math.Log10(max(sum, m.Floor))
		}
		dst[i*frames+t] = float32(sum)
	}
}
