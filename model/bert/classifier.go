package bert

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// ClassifierConfig describes a [Classifier].
type ClassifierConfig struct {
	Config  `yaml:",inline"`
	Classes int `json:"classes" yaml:"classes"`
}

// Validate tells all that is wrong.
func (cfg ClassifierConfig) Validate() error {
	err := cfg.Config.Validate()
	if cfg.Classes < 1 {
		err = errors.Join(err, fmt.Errorf("bert: classes must be at least 1, got %d", cfg.Classes))
	} else if err == nil {
		if head := nn.DefaultLinear(cfg.Width, cfg.Classes).Validate(); head != nil {
			err = fmt.Errorf("bert: classifier: %w", head)
		}
	}
	return err
}

// Classifier puts texts in classes: dropout and a linear layer on what the
// pooler gives. Its keys are those of BertForSequenceClassification:
// bert.embeddings.word_embeddings.weight, bert.pooler.dense.weight,
// classifier.weight and so on.
//
// Source: Devlin and others (2018), section 4.1.
type Classifier struct {
	Bert       *Model
	Dropout    *nn.Dropout
	Classifier *nn.Linear
}

// NewClassifier makes a model.
func NewClassifier(cfg ClassifierConfig) (*Classifier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := New(cfg.Config)
	if err != nil {
		return nil, err
	}
	return &Classifier{Bert: m, Dropout: nn.NewDropout(cfg.Dropout), Classifier: linear(cfg.Width, cfg.Classes)}, nil
}

// Forward gives the logits [B Classes] of tokens [B T], all of type 0. With a
// padding index its tokens are seen by nobody.
func (m *Classifier) Forward(c *nn.Ctx, tokens *ir.Value) *ir.Value {
	in := Input{Tokens: tokens}
	if p := m.Bert.Config.PaddingIdx; p != nil && c.Graph().Err() == nil && tokens.DType().IsInt() {
		idx := ops.Cast(tokens, dtype.Int64)
		in.Mask = ops.Ne(idx, ops.FullInt(c.Graph(), dtype.Int64, shape.Shape{}, int64(*p)))
	}
	return m.Classify(c, in)
}

// Classify gives the logits [B Classes] of an input.
func (m *Classifier) Classify(c *nn.Ctx, in Input) *ir.Value {
	defer c.Enter(m)()
	x := m.Bert.Pooler.Forward(c, m.Bert.Encode(c, in))
	return m.Classifier.Forward(c, m.Dropout.Forward(c, x))
}
