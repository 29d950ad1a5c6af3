package train_test

import "github.com/gradus-ml/gradus/nn"

// sequences are layers for sequences, and those that add to the loss.
func sequences() []part {
	return []part{
		layer("ActivityRegularization", &nn.ActivityRegularization{L1: 0.1, L2: 0.01}, f32(5, 12)),
	}
}
