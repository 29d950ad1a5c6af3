// Package textcnn puts texts in classes by convolutions of several widths over
// their words.
//
// Source: Kim, "Convolutional neural networks for sentence classification"
// (2014), with one channel of vectors that are trained.
package textcnn

import (
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/block"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
)

// Config describes a [Model].
type Config struct {
	Vocabulary int     `json:"vocabulary" yaml:"vocabulary"`
	Width      int     `json:"width" yaml:"width"`             // of a token's vector
	Kernels    []int   `json:"kernels" yaml:"kernels"`         // tokens that each set of convolutions spans
	Channels   int     `json:"channels" yaml:"channels"`       // of each set
	Dropout    float64 `json:"dropout" yaml:"dropout"`         // probability, before the linear layer
	PaddingIdx *int    `json:"padding_idx" yaml:"padding_idx"` // number that stands for no token; null if there is none
	Classes    int     `json:"classes" yaml:"classes"`
}

// Kim is the network of the paper: 100 channels over 3, 4 and 5 words of 300
// numbers, and dropout of a half.
func Kim(vocabulary, classes int) Config {
	return Config{Vocabulary: vocabulary, Width: 300, Kernels: []int{3, 4, 5}, Channels: 100, Dropout: 0.5, Classes: classes}
}

// maxKernel is wider than any network spans; a config may come from elsewhere.
const maxKernel = 1 << 10

// Validate tells all that is wrong.
func (cfg Config) Validate() error {
	p := block.Problems{Family: "textcnn"}
	p.Embedding(cfg.Vocabulary, cfg.Width, cfg.PaddingIdx)
	if len(cfg.Kernels) == 0 {
		p.Add("kernels must name at least one width")
	}
	for i, k := range cfg.Kernels {
		p.Within(fmt.Sprintf("kernels.%d", i), k, maxKernel)
	}
	p.Within("channels", cfg.Channels, block.MaxChannels)
	p.Probability("dropout", cfg.Dropout)
	p.Within("classes", cfg.Classes, block.MaxChannels)
	return p.Join()
}

// Model takes of each channel the largest value over the text:
//
//	c[k, o, t] = bias[k, o] + sum over j < kernels[k] of <weight[k, o, :, j], embedding[x[t+j]]>
//	y          = fc(dropout(relu(max over t of c)))
//
// A convolution begins at each token; behind the text it sees zeros. Where it
// would begin at padding it counts for nothing, so that a text gives the same in a
// batch of any length; a text of padding alone gives 0 before fc. (The paper fills
// up with zeros at both ends, and counts convolutions over these.)
//
// Its keys are embedding.weight, convs.0.weight, fc.weight and so on. Initial
// values are PyTorch's of these layers.
type Model struct {
	Config    Config `param:"-"`
	Embedding *nn.Embedding
	Convs     []*nn.Conv1d
	Dropout   *nn.Dropout
	FC        *nn.Linear
}

// New makes a model.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Model{
		Config:    cfg,
		Embedding: nn.EmbeddingConfig{Count: cfg.Vocabulary, Width: cfg.Width, PaddingIdx: cfg.PaddingIdx}.Build(),
		Dropout:   nn.NewDropout(cfg.Dropout),
		FC:        nn.NewLinear(len(cfg.Kernels)*cfg.Channels, cfg.Classes),
	}
	for _, k := range cfg.Kernels {
		m.Convs = append(m.Convs, nn.NewConv1d(cfg.Width, cfg.Channels, k))
	}
	return m, nil
}

// Forward gives the logits [B Classes] of tokens [B T], of an integer type.
func (m *Model) Forward(c *nn.Ctx, tokens *ir.Value) *ir.Value {
	defer c.Enter(m)()
	x := m.Embedding.Forward(c, tokens)
	if c.Graph().Err() == nil && x.Rank() != 3 {
		c.Graph().Fail("textcnn", "wants tokens [B T]", []*ir.Value{tokens})
	}
	if c.Graph().Err() != nil {
		return x
	}
	shown := block.Shown(tokens, m.Config.PaddingIdx)
	wide := slices.Max(m.Config.Kernels)
	x = ops.PadConstant(ops.Transpose(x, 0, 2, 1), 0, []int{0, 0, 0}, []int{0, 0, wide - 1}) // [B Width T+wide-1]
	var largest []*ir.Value
	for _, conv := range m.Convs {
		y := conv.Forward(c, ops.Narrow(x, 2, 0, tokens.Dim(1)+conv.Config.Kernel-1)) // [B Channels T]
		if shown != nil {
			begins := ops.Broadcast(ops.Unsqueeze(shown, 1), y.Shape())
			y = ops.Select(begins, y, ops.Full(c.Graph(), y.DType(), y.Shape(), math.Inf(-1)))
		}
		largest = append(largest, ops.ReLU(ops.Amax(y, 2)))
	}
	return m.FC.Forward(c, m.Dropout.Forward(c, ops.Concat(1, largest...)))
}
