// Command imagebench reads JPEG files as training does and prints images a
// second of one core. compare.py sets it beside torchvision.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/image"
)

func main() {
	seconds := flag.Float64("seconds", 1, "how long each measurement takes")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	log.SetFlags(0)

	paths, err := filepath.Glob(filepath.Join(flag.Arg(0), "*.jpg"))
	if err != nil || len(paths) == 0 {
		log.Fatalf("imagebench: no *.jpg in %q: %v", flag.Arg(0), err)
	}
	var files [][]byte
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			log.Fatal(err)
		}
		files = append(files, b)
	}

	decoder := image.NewDecoder(image.RGB)
	var im image.Image
	measure("decode", *seconds, func(i int) error { return decoder.Decode(&im, files[i%len(files)]) })

	cfg := image.DefaultConfig()
	cfg.Zoom = 256. / 224
	cfg.Augment = []image.Augmentation{image.DefaultResizedCrop(), image.DefaultFlip()}
	cfg.Mean, cfg.Std = []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}
	reader, err := cfg.Build()
	if err != nil {
		log.Fatal(err)
	}
	dst := make([]float32, 3*224*224)
	for name, training := range map[string]bool{"train": true, "evaluate": false} {
		measure(name, *seconds, func(i int) error {
			return reader.Read(dst, files[i%len(files)], data.Draw{Training: training, Seed: 1, Item: i})
		})
	}
}

// measure prints how often a second f runs.
func measure(name string, seconds float64, f func(i int) error) {
	begin := time.Now()
	n := 0
	for ; n < 8 || time.Since(begin).Seconds() < seconds; n++ {
		if err := f(n); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%s %.1f\n", name, float64(n)/time.Since(begin).Seconds())
}
