// Command mlp is the textbook program: two layers learn to read digits.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
)

type net struct{ FC1, FC2 *nn.Linear }

func (m *net) Forward(c *nn.Ctx, x *ir.Value) *ir.Value { // [B 784] to [B 10]
	return m.FC2.Forward(c, ops.ReLU(m.FC1.Forward(c, x)))
}

// newStep makes a step of training: images and labels in, loss out.
func newStep() (*exec.Store, *exec.Func) {
	model := &net{nn.NewLinear(784, 128), nn.NewLinear(128, 10)}
	store := must(exec.NewStore(cpu.New(), model, exec.Seed(1)))
	sgd := must(optim.DefaultSGD().Build(store.Params()))
	return store, exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		l := loss.CrossEntropy(model.Forward(c.Train(), ops.Flatten(in[0], 1)), in[1])
		sgd.Update(c, grad.Of(l, c.Params(sgd)...), ops.Scalar(l, 0.01))
		return []*ir.Value{l}
	})
}

func main() {
	train, _, err := mnist.Load()
	pixels := must(data.Normalize{Mean: []float64{0}, Std: []float64{1}}.Apply(must(train, err).Images)) // x/255
	loader := must(data.NewLoader(must(data.Tensors(pixels, train.Labels)), data.LoaderConfig{Batch: 64, Shuffle: true}))
	_, step := newStep()
	for epoch := range 10 {
		sum := 0.0
		for batch, err := range loader.Epoch(context.Background(), epoch) {
			sum += must(step.Run(context.Background(), must(batch, err).Inputs...))[0].Float(0)
		}
		fmt.Printf("Epoch: %d, Loss: %.3f\n", epoch+1, sum/float64(loader.Len()))
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
