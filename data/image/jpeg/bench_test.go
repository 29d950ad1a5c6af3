package jpeg

import (
	"bytes"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"math"
	"math/rand/v2"
	"testing"
)

// photo is a file of 500 x 375 pixels, waves of many lengths and noise.
func photo(b *testing.B) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	m := image.NewRGBA(image.Rect(0, 0, 500, 375))
	for y := range 375 {
		for x := range 500 {
			var light float64
			for k := 1.0; k < 64; k *= 2 {
				light += 30 / k * math.Sin(float64(x)*k/60+float64(y)*k/41+k)
			}
			v := func(shift float64) uint8 {
				return uint8(min(max(128+shift+light+4*r.NormFloat64(), 0), 255))
			}
			m.SetRGBA(x, y, color.RGBA{v(20), v(0), v(-20), 255})
		}
	}
	var file bytes.Buffer
	if err := stdjpeg.Encode(&file, m, &stdjpeg.Options{Quality: 90}); err != nil {
		b.Fatal(err)
	}
	return file.Bytes()
}

func BenchmarkDecode(b *testing.B) {
	file := photo(b)
	out := make([]byte, 500*375*3)
	for name, r := range map[string]Rect{"whole": {0, 0, 500, 375}, "middle": {125, 90, 375, 285}} {
		b.Run(name, func(b *testing.B) {
			var d Decoder
			for b.Loop() {
				if _, err := d.Open(file); err != nil {
					b.Fatal(err)
				}
				if err := d.Decode(out[:(r.X1-r.X0)*(r.Y1-r.Y0)*3], r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("standard library", func(b *testing.B) {
		for b.Loop() {
			if _, err := stdjpeg.Decode(bytes.NewReader(file)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
