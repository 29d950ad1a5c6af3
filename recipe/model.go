package recipe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/lenet"
	"github.com/gradus-ml/gradus/model/mlp"
	"github.com/gradus-ml/gradus/model/resnet"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/shape"
)

// A Network is a model with what is known of it.
type Network struct {
	Type   string // the family: "lenet", "mlp" or "resnet"
	Config any    // of the family: lenet.Config and so on
	Model  module.Forwarder
	Item   ir.Type // one item of the input
}

// NewNetwork makes the model of a family's config.
func NewNetwork(config any) (*Network, error) {
	n := &Network{Config: config}
	var err error
	var item []int
	switch cfg := config.(type) {
	case lenet.Config:
		n.Type = "lenet"
		item = []int{cfg.InChannels, cfg.Size[0], cfg.Size[1]}
		n.Model, err = lenet.New(cfg)
	case mlp.Config:
		n.Type = "mlp"
		item = cfg.Sizes[:min(1, len(cfg.Sizes))]
		n.Model, err = mlp.New(cfg)
	case resnet.Config:
		n.Type = "resnet"
		side := map[resnet.Stem]int{resnet.SmallStem: 32, resnet.LargeStem: 224}[cfg.Stem]
		item = []int{cfg.InChannels, side, side}
		n.Model, err = resnet.New(cfg)
	default:
		err = fmt.Errorf("recipe: %T is the config of no model family", config)
	}
	if err != nil {
		return nil, err
	}
	s, err := shape.Make(item...)
	n.Item = ir.Type{DType: dtype.Float32, Shape: s}
	return n, err
}

// modelType is the key of config.json that names the family.
const modelType = "model_type"

// WriteConfig writes config.json for the config of a model family: the family
// under "model_type", then the config's fields.
func WriteConfig(w io.Writer, config any) error {
	n, err := NewNetwork(config)
	if err != nil {
		return err
	}
	fields, err := json.Marshal(config)
	if err != nil {
		return err
	}
	text := fmt.Appendf(nil, "{%q:%q,%s", modelType, n.Type, fields[1:])
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err = out.WriteTo(w)
	return err
}

// ReadNetwork makes the model that a config.json describes.
func ReadNetwork(path string) (*Network, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	n, err := decodeNetwork(text)
	if err != nil {
		return nil, fmt.Errorf("model: %s: %w", path, err)
	}
	return n, nil
}

func decodeNetwork(text []byte) (*Network, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	var family string
	if err := json.Unmarshal(fields[modelType], &family); err != nil {
		return nil, fmt.Errorf("want the name of a model family under %q", modelType)
	}
	delete(fields, modelType)
	switch family {
	case "lenet":
		return fromFields[lenet.Config](fields)
	case "mlp":
		return fromFields[mlp.Config](fields)
	case "resnet":
		return fromFields[resnet.Config](fields)
	}
	return nil, fmt.Errorf("there is no model family %q; there are lenet, mlp and resnet", family)
}

// fromFields makes the model of a family with config C, which must have all
// the fields.
func fromFields[C any](fields map[string]json.RawMessage) (*Network, error) {
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	var config C
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&config); err != nil {
		return nil, err
	}
	return NewNetwork(config)
}
