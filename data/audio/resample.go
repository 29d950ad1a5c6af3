package audio

import (
	"fmt"
	"math"
	"slices"
)

// A Resampler changes the rate of sounds: between samples lies what a lowpass
// filter of 6 zero crossings to each side makes of them,
//
//	y[j] = sum over i of x[i] w(i/From - j/To)
//	w(t) = b/From sinc(b t) cos(pi b t / 12)^2 for |b t| < 6, b = 0.99 min(From, To)
//
// Samples before the first and after the last are 0. It is safe for concurrent
// use.
//
// Source: torchaudio.functional.resample (2.11), "sinc_interp_hann".
type Resampler struct {
	From, To int // samples a second

	from, to int       // without their common divisor
	taps     int       // of a phase
	first    []int     // sample that a phase begins with, before the one it falls on
	weights  []float32 // [to][taps]
}

const (
	crossings = 6
	rolloff   = 0.99
)

// NewResampler computes the filters.
func NewResampler(from, to int) (*Resampler, error) {
	if from < 1 || from > MaxRate || to < 1 || to > MaxRate {
		return nil, fmt.Errorf("audio: from %d to %d samples a second, want 1 to %d", from, to, MaxRate)
	}
	d := gcd(from, to)
	r := &Resampler{From: from, To: to, from: from / d, to: to / d}
	base := rolloff * float64(min(r.from, r.to))
	reach := crossings * float64(r.from) / base // in samples
	r.taps = 2*int(math.Ceil(reach)) + 1
	r.first = make([]int, r.to)
	r.weights = make([]float32, r.to*r.taps)
	for p := range r.to {
		at := float64(p) * float64(r.from) / float64(r.to)
		r.first[p] = int(math.Floor(at)) - r.taps/2
		for k := range r.taps {
			t := (float64(r.first[p]+k)/float64(r.from) - float64(p)/float64(r.to)) * base
			if math.Abs(t) >= crossings {
				continue
			}
			window := math.Cos(t * math.Pi / crossings / 2)
			sinc := 1.0
			if t != 0 {
				sinc = math.Sin(math.Pi*t) / (math.Pi * t)
			}
			r.weights[p*r.taps+k] = float32(sinc * window * window * base / float64(r.from))
		}
	}
	return r, nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Len is the number of samples that n become: n To/From, rounded up.
func (r *Resampler) Len(n int) int { return (n*r.to + r.from - 1) / r.from }

// Append appends the samples of one channel at the new rate to dst.
func (r *Resampler) Append(dst, x []float32) []float32 {
	if r.from == r.to {
		return append(dst, x...)
	}
	n := r.Len(len(x))
	dst = slices.Grow(dst, n)
	for j := range n {
		p := j % r.to
		first := j/r.to*r.from + r.first[p]
		w := r.weights[p*r.taps:][:r.taps]
		// Beyond the ends lie zeros.
		if first < 0 {
			w = w[min(-first, len(w)):]
			first = 0
		}
		if over := first + len(w) - len(x); over > 0 {
			w = w[:max(0, len(w)-over)]
		}
		var sum float32
		if len(w) > 0 {
			for k, v := range x[first : first+len(w)] {
				sum += float32(w[k] * v)
			}
		}
		dst = append(dst, sum)
	}
	return dst
}

// Resample gives a sound another rate.
func (r *Resampler) Resample(s *Sound) error {
	if s.Rate != r.From {
		return fmt.Errorf("audio: a sound of %d samples a second, want %d", s.Rate, r.From)
	}
	n := s.Len()
	out := make([]float32, 0, r.Len(n)*s.Channels)
	for c := range s.Channels {
		out = r.Append(out, s.Samples[c*n:(c+1)*n])
	}
	s.Rate, s.Samples = r.To, out
	return nil
}
