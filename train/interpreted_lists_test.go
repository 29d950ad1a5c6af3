package train_test

import (
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/model/block"
	lists "github.com/gradus-ml/gradus/model/layers"
	"github.com/gradus-ml/gradus/model/lstmclassifier"
	"github.com/gradus-ml/gradus/model/rnnseq"
	"github.com/gradus-ml/gradus/model/tcn"
	"github.com/gradus-ml/gradus/model/textcnn"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// family is a step of a model that reads x, an item of a batch.
func family(t *testing.T, name string, cfg model.Config, x *tensor.Tensor, values, outputs int) part {
	t.Helper()
	in := model.Input{Name: "x", Item: ir.Type{DType: x.DType(), Shape: shape.Of(x.Shape().Dims()[1:]...)}, Values: values}
	n, err := model.New(cfg, []model.Input{in}, []model.Output{{Name: "y", Size: outputs}})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return layer(name, n.Module.(module.Forwarder), x)
}

// list is a model of a list of layers.
func list(ls ...lists.Layer) model.Layers {
	cfg := lists.Default()
	cfg.Layers = ls
	return model.Layers{Config: cfg}
}

// padded are tokens of sequences of different lengths, one of them empty.
func padded() *tensor.Tensor {
	x := gen.Ints(dtype.Int64, 1, 11, 4, 9)
	for i, n := range []int{9, 5, 1, 0} {
		for j := n; j < 9; j++ {
			x.SetInt(9*i+j, 0)
		}
	}
	return x
}

// What lists of layers add to those of package nn: masks, branches, shapes.
func TestListsAreNotInterpreted(t *testing.T) {
	recurrent := lists.DefaultRecurrent()
	recurrent.Hidden, recurrent.Bidirectional = 6, true
	encoder := lists.TransformerEncoderLayer{Transformer: lists.DefaultTransformer()}
	encoder.Heads = 2
	conv := lists.DefaultConv()
	conv.Out, conv.Kernel, conv.Same = 4, []int{3}, true
	overTime := lists.Conv1d{Conv: conv, Last: lists.Last{ChannelsLast: true}}
	norm := lists.DefaultBatchNorm()
	norm.ChannelsLast = true
	pool := lists.DefaultMaxPool()
	pool.Kernel, pool.ChannelsLast = []int{2}, true
	embed := lists.Embedding{Width: 8, PaddingIdx: new(0), Mask: true}
	text := func(name string, ls ...lists.Layer) part {
		return family(t, name, list(append([]lists.Layer{embed}, append(ls, lists.DefaultLinear())...)...), padded(), 11, 3)
	}
	head := lists.DefaultLinear()
	parts := []part{
		text("mean", lists.TimePool{By: lists.MeanOverTime}),
		text("max", lists.TimePool{By: lists.MaxOverTime}),
		text("last", lists.LSTM{Recurrent: recurrent}, lists.TimePool{By: lists.LastInTime}),
		text("gru", lists.GRU{Recurrent: recurrent}, lists.TimePool{By: lists.MeanOverTime}),
		text("rnn", lists.RNN{Recurrent: recurrent, Nonlinearity: nn.ReLUNonlinearity}, lists.TimePool{By: lists.MaxOverTime}),
		text("first", lists.ClassToken{}, encoder, lists.TimePool{By: lists.FirstInTime}),
		text("attention", lists.Residual{Layers: []lists.Layer{lists.MultiheadAttention{Heads: 2, Causal: true, Bias: true}}}, lists.TimePool{By: lists.LastInTime}),
		text("convolutions", lists.Parallel{Join: lists.Concat, Branches: [][]lists.Layer{{overTime, norm, lists.ReLU{}}, {overTime}, {}}}, pool, lists.TimePool{By: lists.MaxOverTime}),
		family(t, "shapes", list(lists.Permute{Axes: []int{0, 3, 1, 2}}, lists.Reshape{Shape: []int{4, -1}}, lists.Parallel{Join: lists.Mul, Branches: [][]lists.Layer{{lists.Sigmoid{}}, {}}}, lists.Flatten{Start: 1}, head), f32(3, 2, 3, 4), 0, 2),
		family(t, "no padding", list(lists.LSTM{Recurrent: recurrent}, lists.Parallel{Join: lists.Add, Branches: [][]lists.Layer{{}, {lists.Tanh{}}}}, lists.TimePool{By: lists.LastInTime}, head), f32(3, 5, 4), 0, 2),
		family(t, "bert", small(), padded(), 11, 3),
		family(t, "textcnn", model.TextCNN{Config: textcnn.Config{Width: 8, Kernels: []int{2, 3}, Channels: 4, Dropout: 0.1, PaddingIdx: new(0)}}, padded(), 11, 3),
		family(t, "lstm_classifier", recurrentClassifier(block.LSTM, lstmclassifier.Last), padded(), 11, 3),
		family(t, "gru classifier, mean", recurrentClassifier(block.GRU, lstmclassifier.Mean), padded(), 11, 3),
		family(t, "gru classifier, max", recurrentClassifier(block.GRU, lstmclassifier.Max), padded(), 11, 3),
		family(t, "tcn", model.TCN{Config: tcn.Config{Width: 8, Channels: []int{4, 6}, Kernel: 2, Dropout: 0.1, PaddingIdx: new(0)}}, padded(), 11, 3),
		layer("rnn_seq2seq", mirrored(t, block.GRU, rnnseq.General), padded()),
		layer("rnn_seq2seq of LSTM, dot", mirrored(t, block.LSTM, rnnseq.Dot), padded()),
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) { p.check(t) })
	}
}

// small is the smallest BERT.
func small() model.BERT {
	var cfg model.BERT
	for _, k := range model.Kinds() {
		if c, ok := k.Default.(model.BERT); ok {
			cfg = c
		}
	}
	cfg.Layers, cfg.Width, cfg.Heads, cfg.Hidden, cfg.PaddingIdx = 1, 8, 2, 12, new(0)
	return cfg
}

func recurrentClassifier(cell block.Cell, pool lstmclassifier.Pool) model.LSTMClassifier {
	cfg := lstmclassifier.Default(0, 0)
	cfg.Width, cfg.Hidden, cfg.Layers, cfg.Cell, cfg.Pool, cfg.PaddingIdx = 8, 6, 2, cell, pool, new(0)
	return model.LSTMClassifier{Config: cfg}
}

// mirror is a model that reads one text as source and target; evaluated, it
// decodes.
type mirror struct{ Net *rnnseq.Model }

func mirrored(t *testing.T, cell block.Cell, score rnnseq.Score) *mirror {
	cfg := rnnseq.Default(11, 11)
	cfg.Width, cfg.Hidden, cfg.Layers, cfg.Cell, cfg.Score, cfg.PaddingIdx = 8, 6, 2, cell, score, new(0)
	m, err := rnnseq.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &mirror{m}
}

func (m *mirror) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	if !c.Training() {
		return m.Net.Greedy(c, x, 1, 5)
	}
	return m.Net.Map(c, []*ir.Value{x, x})[0]
}
