package data

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// The reference values are torchvision's: x.to(float32).div(255).sub(mean).div(std)
// computed by torch 2.15.0 for x = 0, 1, 128, 255.
func TestNormalizeEqualsTorch(t *testing.T) {
	x := tensor.Must(tensor.Of([]uint8{0, 1, 128, 255}, 4, 1))
	y, err := Normalize{Mean: []float64{0.1307}, Std: []float64{0.3081}}.Apply(x)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range torchBits {
		if got := math.Float32bits(y.F32()[i]); got != want {
			t.Errorf("x = %d: %#x, want %#x", x.Bytes()[i], got, want)
		}
	}
}

func TestNormalizeChannels(t *testing.T) {
	x := tensor.Must(tensor.Of([]uint8{0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255}, 2, 3, 2)) // [N C X]
	n := Normalize{Mean: []float64{0, .5, 1}, Std: []float64{1, .5, .25}}
	want := []float32{0, 1, -1, 1, -4, 0, 0, 1, -1, 1, -4, 0}
	y, err := n.Apply(x)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(y.F32(), want) || y.Shape() != x.Shape() {
		t.Errorf("%v %v, want %v", y, y.F32(), want)
	}
	set, err := Tensors(tensor.Must(tensor.Of([]int64{7, 8})), x)
	if err != nil {
		t.Fatal(err)
	}
	ds, err := n.Dataset(set, 1)
	if err != nil {
		t.Fatal(err)
	}
	item, err := ds.Item(1)
	if err != nil || !slices.Equal(item[1].F32(), want[6:]) || item[1].Shape() != shape.Of(3, 2) || tensor.Data[int64](item[0])[0] != 8 {
		t.Errorf("item %v, %v", item, err)
	}
	dst := []*tensor.Tensor{tensor.New(dtype.Int64, shape.Of(3)), tensor.New(dtype.Float32, shape.Of(3, 3, 2))}
	if err := gather(ds, dst, []int{1, 0, 1}, 0); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(dst[1].F32(), slices.Concat(want[6:], want[:6], want[6:])) || !slices.Equal(tensor.Data[int64](dst[0]), []int64{8, 7, 8}) {
		t.Errorf("batch %v %v", dst[1].F32(), tensor.Data[int64](dst[0]))
	}
}

func TestNormalizeMistakes(t *testing.T) {
	bytes := tensor.New(dtype.Uint8, shape.Of(2, 3, 4, 4))
	for _, c := range []struct {
		n      Normalize
		images *tensor.Tensor
		want   string
	}{
		{Normalize{}, bytes, "0 means and 0 deviations"},
		{Normalize{[]float64{1, 2}, []float64{1}}, bytes, "2 means and 1 deviations"},
		{Normalize{[]float64{0}, []float64{0}}, bytes, "deviation 0 is 0, want a positive"},
		{Normalize{[]float64{0}, []float64{math.NaN()}}, bytes, "deviation 0 is NaN"},
		{Normalize{[]float64{math.Inf(1)}, []float64{1}}, bytes, "mean 0 is +Inf"},
		{Normalize{[]float64{0, 0}, []float64{1, 1}}, bytes, "2 means for an image [3 4 4]"},
		{Normalize{[]float64{0}, []float64{1}}, tensor.New(dtype.Float32, shape.Of(2)), "images are f32[2], want u8"},
	} {
		_, err := c.n.Apply(c.images)
		set, setErr := Tensors(c.images)
		if setErr != nil {
			t.Fatal(setErr)
		}
		_, lazy := c.n.Dataset(set, 0)
		for _, err := range []error{err, lazy} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		}
	}
	set, err := Tensors(bytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Normalize{[]float64{0}, []float64{1}}).Dataset(set, 1); err == nil || !strings.Contains(err.Error(), "tensor 1 of a set of 1") {
		t.Errorf("error %v", err)
	}
}

var torchBits = []uint32{0xbed93271, 0xbed2ae20, 0x3f9a3d7a, 0x4034933d}
