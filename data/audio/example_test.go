package audio_test

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/audio"
)

func ExampleConfig() {
	cfg := audio.DefaultConfig()
	cfg.Mels = 40
	reader, err := cfg.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	tone := make([]float32, cfg.Rate)
	for i := range tone {
		tone[i] = float32(math.Sin(2 * math.Pi * 440 * float64(i) / float64(cfg.Rate)))
	}
	shape := cfg.Shape()
	dst := make([]float32, shape[0]*shape[1])
	if err := reader.ReadSamples(dst, tone, data.Draw{}); err != nil {
		fmt.Println(err)
		return
	}
	loudest := 0
	for m := range shape[0] {
		if dst[m*shape[1]+50] > dst[loudest*shape[1]+50] {
			loudest = m
		}
	}
	fmt.Println(shape, "loudest in band", loudest)
	// Output: [40 101] loudest in band 7
}

func ExampleNewResampler() {
	r, err := audio.NewResampler(48000, 16000)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(r.Append(nil, make([]float32, 4800))))
	// Output: 1600
}
