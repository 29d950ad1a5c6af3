// Command cnn trains a network of its own on MNIST by hand for an epoch: batch
// norm, dropout, clipped gradients and a falling learning rate; then it scores
// the network and keeps its weights.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/tensor"
	"github.com/gradus-ml/gradus/train"
)

// Net is a convolution, a batch norm, pooling, and a linear layer over the rest.
type Net struct {
	Conv *nn.Conv2d
	Norm *nn.BatchNorm2d
	Pool *nn.MaxPool2d
	Drop *nn.Dropout
	Head *nn.Linear `param:"classifier"` // keys: conv.weight, ..., classifier.bias
}

func (m *Net) Forward(c *nn.Ctx, x *ir.Value) *ir.Value { // [B 1 28 28] to [B 10]
	defer c.Enter(m)()
	x = ops.ReLU(m.Norm.Forward(c, m.Conv.Forward(c, x)))
	x = m.Drop.Forward(c, ops.Flatten(m.Pool.Forward(c, x), 1))
	return m.Head.Forward(c, x)
}

func newNet() *Net {
	return &Net{nn.NewConv2d(1, 16, 5), nn.NewBatchNorm2d(16), nn.NewMaxPool2d(2), nn.NewDropout(0.1), nn.NewLinear(16*12*12, 10)}
}

// newSteps makes a step that learns, images, labels and learning rate to loss,
// and one that only looks, images to a score for each digit.
func newSteps(model *Net) (store *exec.Store, learn, look *exec.Func, err error) {
	store, err = exec.NewStore(cpu.New(), model, exec.Seed(1))
	if err != nil {
		return nil, nil, nil, err
	}
	opt, err := optim.DefaultAdamW().Build(store.Params())
	learn = exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		l := loss.CrossEntropy(model.Forward(c.Train(), in[0]), in[1])
		grads, _ := optim.ClipNorm(grad.Of(l, c.Params(opt)...), 1)
		opt.Update(c, grads, in[2])
		return []*ir.Value{l}
	})
	look = exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{model.Forward(c.Eval(), in[0])}
	})
	return store, learn, look, err
}

// loader gives a set's images in batches of 100, normalised.
func loader(set *mnist.Set, shuffle bool) (*data.Loader, error) {
	items, err := set.Dataset()
	if err != nil {
		return nil, err
	}
	return data.NewLoader(items, data.LoaderConfig{Batch: 100, Shuffle: shuffle, Seed: 1})
}

func run(ctx context.Context, trainSet, testSet *mnist.Set, weights string) (accuracy float64, err error) {
	store, learn, look, err := newSteps(newNet())
	if err != nil {
		return 0, err
	}
	defer store.Close()
	batches, err := loader(trainSet, true)
	if err != nil {
		return 0, err
	}
	rate, err := schedule.Cosine{}.Build(0.003, batches.Len())
	if err != nil {
		return 0, err
	}
	for b, err := range batches.Epoch(ctx, 0) {
		if err != nil {
			return 0, err
		}
		out, err := learn.Run(ctx, b.Inputs[0], b.Inputs[1], tensor.Scalar(float32(rate.At(b.Index))))
		if err != nil {
			return 0, err
		}
		if b.Index%100 == 0 {
			fmt.Printf("step %3d  loss %.4f\n", b.Index, out[0].Float(0))
		}
	}

	tests, err := loader(testSet, false)
	if err != nil {
		return 0, err
	}
	right := metric.Accuracy{K: 1}
	for b, err := range tests.Epoch(ctx, 0) {
		if err != nil {
			return 0, err
		}
		out, err := look.Run(ctx, b.Inputs[0])
		if err != nil {
			return 0, err
		}
		if err := right.Add(out[0], b.Inputs[1]); err != nil {
			return 0, err
		}
	}
	return right.Value(), train.SaveModel(weights, store, "")
}

func main() {
	weights := flag.String("weights", "cnn.safetensors", "file to write")
	flag.Parse()
	trainSet, testSet, err := mnist.Load()
	if err != nil {
		log.Fatal(err)
	}
	accuracy, err := run(context.Background(), trainSet, testSet, *weights)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("accuracy %.2f %%, weights in %s\n", 100*accuracy, *weights)
}
