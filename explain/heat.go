package explain

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"
	"sync"

	"github.com/gradus-ml/gradus/data/feature"
	pixels "github.com/gradus-ml/gradus/data/image"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Heat adds up the absolute values of all channels: of [C Y X] it is float32
// [Y X], what each pixel matters.
func Heat(values *tensor.Tensor) (*tensor.Tensor, error) {
	s := values.Shape()
	if s.Rank() != 3 {
		return nil, fmt.Errorf("explain: a heat map is of [C Y X], got %v", values)
	}
	heat := tensor.New(dtype.Float32, shape.Of(s.Dim(1), s.Dim(2)))
	for i := range values.Size() {
		heat.F32()[i%heat.Size()] += float32(math.Abs(values.Float(i)))
	}
	return heat, nil
}

// Levels is the image that an encoded input [C Y X] stands for, before it was
// normalised: what the model was shown.
func Levels(e *feature.ImageEncoder, in *tensor.Tensor) *pixels.Image {
	s := in.Shape()
	im := pixels.New(s.Dim(2), s.Dim(1), s.Dim(0))
	n := s.Dim(1) * s.Dim(2)
	for i := range in.Size() {
		c := i / n
		mean, std := e.Mean[min(c, len(e.Mean)-1)], e.Std[min(c, len(e.Std)-1)]
		im.Pix[i%n*im.Channels+c] = uint8(math.Round(255 * min(1, max(0, in.Float(i)*std+mean))))
	}
	return im
}

// Measures of a picture in pixels.
const (
	pictureSide = 280 // smaller images are enlarged to this by whole factors
	pictureGrey = 0.5 // of an image's brightness is left below the colours
)

// Picture draws a heat map [Y X] over its image and returns a PNG file. The image
// is grey and darkened; what matters lies over it in colours of even steps, from
// violet over red to light yellow, the more opaque the more it matters. One
// pixel in a thousand may be as strong as the strongest colour, so that a single
// one does not darken all others. Small images are enlarged by whole factors,
// and their pixels stay sharp.
func Picture(im *pixels.Image, heat *tensor.Tensor) ([]byte, error) {
	if s := heat.Shape(); s != shape.Of(im.Height, im.Width) {
		return nil, fmt.Errorf("explain: a heat map %v of an image of %d x %d pixels", heat, im.Width, im.Height)
	}
	var grey pixels.Image
	grey.Copy(im)
	grey.Grey()
	most := strongest(heat.F32())
	k := max(1, pictureSide/max(im.Width, im.Height))
	page := image.NewNRGBA(image.Rect(0, 0, k*im.Width, k*im.Height))
	for i, h := range heat.F32() {
		c := over(grey.Pix[i], float64(h)/most)
		for y := range k {
			for x := range k {
				page.SetNRGBA(i%im.Width*k+x, i/im.Width*k+y, c)
			}
		}
	}
	var file bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestSpeed}
	err := enc.Encode(&file, page)
	return file.Bytes(), err
}

// strongest is the heat that has the last colour, above 0.
func strongest(heat []float32) float64 {
	sorted := slices.Sorted(slices.Values(heat))
	most := float64(sorted[len(sorted)-1-len(sorted)/1000])
	if !(most > 0) {
		return 1
	}
	return most
}

// over is a grey level with heat 0..1 over it.
func over(level uint8, heat float64) color.NRGBA {
	heat = min(1, max(0, heat))
	c := colors()[int(heat*255+0.5)]
	below := pictureGrey * float64(level)
	mix := func(c uint8) uint8 { return uint8(below + (float64(c)-below)*math.Sqrt(heat)*0.95 + 0.5) }
	return color.NRGBA{mix(c.R), mix(c.G), mix(c.B), 255}
}

// colors are 256 steps of equal lightness in Oklab, from dark violet to light
// yellow.
//
// Source of the space: Ottosson, "A perceptual color space for image processing"
// (2020).
var colors = sync.OnceValue(func() []color.NRGBA {
	list := make([]color.NRGBA, 256)
	for i := range list {
		t := float64(i) / 255
		light, turn := 0.2+0.73*t, (300+170*t)*math.Pi/180 // hue 300 is violet, 360+30 red, 360+110 yellow
		for chroma := 0.2 * math.Sin(math.Pi*(0.12+0.76*t)); ; chroma -= 0.002 {
			c, ok := oklab(light, chroma*math.Cos(turn), chroma*math.Sin(turn))
			if ok || chroma <= 0 {
				list[i] = c
				break
			}
		}
	}
	return list
})

// oklab is a colour in sRGB, and whether that has it.
func oklab(light, a, b float64) (c color.NRGBA, ok bool) {
	cube := func(x float64) float64 { return x * x * x }
	l := cube(light + 0.3963377774*a + 0.2158037573*b)
	m := cube(light - 0.1055613458*a - 0.0638541728*b)
	s := cube(light - 0.0894841775*a - 1.2914855480*b)
	ok = true
	level := func(x float64) uint8 {
		ok = ok && x > -1e-4 && x < 1+1e-4
		x = min(1, max(0, x))
		if x <= 0.0031308 {
			x *= 12.92
		} else {
			x = 1.055*math.Pow(x, 1/2.4) - 0.055
		}
		return uint8(255*x + 0.5)
	}
	c = color.NRGBA{
		level(4.0767416621*l - 3.3077115913*m + 0.2309699292*s),
		level(-1.2684380046*l + 2.6097574011*m - 0.3413193965*s),
		level(-0.0041960863*l - 0.7034186147*m + 1.7076147010*s),
		255,
	}
	return c, ok
}
