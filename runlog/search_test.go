package runlog

import (
	"bytes"
	"image"
	"image/png"
	"math"
	"testing"
)

// Pictures of searches show the line and the choice, whatever was found.
func TestSearch(t *testing.T) {
	var rates, flat []RatePoint
	for i := range 100 {
		rate := 1e-8 * math.Pow(1e8, float64(i)/99)
		rates = append(rates, RatePoint{rate, 2 - rate*float64(i%3), 2 - math.Tanh(20*rate) + 9*rate})
		flat = append(flat, RatePoint{rate, 1, 1})
	}
	for name, s := range map[string]*Search{
		"rates":     NewRateSearch("Learning rate of mnist", rates, 80, "optimizer.lr=0.03"),
		"flat":      NewRateSearch("", flat[:2], 0, "optimizer.lr=1e-8"),
		"zero":      NewRateSearch("", []RatePoint{{1e-8, 0, 0}, {1, 0, 0}}, 1, "optimizer.lr=1"),
		"batches":   NewBatchSearch("Batches of mnist", []BatchPoint{{32, 1000}, {64, 1800}, {128, 1850}}, 1, "data.batch=64"),
		"one batch": NewBatchSearch("", []BatchPoint{{1, 3}}, 0, "data.batch=1"),
	} {
		if testing.Short() && name != "rates" {
			continue // drawing is slow under the race detector
		}
		var b bytes.Buffer
		if err := s.WritePNG(&b); err != nil {
			t.Fatal(name, err)
		}
		img, err := png.Decode(&b)
		if err != nil {
			t.Fatal(name, err)
		}
		if r := img.Bounds(); r.Dx() != 1280 || r.Dy() != 720 {
			t.Errorf("%s: %v, want 1280x720", name, r)
		}
		pix := img.(*image.RGBA).Pix
		chosen := 0
		for i := 0; i < len(pix); i += 4 {
			if pix[i] == choiceInk.R && pix[i+1] == choiceInk.G && pix[i+2] == choiceInk.B {
				chosen++
			}
		}
		if chosen < 100 {
			t.Errorf("%s: the choice has %d pixels", name, chosen)
		}
	}
}
