// Command loop is training in plain sight, without a trainer: fetch, forward,
// loss, backward, clip, update, log, validate, keep the best. A batch goes
// through the network in pieces whose gradients are added up, so that it takes
// the memory of a piece: a loop within the compiled step.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

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
)

const batch, pieces = 128, 4

func newModel() *nn.Sequential {
	return nn.NewSequential(nn.NewConv2d(1, 8, 5), &nn.ReLU{}, nn.NewMaxPool2d(2), nn.NewFlatten(),
		nn.NewDropout(0.1), nn.NewLinear(8*12*12, 10))
}

// split cuts a batch in pieces: [B ...] to [pieces B/pieces ...].
func split(x *ir.Value) *ir.Value {
	dims := x.Shape().Dims()
	return ops.Reshape(x, append([]int{pieces, dims[0] / pieces}, dims[1:]...)...)
}

// gradients gives the mean loss over a batch and its gradients, piece by piece.
func gradients(c *nn.Ctx, model *nn.Sequential, params []*ir.Value, x, label *ir.Value) (*ir.Value, []*ir.Value) {
	sums := []*ir.Value{ops.Scalar(x, 0)}
	for _, p := range params {
		sums = append(sums, ops.ZerosLike(p))
	}
	sums, _ = ops.Scan(sums, []*ir.Value{split(x), split(label)}, func(sum, piece []*ir.Value) (next, ys []*ir.Value) {
		l := loss.CrossEntropy(model.Forward(c, piece[0]), piece[1])
		for i, v := range append([]*ir.Value{l}, grad.Of(l, params...)...) {
			next = append(next, ops.Add(sum[i], v))
		}
		return next, nil
	})
	for i, s := range sums {
		sums[i] = ops.Mul(s, ops.Scalar(s, 1.0/pieces))
	}
	return sums[0], sums[1:]
}

// newSteps makes a step that learns, images, labels and learning rate to loss
// and length of the gradient, and one that only looks, images to scores.
func newSteps(model *nn.Sequential) (store *exec.Store, learn, look *exec.Func, err error) {
	store, err = exec.NewStore(cpu.New(), model, exec.Seed(1))
	if err != nil {
		return nil, nil, nil, err
	}
	opt, err := optim.DefaultAdamW().Build(store.Params())
	learn = exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		l, grads := gradients(c.Train(), model, c.Params(opt), in[0], in[1])
		grads, norm := optim.ClipNorm(grads, 1)
		opt.Update(c, grads, in[2])
		return []*ir.Value{l, norm}
	})
	look = exec.NewFunc(store, func(c *nn.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{model.Forward(c.Eval(), in[0])}
	})
	return store, learn, look, err
}

// run trains for some epochs and returns the best accuracy and the weights that
// reached it.
func run(ctx context.Context, trainSet, testSet data.Dataset, epochs int) (best float64, weights map[string]*tensor.Tensor, err error) {
	store, learn, look, err := newSteps(newModel())
	if err != nil {
		return 0, nil, err
	}
	defer store.Close()
	train, err := data.NewLoader(trainSet, data.LoaderConfig{Batch: batch, Shuffle: true, Seed: 1, DropLast: true})
	test, err2 := data.NewLoader(testSet, data.LoaderConfig{Batch: 250})
	if err := errors.Join(err, err2); err != nil {
		return 0, nil, err
	}
	warmup := 20
	rate, err := schedule.Cosine{Warmup: &schedule.Warmup{Steps: &warmup}}.Build(0.003, epochs*train.Len())
	if err != nil {
		return 0, nil, err
	}
	for epoch := range epochs {
		start, sum := time.Now(), 0.0
		for b, err := range train.Epoch(ctx, epoch) {
			if err != nil {
				return 0, nil, err
			}
			lr := rate.At(epoch*train.Len() + b.Index)
			out, err := learn.Run(ctx, b.Inputs[0], b.Inputs[1], tensor.Scalar(float32(lr)))
			if err != nil {
				return 0, nil, err
			}
			sum += out[0].Float(0)
		}
		right := metric.Accuracy{K: 1}
		for b, err := range test.Epoch(ctx, 0) {
			if err != nil {
				return 0, nil, err
			}
			out, err := look.Run(ctx, b.Inputs[0])
			if err == nil {
				err = right.Add(out[0], b.Inputs[1])
			}
			if err != nil {
				return 0, nil, err
			}
		}
		fmt.Printf("epoch %d  loss %.4f  accuracy %.4f  %.1fs\n", epoch+1, sum/float64(train.Len()), right.Value(), time.Since(start).Seconds())
		if right.Value() > best {
			best, weights = right.Value(), map[string]*tensor.Tensor{}
			for _, key := range store.Model() {
				if weights[key], err = store.Get(key); err != nil {
					return 0, nil, err
				}
			}
		}
	}
	return best, weights, nil
}

func main() {
	trainSet, testSet, err := mnist.Load()
	train, err2 := trainSet.Dataset()
	test, err3 := testSet.Dataset()
	if err := errors.Join(err, err2, err3); err != nil {
		log.Fatal(err)
	}
	if _, _, err := run(context.Background(), train, test, 3); err != nil {
		log.Fatal(err)
	}
}
