package cpu

import (
	"reflect"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// builtin lists the ops that have a lowering of their own. Element-wise ops on
// float32 and bool are not here: groups run them. Any other primitive is
// interpreted, any other composite expanded.
func builtin() map[reflect.Type]Lower {
	table := []struct {
		op ir.Op
		f  Lower
	}{
		{ops.DotOp{}, lowerProduct},
		{ops.ConvOp{}, lowerProduct},
		{ops.ConvInputOp{}, lowerProduct},
		{ops.ConvWeightOp{}, lowerConvWeight},
		{ops.AttentionOp{}, lowerAttention},
		{ops.AttentionGradOp{}, lowerAttentionGrad},
		{ops.RoPEOp{}, lowerRoPE},
		{ops.MaxPoolOp{}, lowerMaxPool},
		{ops.MaxPoolGradOp{}, lowerMaxPoolGrad},
		{ops.MaxPoolGatherOp{}, lowerMaxPoolGather},
		{ops.AvgPoolOp{}, lowerAvgPool},
		{ops.AvgPoolGradOp{}, lowerAvgPoolGrad},
		{ops.SoftmaxOp{}, lowerSoftmax},
		{ops.SoftmaxGradOp{}, lowerSoftmaxGrad},
		{ops.LogSoftmaxOp{}, lowerLogSoftmax},
		{ops.LogSoftmaxGradOp{}, lowerLogSoftmaxGrad},
		{ops.CrossEntropyOp{}, lowerCrossEntropy},
		{ops.CrossEntropyGradOp{}, lowerCrossEntropyGrad},
		{ops.LayerNormOp{}, lowerLayerNorm},
		{ops.LayerNormGradOp{}, lowerLayerNormGrad},
		{ops.RNNOp{}, lowerRNN},
		{ops.RNNGradOp{}, lowerRNNGrad},
		{ops.LSTMOp{}, lowerLSTM},
		{ops.LSTMGradOp{}, lowerLSTMGrad},
		{ops.GRUOp{}, lowerGRU},
		{ops.GRUGradOp{}, lowerGRUGrad},
		{ops.RMSNormOp{}, lowerRMSNorm},
		{ops.RMSNormGradOp{}, lowerRMSNormGrad},
		{ops.GroupNormOp{}, lowerGroupNorm},
		{ops.GroupNormGradOp{}, lowerGroupNormGrad},
		{ops.BatchNormOp{}, lowerBatchNorm},
		{ops.BatchNormGradOp{}, lowerBatchNormGrad},
		{ops.DropoutOp{}, lowerDropout},
		{ops.FoldInOp{}, lowerFoldIn},
		{ops.RandomBitsOp{}, lowerRandomBits},
		{ops.ReduceOp{}, lowerReduce},
		{ops.SumSquaresOp{}, lowerSumSquares},
		{ops.Adam8BitOp{}, lowerAdam8Bit},
		{ops.ArgReduceOp{}, lowerArgReduce},
		{ops.TransposeOp{}, lowerTranspose},
		{ops.SliceOp{}, lowerSlice},
		{ops.FlipOp{}, lowerFlip},
		{ops.PadOp{}, lowerPad},
		{ops.ConcatOp{}, lowerConcat},
		{ops.IotaOp{}, lowerIota},
		{ops.TakeOp{}, lowerTake},
		{ops.IndexAddOp{}, lowerIndexAdd.lower},
		{ops.IndexCopyOp{}, lowerIndexCopy},
		{ops.GatherOp{}, lowerGather},
		{ops.ScatterOp{}, lowerScatter.lower},
		{ops.ScatterSetOp{}, lowerScatterSet},
		{ops.DynamicSliceOp{}, lowerDynamicSlice},
		{ops.DynamicUpdateOp{}, lowerDynamicUpdate},
		{ops.ScanOp{}, lowerScan},
		{ops.WhileOp{}, lowerWhile},
		{ops.CondOp{}, lowerCond},
		{ops.CumulativeOp{}, lowerCumulative.lower},
		{ops.CumExtremeOp{}, lowerCumExtreme.lower},
		{ops.SortOp{}, lowerSort.lower},
		{ops.TopKOp{}, lowerTopK.lower},
		{ops.SearchSortedOp{}, lowerSearchSorted.lower},
		{ops.CholeskyOp{}, lowerBatched.lower},
		{ops.SolveTriangularOp{}, lowerBatched.lower},
		{ops.SolveOp{}, lowerBatched.lower},
		{ops.SLogDetOp{}, lowerBatched.lower},
		{ops.QROp{}, lowerBatched.lower},
		{ops.EighOp{}, lowerBatched.lower},
		{ops.SVDOp{}, lowerBatched.lower},
		{ops.RFFTOp{}, lowerBatched.lower},
		{ops.IRFFTOp{}, lowerBatched.lower},
		{ops.UnaryOp{}, lowerTyped},
		{ops.BinaryOp{}, lowerTyped},
		{ops.CompareOp{}, lowerTyped},
		{ops.SelectOp{}, lowerTyped},
		{ops.CastOp{}, lowerTyped},
		{ops.StopGradientOp{}, lowerCopy},
	}
	m := make(map[reflect.Type]Lower, len(table))
	for _, t := range table {
		m[reflect.TypeOf(t.op)] = t.f
	}
	return m
}

// keeps reports whether the backend runs the composite n itself. The kernels
// of rows want the row in memory and float32.
func (b *Backend) keeps(n *ir.Node) bool {
	last := func(axis int) bool {
		x := n.In()[0]
		return x.DType() == dtype.Float32 && axis == x.Rank()-1 && x.Shape().Size() > 0
	}
	switch op := n.Op().(type) {
	case ops.ClampOp, ops.ReLUOp, ops.ReLUGradOp, ops.HardtanhOp, ops.HardtanhGradOp, ops.DropoutOp,
		ops.GELUOp, ops.GELUSlopeOp, ops.SiLUOp, ops.SiLUSlopeOp:
		return n.Out(0).DType() == dtype.Float32
	case ops.RoPEOp, ops.SumSquaresOp:
		return isF32Value(n.In()[0])
	case ops.AttentionOp, ops.AttentionGradOp:
		return isF32Value(n.In()[0]) && runsAttention(n)
	case ops.UpdateOp:
		return n.Out(0).DType() == dtype.Float32 && n.Out(0).Shape().Size() > 1
	case ops.SoftmaxOp:
		return last(op.Axis)
	case ops.SoftmaxGradOp:
		return last(op.Axis)
	case ops.LogSoftmaxOp:
		return last(op.Axis)
	case ops.LogSoftmaxGradOp:
		return last(op.Axis)
	case ops.CrossEntropyOp, ops.CrossEntropyGradOp:
		return last(1)
	case ops.LayerNormOp, ops.LayerNormGradOp:
		return last(n.In()[0].Rank() - 1)
	case ops.RNNOp, ops.RNNGradOp, ops.LSTMOp, ops.LSTMGradOp, ops.GRUOp, ops.GRUGradOp:
		return keepsRecurrent(n)
	case ops.RMSNormOp, ops.RMSNormGradOp:
		return last(n.In()[0].Rank() - 1)
	case ops.GroupNormOp:
		return op.Axis == 1 && last(n.In()[0].Rank()-1) || last(op.Axis)
	case ops.GroupNormGradOp:
		return op.Axis == 1 && last(n.In()[0].Rank()-1) || last(op.Axis)
	case ops.BatchNormOp:
		return last(op.Axis)
	case ops.BatchNormGradOp:
		return last(op.Axis)
	case ops.TopKOp:
		return lowerTopK.of(n.In()[0].DType()) != nil
	}
	return b.kernels[reflect.TypeOf(n.Op())] != nil
}

func isF32Value(v *ir.Value) bool { return v.DType() == dtype.Float32 }
