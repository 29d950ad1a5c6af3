package bench

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/optim"
)

func TestArithmetic(t *testing.T) {
	// GFLOP a step; counted by hand, layer by layer.
	for name, want := range map[string]float64{"matmul": 2.147, "mlp": 0.026, "cnn": 1.58, "resnet20": 7.9, "lstm": 11.7, "gpt": 21.34,
		"gpt512": 168.3, "gru": 8.86, "wide": 42.95,
		// torchvision's count of multiply-adds, 4.089 and (at 96x96) 0.0563 billion, less the gradient by the image
		"resnet50": 8*3*2*4.089184 - 8*2*0.118013, "mobilenet": 16*3*2*0.056289 - 16*2*0.001991, "resnet50-infer": 8.178,
		// 85 million weights of layers for each of 128 tokens, and attention; a table of 23 million and a layer of 0.6 in the head
		"bert": 341.99, "bert-infer": 22.35, "mlp-infer": 0.0002033} {
		w, ok := Find(name)
		if !ok {
			t.Fatalf("no workload %s", name)
		}
		if got := float64(w.Flops) / 1e9; math.Abs(got-want) > 0.02*want {
			t.Errorf("%s: %.4f GFLOP, want about %v", name, got, want)
		}
	}
}

// tested are all workloads, the large ones with small batches and layers.
func tested() []Workload {
	bert := bertBase()
	bert.Layers, bert.Vocabulary = 2, 1000
	gpt := gpt512()
	gpt.Layers = 2
	return append(Core(), resnet50(2, 64), mobile(8, 64), guess(2, 16, bert), transformer("gpt512", 1, gpt), GRU(), wide(16, 512),
		resnet50Infer(64), encode(16, bert), MLPInfer())
}

func TestTestedAreAll(t *testing.T) {
	var names []string
	for _, w := range tested() {
		names = append(names, w.Name)
	}
	if !slices.Equal(names, Names()) {
		t.Errorf("tests have %v, there are %v", names, Names())
	}
}

func TestWorkloads(t *testing.T) {
	ctx := context.Background()
	s := &Session{Threads: 2, Set: kernel.Best(), Seconds: 0.2}
	for _, w := range tested() {
		r, err := s.Run(ctx, w)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", r)
		if r.Workload != w.Name || r.Threads != 2 || r.ISA != s.Set.Name {
			t.Errorf("%s: result of %s on %d threads with %s", w.Name, r.Workload, r.Threads, r.ISA)
		}
		if !(0 < r.P10MS && r.P10MS <= r.MedianMS && r.MedianMS <= r.P90MS) {
			t.Errorf("%s: times %v %v %v", w.Name, r.P10MS, r.MedianMS, r.P90MS)
		}
		if !(r.Efficiency > 0 && r.GFLOPS > 0 && r.PeakBytes > 0) {
			t.Errorf("%s: efficiency %v, GFLOPS %v, peak %v", w.Name, r.Efficiency, r.GFLOPS, r.PeakBytes)
		}
		if w.isProduct() && r.Efficiency > 1 {
			t.Errorf("%s: efficiency %v; this product is among those it is measured by", w.Name, r.Efficiency)
		}
		if w.isProduct() || strings.HasSuffix(w.Name, "-infer") {
			if r.FirstLoss != nil {
				t.Errorf("%s has a loss", w.Name)
			}
			continue
		}
		chance := math.Log(classes)
		switch w.Name {
		case "lstm", "gru":
			chance = math.Log(128)
		case "gpt", "gpt512":
			chance = math.Log(256)
		case "resnet50", "mobilenet", "bert":
			chance = math.Log(1000)
		case "wide":
			chance = math.Log(512)
		}
		if r.FirstLoss == nil || math.Abs(*r.FirstLoss-chance) > 1.5 {
			t.Errorf("%s: first loss %v, want near %v", w.Name, r.FirstLoss, chance)
		} else if r.LastLoss == nil || *r.LastLoss >= *r.FirstLoss {
			t.Errorf("%s: the loss does not fall: %v to %v", w.Name, *r.FirstLoss, r.LastLoss)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := &Session{Threads: 1, Set: kernel.Best(), Seconds: 0.1}
	if _, err := s.Run(ctx, MLP()); err == nil {
		t.Error("a cancelled run gives a result")
	}
}

func TestBandwidth(t *testing.T) {
	rate, err := Bandwidth(kernel.Best(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if rate < 1e7 {
		t.Errorf("%v bytes a second", rate)
	}
}

func TestPeak(t *testing.T) {
	for _, set := range kernel.Sets() {
		if !set.Available {
			continue
		}
		if rate := Peak(set, 1); rate < 1e8 {
			t.Errorf("%s: %v operations a second", set.Name, rate)
		}
	}
}

// An update is bound by the bytes that it is told to move.
func TestUpdate(t *testing.T) {
	w, ok := Find("update-adamw")
	if !ok || w.Name != "update-adamw" {
		t.Fatalf("update-adamw is %q, %v", w.Name, ok)
	}
	if _, ok := Find("update-nothing"); ok {
		t.Error("there is an optimizer nothing")
	}
	s := &Session{Threads: 2, Set: kernel.Best(), Seconds: 0.1, rated: true, rate: 1}
	r, err := s.Run(context.Background(), update("adamw", optim.DefaultAdamW(), 2, 512))
	if err != nil {
		t.Fatal(err)
	}
	const bytes = 2 * 512 * 512 * 28
	if moved := r.GBPS * r.MedianMS * 1e6; math.Abs(moved-bytes) > 1 {
		t.Errorf("%v bytes a step, want %v", moved, bytes)
	}
	if r.MemoryGBPS <= 0 || r.FirstLoss != nil {
		t.Errorf("%+v", r)
	}
}
