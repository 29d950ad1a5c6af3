package nn

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func TestChannelDropout(t *testing.T) {
	l := NewChannelDropout(0.25)
	x := tensor.New(dtype.Float32, shape.Of(50, 40, 3, 2))
	Ones()(nil, x)
	s := moduletest.NewStore(t, l, 5)
	y, eval := forward(t, s, l, x)
	moduletest.Near(t, "evaluation", eval, x)
	kept := 0
	for i := 0; i < y.Size(); i += 6 {
		first := y.Float(i)
		for j := range 6 {
			if y.Float(i+j) != first {
				t.Fatalf("a channel has %v and %v", first, y.Float(i+j))
			}
		}
		if first != 0 {
			kept++
			if math.Abs(first-4.0/3) > 1e-6 {
				t.Fatalf("an element kept is %v", first)
			}
		}
	}
	if kept < 1400 || kept > 1600 { // 1500 and five deviations
		t.Errorf("%d of 2000 channels kept", kept)
	}
	again, _ := forward(t, s, l, x)
	if string(again.Bytes()) == string(y.Bytes()) {
		t.Error("two steps have one mask")
	}
}

// Mean and deviation of standard normal numbers stay, and there are two lines
// that elements lie on.
func TestAlphaDropout(t *testing.T) {
	const p, s = 0.3, 1.7580993408473766
	a := 1 / math.Sqrt((1-p)*(1+p*s*s))
	x := random(100, 100, 4)
	for name, l := range map[string]Forwarder{"elements": NewAlphaDropout(p), "channels": NewFeatureAlphaDropout(p)} {
		y, eval := forward(t, moduletest.NewStore(t, l, 5), l, x)
		moduletest.Near(t, name+" in evaluation", eval, x)
		dropped, mixed := 0, 0
		for i := range x.Size() {
			v := y.Float(i)
			isDropped := math.Abs(v-a*s*(p-1)) < 1e-6
			if isDropped {
				dropped++
			} else if math.Abs(v-(a*x.Float(i)+a*s*p)) > 1e-5 {
				t.Fatalf("%s: %v becomes %v", name, x.Float(i), v)
			}
			if i%4 > 0 && isDropped != (math.Abs(y.Float(i-1)-a*s*(p-1)) < 1e-6) {
				mixed++
			}
		}
		if math.Abs(float64(dropped)/float64(x.Size())-p) > 0.03 || (mixed > 0) != (name == "elements") {
			t.Errorf("%s: %d of %d dropped, %d neighbours differ", name, dropped, x.Size(), mixed)
		}
		if mean, std, _, _ := moments(y); math.Abs(mean) > 0.03 || math.Abs(std-1) > 0.03 {
			t.Errorf("%s: mean %v and deviation %v", name, mean, std)
		}
	}
	all, _ := forward(t, moduletest.NewStore(t, &AlphaDropout{1}, 5), &AlphaDropout{1}, x)
	if _, _, lo, hi := moments(all); lo != 0 || hi != 0 {
		t.Errorf("a probability of 1 gives %v to %v", lo, hi)
	}
}

func TestGaussianLayers(t *testing.T) {
	x := tensor.New(dtype.Float32, shape.Of(100, 200))
	Constant(2)(nil, x)
	for name, tc := range map[string]struct {
		l    Forwarder
		want float64 // deviation
	}{
		"noise":   {&GaussianNoise{0.5}, 0.5},
		"dropout": {&GaussianDropout{0.2}, 2 * 0.5},
	} {
		y, eval := forward(t, moduletest.NewStore(t, tc.l, 5), tc.l, x)
		moduletest.Near(t, name+" in evaluation", eval, x)
		if mean, std, _, _ := moments(y); math.Abs(mean-2) > 0.03 || math.Abs(std-tc.want) > 0.02*tc.want {
			t.Errorf("%s: mean %v and deviation %v, want 2 and %v", name, mean, std, tc.want)
		}
	}
}

// Windows of an image whose elements are their own places: each result is the
// last element of its window, windows rise, and the last ends the image. Each
// element of the gradient goes to one place.
func TestFractionalMaxPoolDraws(t *testing.T) {
	const b, c, n, k, out = 3, 2, 11, 2, 6
	x := tensor.New(dtype.Float32, shape.Of(b, c, n, n))
	for i := range x.Size() {
		x.SetFloat(i, float64(i%(n*n)))
	}
	l := FractionalMaxPoolConfig{Kernel: []int{k, k}, Out: []int{out, out}}.Build()
	r := moduletest.NewStore(t, l, 1).Run(t, func(c *Ctx, in []*ir.Value) []*ir.Value {
		y := l.Forward(c.Train(), in[0])
		return append(grad.Of(ops.Sum(y), in[0]), y)
	}, x)
	g, y := r[0], r[1]
	var total float64
	for i := range g.Size() {
		total += g.Float(i)
	}
	if total != float64(y.Size()) {
		t.Errorf("gradients add up to %v, want %d", total, y.Size())
	}
	patterns := map[string]bool{}
	for image := range b * c {
		var pattern strings.Builder
		for v := range out {
			for u := range out {
				at := int(y.Float((image*out+v)*out + u))
				ends, rows := at%n, at/n
				if u == out-1 && ends != n-1 || v == out-1 && rows != n-1 {
					t.Fatalf("the last window ends at %d, %d", rows, ends)
				}
				if u > 0 {
					step := ends - int(y.Float((image*out+v)*out+u-1))%n
					if step < 1 || step > 3 {
						t.Fatalf("a step of %d", step)
					}
					pattern.WriteByte(byte('0' + step))
				}
			}
		}
		patterns[pattern.String()] = true
	}
	if len(patterns) < 2 {
		t.Error("all images have the same windows")
	}
}
