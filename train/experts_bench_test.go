package train_test

import (
	"fmt"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/nn"
)

// A step of a mixture of experts that drops no token, by tokens, width, width
// inside and experts: what decides how many places a block has.
func BenchmarkMixtureOfExperts(b *testing.B) {
	for _, z := range [][4]int{{1024, 256, 512, 8}, {4096, 128, 256, 8}, {512, 512, 1024, 8}, {1024, 256, 512, 32}} {
		b.Run(fmt.Sprint(z), func(b *testing.B) {
			p := layer("", nn.DefaultMixtureOfExperts(z[1], z[2], z[3]).Build(), f32(z[0], z[1]))
			s, err := exec.NewStore(cpu.New(cpu.WithThreads(1)), p.model, exec.Seed(1))
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			step, err := p.step(s)
			if err != nil {
				b.Fatal(err)
			}
			f := exec.NewFunc(s, step)
			if _, err := f.Run(b.Context(), p.in...); err != nil { // compiles
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := f.Run(b.Context(), p.in...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
