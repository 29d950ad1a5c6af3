package image_test

import (
	"bytes"
	"fmt"
	stdimage "image"
	"image/color"
	"image/png"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/image"
)

func ExampleConfig() {
	picture := stdimage.NewGray(stdimage.Rect(0, 0, 4, 2))
	picture.SetGray(0, 0, color.Gray{Y: 255})
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		fmt.Println(err)
		return
	}

	cfg := image.DefaultConfig()
	cfg.Mode = image.Grey
	cfg.Size = [2]int{2, 4}
	cfg.Augment = []image.Augmentation{image.Flip{Horizontal: 1}}
	reader, err := cfg.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	dst := make([]float32, 8)
	for _, training := range []bool{false, true} {
		if err := reader.Read(dst, file.Bytes(), data.Draw{Training: training, Seed: 1}); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(reader.Shape(), dst)
	}
	// Output:
	// [1 2 4] [1 0 0 0 0 0 0 0]
	// [1 2 4] [0 0 0 1 0 0 0 0]
}

func ExampleGrid() {
	var pictures []*image.Image
	for level := range 6 {
		im := image.New(28, 28, 1)
		im.Pix[28*14+14] = uint8(50 * level)
		pictures = append(pictures, im)
	}
	file, err := image.Grid(pictures, 3, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := png.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Width, m.Height)
	// Output: 392 268
}
