package train_test

import (
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
	"github.com/gradus-ml/gradus/train"
)

// Cutmix cuts classes of pixels with their images: a model that sees one pixel
// learns which are bright as well as without. Were they left, it could not know
// whose class a pixel of the box has.
func TestCutmixOfMasks(t *testing.T) {
	const n, side = 64, 8
	images, masks := tensor.New(dtype.Float32, shape.Of(n, 1, side, side)), tensor.New(dtype.Int64, shape.Of(n, side, side))
	s := rng.NewStream(1, "test", 0)
	for i := range images.Size() {
		bright := s.IntN(2)
		images.SetFloat(i, 2*float64(bright)-1)
		masks.SetInt(i, int64(bright))
	}
	set, err := data.Tensors(images, masks)
	if err != nil {
		t.Fatal(err)
	}
	loader, err := data.NewLoader(set, data.LoaderConfig{Batch: 16, Shuffle: true, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	model := nn.NewConv2d(1, 2, 1)
	store, err := exec.NewStore(cpu.New(cpu.WithThreads(2)), model, exec.Seed(1))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	strategy := train.DefaultStrategy()
	strategy.Epochs, strategy.Cutmix = new(20), new(1.0)
	adam := optim.DefaultAdamW()
	adam.LR = 0.1
	tr := &train.Trainer{
		Store: store, Forward: train.Single(model), Inputs: 1, Heads: []train.Head{{Loss: loss.DefaultCrossEntropy(), Weight: 1}},
		Optimizers: []optim.Part{{Config: adam}}, Schedule: schedule.Constant{}, Strategy: strategy,
		Train: loader, LogEvery: 10, Seed: 5,
	}
	result, err := tr.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !(result.Train.Loss < 0.02) {
		t.Errorf("loss %v", result.Train.Loss)
	}
}
