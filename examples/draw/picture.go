package main

import (
	"math"
	"os"

	"github.com/gradus-ml/gradus/data/image"
	"github.com/gradus-ml/gradus/tensor"
)

// picture writes images [N 1 Y X] in rows of columns.
func picture(path string, drawn *tensor.Tensor, columns int) error {
	d := drawn.Shape().Dims()
	images := make([]*image.Image, d[0])
	for i := range images {
		im := image.New(d[3], d[2], 1)
		for j := range im.Pix {
			im.Pix[j] = uint8(math.Round(255 * (1 - min(1, max(0, 0.5+0.5*drawn.Float(i*len(im.Pix)+j)))))) // black on white
		}
		images[i] = im
	}
	png, err := image.Grid(images, columns, nil)
	if err != nil {
		return err
	}
	return os.WriteFile(path, png, 0o666)
}
