package plan

import (
	"math/rand/v2"
	"testing"
)

func TestPlaceKeepsLivingBuffersApart(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		bs := make([]Buffer, r.IntN(60))
		for i := range bs {
			first := r.IntN(40)
			bs[i] = Buffer{r.IntN(1000), first, first + r.IntN(10)}
		}
		offsets, size := Place(bs)
		need := make([]int, 64)
		for i, a := range bs {
			if offsets[i]%Align != 0 || offsets[i]+a.Size > size {
				t.Fatalf("buffer %d at %d of %d", i, offsets[i], size)
			}
			for s := a.First; s <= a.Last; s++ {
				need[s] += a.Size
			}
			for j, b := range bs[:i] {
				together := a.First <= b.Last && b.First <= a.Last
				overlap := offsets[i] < offsets[j]+b.Size && offsets[j] < offsets[i]+a.Size
				if together && overlap && a.Size > 0 && b.Size > 0 {
					t.Fatalf("buffers %d %+v at %d and %d %+v at %d overlap", i, a, offsets[i], j, b, offsets[j])
				}
			}
		}
		for s, n := range need {
			if n > size {
				t.Fatalf("step %d needs %d bytes, the arena has %d", s, n, size)
			}
		}
	}
}

func TestPlaceReuses(t *testing.T) {
	// A chain in which at most two neighbours live at once needs room for two.
	bs := make([]Buffer, 10)
	for i := range bs {
		bs[i] = Buffer{640, i, i + 1}
	}
	if _, size := Place(bs); size != 1280 {
		t.Errorf("arena of %d bytes, want 1280", size)
	}
}

func BenchmarkPlace1000(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	bs := make([]Buffer, 1000)
	for i := range bs {
		bs[i] = Buffer{1 + r.IntN(1<<20), i, i + r.IntN(50)}
	}
	for b.Loop() {
		Place(bs)
	}
}
