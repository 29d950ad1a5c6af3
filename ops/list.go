package ops

import "github.com/gradus-ml/gradus/ir"

// A Listed is an op type with the name of its table of cases in package optest.
type Listed struct {
	Op    ir.Op
	Table string
}

// List lists every op type of this package, in the order of the alphabet.
func List() []Listed {
	return []Listed{
		{ArgReduceOp{}, "argreduce"},
		{AttentionGradOp{}, "attention"},
		{AttentionOp{}, "attention"},
		{AvgPoolGradOp{}, "avg_pool"},
		{AvgPoolOp{}, "avg_pool"},
		{BatchNormGradOp{}, "batch_norm"},
		{BatchNormOp{}, "batch_norm"},
		{BinaryOp{}, "binary"},
		{BroadcastOp{}, "broadcast"},
		{CastOp{}, "cast"},
		{ClampOp{}, "clamp"},
		{CompareOp{}, "compare"},
		{ConcatOp{}, "concat"},
		{ConstantOp{}, "constant"},
		{ConvInputOp{}, "conv"},
		{ConvOp{}, "conv"},
		{ConvWeightOp{}, "conv"},
		{CrossEntropyGradOp{}, "cross_entropy"},
		{CrossEntropyOp{}, "cross_entropy"},
		{DotOp{}, "dot"},
		{DropoutOp{}, "dropout"},
		{DynamicSliceOp{}, "dynamic_slice"},
		{DynamicUpdateOp{}, "dynamic_slice"},
		{FlipOp{}, "flip"},
		{FoldInOp{}, "fold_in"},
		{GELUOp{}, "gelu"},
		{GRUGradOp{}, "gru"},
		{GRUOp{}, "gru"},
		{GatherOp{}, "gather"},
		{IndexAddOp{}, "take"},
		{IotaOp{}, "iota"},
		{LSTMGradOp{}, "lstm"},
		{LSTMOp{}, "lstm"},
		{LayerNormGradOp{}, "layer_norm"},
		{LayerNormOp{}, "layer_norm"},
		{LogSoftmaxGradOp{}, "log_softmax"},
		{LogSoftmaxOp{}, "log_softmax"},
		{MaxPoolGatherOp{}, "max_pool"},
		{MaxPoolGradOp{}, "max_pool"},
		{MaxPoolOp{}, "max_pool"},
		{PadOp{}, "pad"},
		{RNNGradOp{}, "rnn"},
		{RNNOp{}, "rnn"},
		{RandomBitsOp{}, "random"},
		{ReLUGradOp{}, "relu"},
		{ReLUOp{}, "relu"},
		{ReduceOp{}, "reduce"},
		{ReshapeOp{}, "reshape"},
		{ScanOp{}, "scan"},
		{ScatterAddOp{}, "gather"},
		{SelectOp{}, "select"},
		{SiLUOp{}, "silu"},
		{SliceOp{}, "slice"},
		{SoftmaxGradOp{}, "softmax"},
		{SoftmaxOp{}, "softmax"},
		{StopGradientOp{}, "stop"},
		{TakeOp{}, "take"},
		{TransposeOp{}, "transpose"},
		{UnaryOp{}, "unary"},
		{VarOp{}, "var"},
	}
}
