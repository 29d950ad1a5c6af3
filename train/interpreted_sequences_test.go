package train_test

import "github.com/gradus-ml/gradus/nn"

// sequences are layers for sequences, and those that add to the loss.
func sequences() []part {
	projected := nn.DefaultLSTM(12, 7)
	projected.ProjSize, projected.Bidirectional, projected.Layers = 3, true, 2
	return []part{
		layer("LSTM/projected", projected.Build(), f32(3, 5, 12)),
		layer("ActivityRegularization", &nn.ActivityRegularization{L1: 0.1, L2: 0.01}, f32(5, 12)),
	}
}
