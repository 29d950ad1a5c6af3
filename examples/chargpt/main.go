// Command chargpt teaches a small GPT to write like Isaac Newton: it reads the
// Opticks byte by byte, and prints what comes to its mind on the way.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/opticks"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/model/gpt"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A writer is a model with its steps: learn takes bytes, those that follow and
// the learning rate to the loss; score is the loss alone; next takes bytes to
// the logits of what follows each of them.
type writer struct {
	cfg                gpt.Config
	learn, score, next *exec.Func
}

func newWriter(cfg gpt.Config) *writer {
	model := must(gpt.New(cfg))
	store := must(exec.NewStore(cpu.New(), model, exec.Seed(1)))
	opt := must(optim.DefaultAdamW().Build(store.Params()))
	entropy := func(c *nn.Ctx, in []*ir.Value) *ir.Value { // nats a byte
		logits := model.Forward(c, in[0]) // [B T V]
		return loss.CrossEntropy(ops.Reshape(logits, -1, cfg.Vocabulary), ops.Flatten(in[1], 0))
	}
	w := &writer{cfg: cfg}
	w.learn = exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		l := entropy(c.Train(), in)
		grads, _ := optim.ClipNorm(grad.Of(l, c.Params(opt)...), 1)
		opt.Update(c, grads, in[2])
		return []*ir.Value{l}
	})
	w.score = exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value { return []*ir.Value{entropy(c, in)} })
	w.next = exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value { return []*ir.Value{model.Forward(c, in[0])} })
	return w
}

// loader gives pieces of a text, 16 at a time.
func (w *writer) loader(text []byte, shuffle bool) *data.Loader {
	windows := must(data.Windows(text, w.cfg.Context, w.cfg.Context/4))
	return must(data.NewLoader(windows, data.LoaderConfig{Batch: 16, Shuffle: shuffle, DropLast: shuffle, Seed: 1}))
}

// read learns for some steps and returns the loss on pages it has not seen. It
// shows a sample now and then.
func (w *writer) read(ctx context.Context, text []byte, steps int) float64 {
	pages, unseen := w.loader(text[:len(text)*19/20], true), w.loader(text[len(text)*19/20:], false)
	warmup := min(100, steps/4)
	rate := must(schedule.Cosine{Final: 0.05, Warmup: &schedule.Warmup{Steps: &warmup}}.Build(2e-3, steps))
	for step := 0; step < steps; {
		for b, err := range pages.Epoch(ctx, step/pages.Len()) {
			if step == steps {
				break
			}
			in := append(must(b, err).Inputs, tensor.Scalar(float32(rate.At(step))))
			l := must(w.learn.Run(ctx, in...))[0].Float(0)
			if step++; step%50 == 0 {
				fmt.Printf("step %4d  loss %.3f\n", step, l)
			}
			if step%250 == 0 && step < steps {
				fmt.Printf("---\n%s\n---\n", w.write(ctx, "The Rays of Light ", 160, 0.8))
			}
		}
	}
	sum, n := 0.0, 0
	for b, err := range unseen.Epoch(ctx, 0) {
		l := must(w.score.Run(ctx, must(b, err).Inputs...))[0].Float(0)
		sum, n = sum+float64(b.N)*l, n+b.N
	}
	return sum / float64(n)
}

// write goes on with a text. The model always sees a whole context: what stands
// behind the last byte can't change what it says there.
func (w *writer) write(ctx context.Context, text string, n int, temperature float64) string {
	r := rng.NewStream(1, "sample", 0)
	in := tensor.New(dtype.Int64, shape.Of(1, w.cfg.Context))
	for range n {
		seen := text[max(0, len(text)-w.cfg.Context):]
		for i := range seen {
			in.SetInt(i, int64(seen[i]))
		}
		logits := must(w.next.Run(ctx, in))[0].F32()[(len(seen)-1)*w.cfg.Vocabulary:]
		best, at := math.Inf(-1), 0
		for i, l := range logits[:w.cfg.Vocabulary] { // the largest with Gumbel noise is drawn by probability
			if v := float64(l)/temperature - math.Log(-math.Log(r.Float64()+1e-300)); v > best {
				best, at = v, i
			}
		}
		text += string([]byte{byte(at)})
	}
	return text
}

func main() {
	steps := flag.Int("steps", 1500, "steps of training")
	flag.Parse()
	cfg := gpt.Small(256)
	cfg.Width, cfg.Hidden, cfg.EmbeddingDropout, cfg.ResidualDropout = 192, 4*192, 0.1, 0.1
	w := newWriter(cfg)
	nats := w.read(context.Background(), must(opticks.Text()), *steps)
	fmt.Printf("loss on pages it has not seen: %.3f nats, %.2f bits a byte\n", nats, nats/math.Ln2)
	fmt.Println(w.write(context.Background(), "PROP. I. ", 600, 0.7))
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
