// Package audio makes sound into numbers for a model: it decodes WAV files,
// changes their rate as torchaudio does, and computes log-mel spectrograms.
//
// A [Config] says all of it; the [Reader] that it builds takes a file's bytes
// and fills a tensor [M T], mel bands by frames.
package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Sound is samples, mostly from -1 to 1, of channels one after another.
type Sound struct {
	Rate     int // samples a second
	Channels int
	Samples  []float32 // [C T]
}

// Len is the number of samples of a channel.
func (s *Sound) Len() int { return len(s.Samples) / s.Channels }

// Mono makes one channel of all: their mean.
func (s *Sound) Mono() {
	n := s.Len()
	for i := range n {
		var sum float32
		for c := range s.Channels {
			sum += s.Samples[c*n+i]
		}
		s.Samples[i] = sum / float32(s.Channels)
	}
	s.Samples, s.Channels = s.Samples[:n], 1
}

// The codes of a WAV file's samples.
const (
	codePCM        = 1
	codeFloat      = 3
	codeExtensible = 0xFFFE
)

// MaxRate is the highest rate of a file or a Config, in samples a second.
const MaxRate = 768_000

// loudest is the largest sample of a file. What follows computes with squares of
// sums of samples in float32.
const loudest = 1e9

// A format is what the chunk "fmt " says.
type format struct {
	code, channels, rate, align, bits int
}

// errorf begins with the offset in the file.
func errorf(at int, f string, args ...any) error {
	return fmt.Errorf("audio: wav: at byte %d: %w", at, fmt.Errorf(f, args...))
}

// Decode reads a WAV file into s, in the memory that s has. Whole numbers of 8
// (without sign), 16, 24 and 32 bits are divided by the largest one; float32
// and float64 are taken as they are. Sizes that a file tells are checked
// against the bytes that are there.
func (s *Sound) Decode(file []byte) error {
	if len(file) < 12 || string(file[:4]) != "RIFF" || string(file[8:12]) != "WAVE" {
		return errorf(0, "%d bytes that begin with %q are no WAV file", len(file), file[:min(12, len(file))])
	}
	var f *format
	for at := 12; ; {
		if at+8 > len(file) {
			return errorf(len(file), "the file ends before its samples")
		}
		name, size := string(file[at:at+4]), int64(binary.LittleEndian.Uint32(file[at+4:]))
		body := file[at+8:]
		switch name {
		case "fmt ":
			if size > int64(len(body)) {
				return errorf(at, "a format of %d bytes, %d are left", size, len(body))
			}
			var err error
			if f, err = readFormat(at, body[:size]); err != nil {
				return err
			}
		case "data":
			if f == nil {
				return errorf(at, "samples before their format")
			}
			// A program that writes into a pipe does not know the size.
			if size == 0xFFFFFFFF {
				size = int64(len(body))
				size -= size % int64(f.align)
			}
			if size > int64(len(body)) {
				return errorf(at, "%d bytes of samples, %d are left", size, len(body))
			}
			if size%int64(f.align) != 0 {
				return errorf(at, "%d bytes of samples are no whole number of %d", size, f.align)
			}
			return s.samples(at+8, body[:size], *f)
		}
		if size+size%2 > int64(len(body)) {
			return errorf(at, "a chunk %q of %d bytes, %d are left", name, size, len(body))
		}
		at += 8 + int(size+size%2)
	}
}

func readFormat(at int, b []byte) (*format, error) {
	if len(b) < 16 {
		return nil, errorf(at, "a format of %d bytes", len(b))
	}
	u16 := func(i int) int { return int(binary.LittleEndian.Uint16(b[i:])) }
	rate := binary.LittleEndian.Uint32(b[4:])
	f := &format{code: u16(0), channels: u16(2), align: u16(12), bits: u16(14)}
	if f.code == codeExtensible {
		if len(b) < 40 {
			return nil, errorf(at, "an extensible format of %d bytes", len(b))
		}
		f.code = u16(24)
	}
	bits := []int{8, 16, 24, 32}
	switch f.code {
	case codePCM:
	case codeFloat:
		bits = []int{32, 64}
	default:
		return nil, errorf(at, "%w: samples of code %d, want %d (whole numbers) or %d (floats)", errors.ErrUnsupported, f.code, codePCM, codeFloat)
	}
	if !slices.Contains(bits, f.bits) {
		return nil, errorf(at, "%w: samples of code %d with %d bits, want one of %v", errors.ErrUnsupported, f.code, f.bits, bits)
	}
	if f.channels < 1 || f.align != f.channels*f.bits/8 {
		return nil, errorf(at, "%d channels of %d bits in %d bytes", f.channels, f.bits, f.align)
	}
	if rate < 1 || rate > MaxRate {
		return nil, errorf(at, "%d samples a second, want 1 to %d", rate, MaxRate)
	}
	f.rate = int(rate)
	return f, nil
}

// samples converts what stands in a file.
func (s *Sound) samples(at int, b []byte, f format) error {
	n := len(b) / f.align
	s.Rate, s.Channels = f.rate, f.channels
	s.Samples = slices.Grow(s.Samples[:0], n*f.channels)[:n*f.channels]
	width := f.bits / 8
	for c := range f.channels {
		out := s.Samples[c*n : (c+1)*n]
		for i := range out {
			p := b[i*f.align+c*width:][:width]
			switch {
			case f.code == codeFloat && width == 4:
				out[i] = math.Float32frombits(binary.LittleEndian.Uint32(p))
			case f.code == codeFloat:
				out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(p)))
			case width == 1:
				out[i] = float32(int(p[0])-128) / (1 << 7)
			case width == 2:
				out[i] = float32(int16(binary.LittleEndian.Uint16(p))) / (1 << 15)
			case width == 3:
				out[i] = float32(int32(uint32(p[0])<<8|uint32(p[1])<<16|uint32(p[2])<<24)>>8) / (1 << 23)
			default:
				out[i] = float32(int32(binary.LittleEndian.Uint32(p))) / (1 << 31)
			}
			if v := out[i]; !(v >= -loudest && v <= loudest) {
				return errorf(at+i*f.align+c*width, "sample %d of channel %d is %v, want a number within %g", i, c, v, float64(loudest))
			}
		}
	}
	return nil
}
