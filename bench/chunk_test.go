package bench

import (
	"fmt"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// vocabularyStep trains the head of a language model with a large vocabulary,
// and what would come before it: 2048 positions of width 256, 32,000 tokens.
const positions, width, vocabulary = 2048, 256, 32000

func vocabularyStep(t testing.TB, chunk int) (step *exec.Func, in []ir.Type) {
	model := &struct{ First, Head *nn.Linear }{nn.NewLinear(width, width), nn.NewLinear(width, vocabulary)}
	s, err := exec.NewStore(cpu.New(), model)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	opt, err := optim.DefaultAdamW().Build(s.Params())
	if err != nil {
		t.Fatal(err)
	}
	cfg := loss.DefaultCrossEntropy()
	if chunk > 0 {
		cfg.Chunk = &chunk
	}
	step = exec.NewFunc(s, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		l := cfg.Apply(model.Head.Forward(c, model.First.Forward(c, in[0])), in[1])
		opt.Update(c, grad.Of(l, c.Params(opt)...), in[2])
		return []*ir.Value{l}
	})
	return step, []ir.Type{
		{DType: dtype.Float32, Shape: shape.Of(positions, width)}, {DType: dtype.Int64, Shape: shape.Of(positions)}, {DType: dtype.Float32},
	}
}

// A step by chunk holds the logits of a chunk and the gradient of the weight,
// and never those of the whole batch.
func TestChunkMemory(t *testing.T) {
	const logits, weight = 4 * positions * vocabulary, 4 * width * vocabulary
	arena := func(chunk int) int64 {
		step, in := vocabularyStep(t, chunk)
		plan, err := step.Plan(in...)
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Interpreted) > 0 {
			t.Errorf("chunk %d: %v are interpreted", chunk, plan.Interpreted)
		}
		return plan.ArenaBytes
	}
	if plain := arena(0); plain < logits {
		t.Errorf("the plain step has an arena of %d bytes, less than its logits: the test measures something else", plain)
	}
	for _, chunk := range []int{128, 512} {
		// A few of [positions width] are there too.
		limit := int64(4*chunk*vocabulary + weight + 6*4*positions*width)
		if got := arena(chunk); got > limit {
			t.Errorf("chunk %d: an arena of %d bytes, want at most %d; logits alone are %d", chunk, got, limit, logits)
		} else {
			t.Logf("chunk %d: an arena of %.1f MB, logits alone are %.1f MB", chunk, float64(got)/1e6, float64(logits)/1e6)
		}
	}
}

func BenchmarkChunk(b *testing.B) {
	for _, chunk := range []int{0, 128, 256, 512, 1024} {
		b.Run(fmt.Sprint(chunk), func(b *testing.B) {
			step, types := vocabularyStep(b, chunk)
			x, y := tensor.New(types[0].DType, types[0].Shape), tensor.New(types[1].DType, types[1].Shape)
			for i := range x.Size() {
				x.SetFloat(i, float64(i*7919%1000)/500-1)
			}
			for i := range y.Size() {
				y.SetInt(i, int64(i*7919%vocabulary))
			}
			rate := tensor.Scalar[float32](1e-4)
			if _, err := step.Run(b.Context(), x, y, rate); err != nil { // compiled, and caches filled
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := step.Run(b.Context(), x, y, rate); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
