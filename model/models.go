package model

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model/bert"
	"github.com/gradus-ml/gradus/model/charlstm"
	"github.com/gradus-ml/gradus/model/convnext"
	"github.com/gradus-ml/gradus/model/efficientnet"
	"github.com/gradus-ml/gradus/model/gpt"
	"github.com/gradus-ml/gradus/model/layers"
	"github.com/gradus-ml/gradus/model/lenet"
	"github.com/gradus-ml/gradus/model/lstmclassifier"
	"github.com/gradus-ml/gradus/model/mlp"
	"github.com/gradus-ml/gradus/model/mobilenet"
	"github.com/gradus-ml/gradus/model/mobilenetv3"
	"github.com/gradus-ml/gradus/model/resnet"
	"github.com/gradus-ml/gradus/model/rnnseq"
	"github.com/gradus-ml/gradus/model/seq2seq"
	"github.com/gradus-ml/gradus/model/tcn"
	"github.com/gradus-ml/gradus/model/textcnn"
	"github.com/gradus-ml/gradus/model/unet"
	"github.com/gradus-ml/gradus/model/vgg"
	"github.com/gradus-ml/gradus/model/vit"
	"github.com/gradus-ml/gradus/shape"
)

// Kinds lists the families, and behind them those of their networks that have a
// name, which are the family with other defaults. The settings that the data
// determine are 0 in the defaults.
func Kinds() []config.Kind {
	kinds := []config.Kind{
		{Name: "layers", Default: Layers{layers.Default()}},
		{Name: "mlp", Default: MLP{Hidden: []int{128}}},
		{Name: "lenet", Default: LeNet{lenet.Config{Channels: [2]int{32, 64}, Hidden: 512}}},
		{Name: "vgg", Default: openVGG(vgg.Small())},
		{Name: "resnet", Default: openResNet(resnet.ResNet20())},
		{Name: "mobilenet", Default: openMobileNet(mobilenet.V2())},
		{Name: "mobilenet_v3", Default: openMobileNetV3(mobilenetv3.Small())},
		{Name: "efficientnet", Default: openEfficientNet(efficientnet.B0())},
		{Name: "convnext", Default: openConvNeXt(convnext.Nano())},
		{Name: "vit", Default: openViT(vit.Small())},
		{Name: "unet", Default: openUNet(unet.Default())},
		{Name: "charlstm", Default: defaultCharLSTM()},
		{Name: "gpt", Default: defaultGPT()},
		{Name: "bert", Default: defaultBERT()},
		{Name: "textcnn", Default: defaultTextCNN()},
		{Name: "lstm_classifier", Default: LSTMClassifier{Config: lstmclassifier.Default(0, 0)}},
		{Name: "tcn", Default: TCN{Config: tcn.Default()}},
		{Name: "seq2seq", Default: defaultSeq2Seq()},
		{Name: "rnn_seq2seq", Default: RNNSeq2Seq{Config: rnnseq.Default(0, 0)}},
	}
	return slices.Concat(kinds,
		variants(vgg.Variants(), openVGG), variants(resnet.Variants(), openResNet), variants(mobilenet.Variants(), openMobileNet),
		variants(mobilenetv3.Variants(), openMobileNetV3), variants(efficientnet.Variants(), openEfficientNet),
		variants(convnext.Variants(), openConvNeXt), variants(vit.Variants(), openViT))
}

// variants are networks of a family; open leaves to the data what they determine.
func variants[F any, C Config](list []config.Kind, open func(F) C) []config.Kind {
	for i, k := range list {
		list[i].Default = open(k.Default.(F))
	}
	return list
}

// kindOf finds the family of a config.
func kindOf(cfg Config) (config.Kind, bool) {
	for _, k := range Kinds() {
		if reflect.TypeOf(k.Default) == reflect.TypeOf(cfg) {
			return k, true
		}
	}
	return config.Kind{}, false
}

// numbers and tokens are inputs of families, which call them "input"; none where
// a config is not complete.
func numbers(dims ...int) []Input { return input(dtype.Float32, 0, dims) }

// picture is an image, of a size of its own if the config has none.
func picture(channels int, size [2]int, side int) []Input {
	return numbers(channels, or(size[0], side), or(size[1], side))
}

func tokens(t, vocabulary int) []Input { return input(dtype.Int64, vocabulary, []int{t}) }

func input(dt dtype.DType, values int, dims []int) []Input {
	s, err := shape.Make(dims...)
	if err != nil || s.Size() == 0 {
		return nil
	}
	return []Input{{Name: "input", Item: ir.Type{DType: dt, Shape: s}, Values: values}}
}

// Layers is a list of layers.
type Layers struct {
	layers.Config `yaml:",inline"`
}

// Fit records what the data have.
func (cfg Layers) Fit(in []Input, out []Output) (Config, error) {
	full, err := cfg.Config.Fit(in, out)
	return Layers{full}, err
}

// Build makes the model.
func (cfg Layers) Build() (any, error) { return layers.New(cfg.Config) }

// Reads are the inputs of the data.
func (cfg Layers) Reads() []Input {
	in, _ := cfg.Operands()
	return in
}

// MLP is package mlp: linear layers with ReLU between.
type MLP struct {
	Hidden     []int `json:"hidden" yaml:"hidden"` // widths between those that the data have; without effect where sizes are given
	mlp.Config `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg MLP) Validate() error {
	if cfg.Sizes != nil {
		return cfg.Config.Validate()
	}
	for _, n := range cfg.Hidden {
		if n < 1 {
			return fmt.Errorf("mlp: hidden must be at least 1, got %d", n)
		}
	}
	return nil
}

// Fit puts the hidden layers between what the data have.
func (cfg MLP) Fit(in []Input, out []Output) (Config, error) {
	i, o, err := single("mlp", in, out)
	if err != nil {
		return cfg, err
	}
	if !i.Item.DType.IsFloat() {
		return cfg, fmt.Errorf("mlp reads numbers, and input %s is %v", i.Name, i.Item)
	}
	n := i.Item.Shape.Size()
	if cfg.Sizes == nil {
		cfg.Sizes = append(append([]int{n}, cfg.Hidden...), o.Size)
		cfg.Hidden = nil
	}
	first, last := cfg.Sizes[0], cfg.Sizes[len(cfg.Sizes)-1]
	return cfg, errors.Join(fill("mlp", "the first of sizes", &first, n), fill("mlp", "the last of sizes", &last, o.Size))
}

// Build makes the model.
func (cfg MLP) Build() (any, error) { return mlp.New(cfg.Config) }

// Reads is the first size.
func (cfg MLP) Reads() []Input { return numbers(cfg.Sizes[:min(1, len(cfg.Sizes))]...) }

// LeNet is package lenet: two convolutions and two linear layers.
type LeNet struct {
	lenet.Config `yaml:",inline"`
}

// Validate tells all that is wrong.
func (cfg LeNet) Validate() error {
	c := cfg.Config
	c.InChannels, c.Size[0], c.Size[1], c.Classes = or(c.InChannels, 1), or(c.Size[0], 28), or(c.Size[1], 28), or(c.Classes, 1)
	return c.Validate()
}

// Fit takes size, channels and classes from the data.
func (cfg LeNet) Fit(in []Input, out []Output) (Config, error) {
	err := fitImage("lenet", in, out, &cfg.InChannels, &cfg.Size, &cfg.Classes)
	return cfg, err
}

// Build makes the model.
func (cfg LeNet) Build() (any, error) { return lenet.New(cfg.Config) }

// Reads is an image.
func (cfg LeNet) Reads() []Input { return numbers(cfg.InChannels, cfg.Size[0], cfg.Size[1]) }

// VGG is package vgg: convolutions 3x3 and maxima, then linear layers.
type VGG struct {
	vgg.Config `yaml:",inline"`
	Size       [2]int `json:"size" yaml:"size"` // of the images, Y and X; it makes no difference to the weights
}

func openVGG(cfg vgg.Config) VGG {
	cfg.InChannels, cfg.Classes = 0, 0
	return VGG{Config: cfg}
}

// Validate tells all that is wrong.
func (cfg VGG) Validate() error {
	c := cfg.Config
	c.InChannels, c.Classes = or(c.InChannels, 1), or(c.Classes, 1)
	return c.Validate()
}

// Fit takes size, channels and classes from the data.
func (cfg VGG) Fit(in []Input, out []Output) (Config, error) {
	err := fitImage("vgg", in, out, &cfg.InChannels, &cfg.Size, &cfg.Classes)
	return cfg, err
}

// Build makes the model.
func (cfg VGG) Build() (any, error) { return vgg.New(cfg.Config) }

// Reads is an image, 224x224 if no size is given.
func (cfg VGG) Reads() []Input { return picture(cfg.InChannels, cfg.Size, 224) }

// ResNet is package resnet: residual blocks of convolutions.
type ResNet struct {
	resnet.Config `yaml:",inline"`
	Size          [2]int `json:"size" yaml:"size"` // of the images, Y and X; it makes no difference to the weights
}

func openResNet(cfg resnet.Config) ResNet {
	cfg.InChannels, cfg.Classes = 0, 0
	return ResNet{Config: cfg}
}

// Validate tells all that is wrong.
func (cfg ResNet) Validate() error {
	c := cfg.Config
	c.InChannels, c.Classes = or(c.InChannels, 1), or(c.Classes, 1)
	return c.Validate()
}

// Fit takes size, channels and classes from the data.
func (cfg ResNet) Fit(in []Input, out []Output) (Config, error) {
	err := fitImage("resnet", in, out, &cfg.InChannels, &cfg.Size, &cfg.Classes)
	return cfg, err
}

// Build makes the model.
func (cfg ResNet) Build() (any, error) { return resnet.New(cfg.Config) }

// Reads is an image, of the size that the stem is made for if none is given.
func (cfg ResNet) Reads() []Input {
	if cfg.Stem == resnet.LargeStem {
		return picture(cfg.InChannels, cfg.Size, 224)
	}
	return picture(cfg.InChannels, cfg.Size, 32)
}

// MobileNet is package mobilenet: inverted residuals.
type MobileNet struct {
	mobilenet.Config `yaml:",inline"`
	Size             [2]int `json:"size" yaml:"size"` // of the images, Y and X; it makes no difference to the weights
}

func openMobileNet(cfg mobilenet.Config) MobileNet {
	cfg.InChannels, cfg.Classes = 0, 0
	return MobileNet{Config: cfg}
}

// Validate tells all that is wrong.
func (cfg MobileNet) Validate() error {
	c := cfg.Config
	c.InChannels, c.Classes = or(c.InChannels, 1), or(c.Classes, 1)
	return c.Validate()
}

// Fit takes size, channels and classes from the data.
func (cfg MobileNet) Fit(in []Input, out []Output) (Config, error) {
	err := fitImage("mobilenet", in, out, &cfg.InChannels, &cfg.Size, &cfg.Classes)
	return cfg, err
}

// Build makes the model.
func (cfg MobileNet) Build() (any, error) { return mobilenet.New(cfg.Config) }

// Reads is an image, 224x224 if no size is given.
func (cfg MobileNet) Reads() []Input { return picture(cfg.InChannels, cfg.Size, 224) }

// MobileNetV3 is package mobilenetv3: inverted residuals, some with
// squeeze-and-excitation.
type MobileNetV3 struct {
	mobilenetv3.Config `yaml:",inline"`
	Size               [2]int `json:"size" yaml:"size"` // of the images, Y and X; it makes no difference to the weights
}

func openMobileNetV3(cfg mobilenetv3.Config) MobileNetV3 {
	cfg.InChannels, cfg.Classes = 0, 0
	return MobileNetV3{Config: cfg}
}

// Validate tells all that is wrong.
func (cfg MobileNetV3) Validate() error {
	c := cfg.Config
	c.InChannels, c.Classes = or(c.InChannels, 1), or(c.Classes, 1)
	return c.Validate()
}

// Fit takes size, channels and classes from the data.
func (cfg MobileNetV3) Fit(in []Input, out []Output) (Config, error) {
	err := fitImage("mobilenet_v3", in, out, &cfg.InChannels, &cfg.Size, &cfg.Classes)
	return cfg, err
}

// Build makes the model.
func (cfg MobileNetV3) Build() (any, error) { return mobilenetv3.New(cfg.Config) }

// Reads is an image, 224x224 if no size is given.
func (cfg MobileNetV3) Reads() []Input { return picture(cfg.InChannels, cfg.Size, 224) }

// EfficientNet is package efficientnet: inverted residuals with
// squeeze-and-excitation.
type EfficientNet struct {
	efficientnet.Config `yaml:",inline"`
	Size                [2]int `json:"size" yaml:"size"` // of the images, Y and X; it makes no difference to the weights
}

func openEfficientNet(cfg efficientnet.Config) EfficientNet {
	cfg.InChannels, cfg.Classes = 0, 0
	return EfficientNet{Config: cfg}
}

// Validate tells all that is wrong.
func (cfg EfficientNet) Validate() error {
	c := cfg.Config
	c.InChannels, c.Classes = or(c.InChannels, 1), or(c.Classes, 1)
	return c.Validate()
}

// Fit takes size, channels and classes from the data.
func (cfg EfficientNet) Fit(in []Input, out []Output) (Config, error) {
	err := fitImage("efficientnet", in, out, &cfg.InChannels, &cfg.Size, &cfg.Classes)
	return cfg, err
}

// Build makes the model.
func (cfg EfficientNet) Build() (any, error) { return efficientnet.New(cfg.Config) }

// Reads is an image, 224x224 if no size is given.
func (cfg EfficientNet) Reads() []Input { return picture(cfg.InChannels, cfg.Size, 224) }

// ConvNeXt is package convnext: convolutions 7x7 of each channel alone, and two-layer
// networks.
type ConvNeXt struct {
	convnext.Config `yaml:",inline"`
	Size            [2]int `json:"size" yaml:"size"` // of the images, Y and X; it makes no difference to the weights
}

func openConvNeXt(cfg convnext.Config) ConvNeXt {
	cfg.InChannels, cfg.Classes = 0, 0
	return ConvNeXt{Config: cfg}
}

// Validate tells all that is wrong.
func (cfg ConvNeXt) Validate() error {
	c := cfg.Config
	c.InChannels, c.Classes = or(c.InChannels, 1), or(c.Classes, 1)
	return c.Validate()
}

// Fit takes size, channels and classes from the data.
func (cfg ConvNeXt) Fit(in []Input, out []Output) (Config, error) {
	err := fitImage("convnext", in, out, &cfg.InChannels, &cfg.Size, &cfg.Classes)
	return cfg, err
}

// Build makes the model.
func (cfg ConvNeXt) Build() (any, error) { return convnext.New(cfg.Config) }

// Reads is an image, 224x224 if no size is given.
func (cfg ConvNeXt) Reads() []Input { return picture(cfg.InChannels, cfg.Size, 224) }

// ViT is package vit: the vision transformer.
type ViT struct {
	vit.Config `yaml:",inline"`
}

func openViT(cfg vit.Config) ViT {
	cfg.InChannels, cfg.Size, cfg.Classes = 0, 0, 0
	return ViT{cfg}
}

// Validate tells all that is wrong.
func (cfg ViT) Validate() error {
	c := cfg.Config
	c.InChannels, c.Size, c.Classes = or(c.InChannels, 1), or(c.Size, c.Patch), or(c.Classes, 1)
	return c.Validate()
}

// Fit takes size, channels and classes from the data.
func (cfg ViT) Fit(in []Input, out []Output) (Config, error) {
	c, y, x, n, err := image("vit", in, out)
	if err != nil {
		return cfg, err
	}
	if y != x {
		return cfg, fmt.Errorf("vit reads images that are as high as wide, and those of the data are %dx%d", y, x)
	}
	return cfg, errors.Join(fill("vit", "in_channels", &cfg.InChannels, c), fill("vit", "size", &cfg.Size, y), fill("vit", "classes", &cfg.Classes, n))
}

// Build makes the model.
func (cfg ViT) Build() (any, error) { return vit.New(cfg.Config) }

// Reads is an image.
func (cfg ViT) Reads() []Input { return numbers(cfg.InChannels, cfg.Size, cfg.Size) }

// UNet is package unet: the classes of each pixel.
type UNet struct {
	unet.Config `yaml:",inline"`
	Size        [2]int `json:"size" yaml:"size"` // of the images, Y and X; it makes no difference to the weights
}

func openUNet(cfg unet.Config) UNet {
	cfg.InChannels, cfg.Classes = 0, 0
	return UNet{Config: cfg}
}

// Validate tells all that is wrong.
func (cfg UNet) Validate() error {
	c := cfg.Config
	c.InChannels, c.Classes = or(c.InChannels, 1), or(c.Classes, 1)
	return c.Validate()
}

// Fit takes size, channels and classes from the data.
func (cfg UNet) Fit(in []Input, out []Output) (Config, error) {
	err := fitImage("unet", in, out, &cfg.InChannels, &cfg.Size, &cfg.Classes)
	return cfg, err
}

// Build makes the model.
func (cfg UNet) Build() (any, error) { return unet.New(cfg.Config) }

// Reads is an image, 256x256 if no size is given.
func (cfg UNet) Reads() []Input { return picture(cfg.InChannels, cfg.Size, 256) }

// CharLSTM is package charlstm: a language model of recurrent layers.
type CharLSTM struct {
	charlstm.Config `yaml:",inline"`
	Context         int `json:"context" yaml:"context"` // tokens of a piece; it makes no difference to the weights
}

func defaultCharLSTM() CharLSTM {
	cfg := charlstm.ASCII()
	cfg.Vocabulary = 0
	return CharLSTM{Config: cfg}
}

// Validate tells all that is wrong.
func (cfg CharLSTM) Validate() error {
	c := cfg.Config
	c.Vocabulary = or(c.Vocabulary, 1)
	return c.Validate()
}

// Fit takes vocabulary and length from the data.
func (cfg CharLSTM) Fit(in []Input, out []Output) (Config, error) {
	context, values, size, err := text("charlstm", in, out)
	if err != nil {
		return cfg, err
	}
	return cfg, errors.Join(vocabulary("charlstm", &cfg.Vocabulary, values, size), fill("charlstm", "context", &cfg.Context, context))
}

// vocabulary takes the number of tokens of a language model from the data.
func vocabulary(family string, v *int, values, size int) error {
	if values != size && values != 0 && size != 0 {
		return fmt.Errorf("%s guesses the tokens that it reads, and the data have %d of them and %d to guess", family, values, size)
	}
	return fill(family, "vocabulary", v, max(values, size))
}

// Build makes the model.
func (cfg CharLSTM) Build() (any, error) { return charlstm.New(cfg.Config) }

// Reads are tokens, 64 if no length is given.
func (cfg CharLSTM) Reads() []Input { return tokens(or(cfg.Context, 64), cfg.Vocabulary) }

// GPT is package gpt: a language model of causal attention.
type GPT struct {
	gpt.Config `yaml:",inline"`
}

func defaultGPT() GPT {
	cfg := gpt.Small(0)
	cfg.Context = 0
	return GPT{cfg}
}

// Validate tells all that is wrong.
func (cfg GPT) Validate() error {
	c := cfg.Config
	c.Vocabulary, c.Context = or(c.Vocabulary, 1), or(c.Context, 1)
	return c.Validate()
}

// Fit takes vocabulary and context from the data; a context may be longer than
// the pieces of the data.
func (cfg GPT) Fit(in []Input, out []Output) (Config, error) {
	context, values, size, err := text("gpt", in, out)
	if err != nil {
		return cfg, err
	}
	if err := atLeast("gpt", &cfg.Context, context); err != nil {
		return cfg, err
	}
	return cfg, vocabulary("gpt", &cfg.Vocabulary, values, size)
}

// atLeast takes a context from the data, or checks that it is long enough.
func atLeast(family string, context *int, data int) error {
	if *context != 0 && *context < data {
		return fmt.Errorf("%s: context is %d, and the data have pieces of %d tokens", family, *context, data)
	}
	*context = or(*context, data)
	return nil
}

// Build makes the model.
func (cfg GPT) Build() (any, error) { return gpt.New(cfg.Config) }

// Reads are tokens.
func (cfg GPT) Reads() []Input { return tokens(cfg.Context, cfg.Vocabulary) }

// BERT is bert.Classifier: an encoder that puts texts in classes.
type BERT struct {
	bert.Config `yaml:",inline"`
	Classes     int `json:"classes" yaml:"classes"`
}

// defaultBERT is small: 4 layers of width 256.
func defaultBERT() BERT {
	return BERT{Config: bert.Config{
		Types: 1, Layers: 4, Width: 256, Heads: 4, Hidden: 4 * 256, Dropout: 0.1, AttentionDropout: 0.1, Eps: 1e-12,
	}}
}

// Validate tells all that is wrong.
func (cfg BERT) Validate() error {
	c := cfg.Config
	c.Vocabulary, c.Context = leastVocabulary(c.Vocabulary, c.PaddingIdx), or(c.Context, 1)
	return bert.ClassifierConfig{Config: c, Classes: or(cfg.Classes, 1)}.Validate()
}

// Fit takes vocabulary, context, padding and classes from the data; a context
// may be longer than the texts of the data.
func (cfg BERT) Fit(in []Input, out []Output) (Config, error) {
	context, values, size, err := text("bert", in, out)
	if err != nil {
		return cfg, err
	}
	if err := atLeast("bert", &cfg.Context, context); err != nil {
		return cfg, err
	}
	if cfg.PaddingIdx == nil {
		cfg.PaddingIdx = in[0].Padding
	}
	return cfg, errors.Join(fill("bert", "vocabulary", &cfg.Vocabulary, values), fill("bert", "classes", &cfg.Classes, size))
}

// Build makes the model.
func (cfg BERT) Build() (any, error) {
	return bert.NewClassifier(bert.ClassifierConfig{Config: cfg.Config, Classes: cfg.Classes})
}

// Reads are tokens.
func (cfg BERT) Reads() []Input { return tokens(cfg.Context, cfg.Vocabulary) }

// TextCNN is package textcnn: convolutions of several widths over words.
type TextCNN struct {
	textcnn.Config `yaml:",inline"`
	Context        int `json:"context" yaml:"context"` // tokens of a text; it makes no difference to the weights
}

func defaultTextCNN() TextCNN {
	cfg := textcnn.Kim(0, 0)
	cfg.Width = 128
	return TextCNN{Config: cfg}
}

// Validate tells all that is wrong.
func (cfg TextCNN) Validate() error {
	c := cfg.Config
	c.Vocabulary, c.Classes = leastVocabulary(c.Vocabulary, c.PaddingIdx), or(c.Classes, 1)
	return c.Validate()
}

// Fit takes vocabulary, padding, length and classes from the data.
func (cfg TextCNN) Fit(in []Input, out []Output) (Config, error) {
	err := fitTexts("textcnn", in, out, &cfg.Vocabulary, &cfg.Context, &cfg.Classes, &cfg.PaddingIdx)
	return cfg, err
}

// fitTexts takes vocabulary, length, classes and padding of a family that puts
// texts in classes from the data.
func fitTexts(family string, in []Input, out []Output, vocabulary, context, classes *int, padding **int) error {
	t, values, size, err := text(family, in, out)
	if err != nil {
		return err
	}
	if *padding == nil {
		*padding = in[0].Padding
	}
	return errors.Join(fill(family, "vocabulary", vocabulary, values), fill(family, "context", context, t), fill(family, "classes", classes, size))
}

// leastVocabulary is a vocabulary, or where the data are to give it one that holds
// the number of padding.
func leastVocabulary(vocabulary int, padding *int) int {
	if vocabulary == 0 && padding != nil {
		return max(1, *padding+1)
	}
	return or(vocabulary, 1)
}

// Build makes the model.
func (cfg TextCNN) Build() (any, error) { return textcnn.New(cfg.Config) }

// Reads are tokens, 64 if no length is given.
func (cfg TextCNN) Reads() []Input { return tokens(or(cfg.Context, 64), cfg.Vocabulary) }

// LSTMClassifier is package lstmclassifier: recurrent layers that put texts in
// classes.
type LSTMClassifier struct {
	lstmclassifier.Config `yaml:",inline"`
	Context               int `json:"context" yaml:"context"` // tokens of a text; it makes no difference to the weights
}

// Validate tells all that is wrong.
func (cfg LSTMClassifier) Validate() error {
	c := cfg.Config
	c.Vocabulary, c.Classes = leastVocabulary(c.Vocabulary, c.PaddingIdx), or(c.Classes, 1)
	return c.Validate()
}

// Fit takes vocabulary, padding, length and classes from the data.
func (cfg LSTMClassifier) Fit(in []Input, out []Output) (Config, error) {
	err := fitTexts("lstm_classifier", in, out, &cfg.Vocabulary, &cfg.Context, &cfg.Classes, &cfg.PaddingIdx)
	return cfg, err
}

// Build makes the model.
func (cfg LSTMClassifier) Build() (any, error) { return lstmclassifier.New(cfg.Config) }

// Reads are tokens, 64 if no length is given.
func (cfg LSTMClassifier) Reads() []Input { return tokens(or(cfg.Context, 64), cfg.Vocabulary) }

// TCN is package tcn: causal convolutions over tokens or series.
type TCN struct {
	tcn.Config `yaml:",inline"`
	Context    int `json:"context" yaml:"context"` // steps of a sequence; it makes no difference to the weights
}

// Validate tells all that is wrong.
func (cfg TCN) Validate() error {
	c := cfg.Config
	if c.InChannels == 0 {
		c.Vocabulary = leastVocabulary(c.Vocabulary, c.PaddingIdx)
	}
	c.Outputs = or(c.Outputs, 1)
	return c.Validate()
}

// Fit takes vocabulary and padding, or the numbers of a step, length and size of
// the output from the data.
func (cfg TCN) Fit(in []Input, out []Output) (Config, error) {
	i, o, err := single("tcn", in, out)
	if err != nil {
		return cfg, err
	}
	s, dt := i.Item.Shape, i.Item.DType
	switch {
	case s.Rank() == 1 && dt.IsInt() && cfg.InChannels == 0:
		if cfg.PaddingIdx == nil {
			cfg.PaddingIdx = i.Padding
		}
		err = fill("tcn", "vocabulary", &cfg.Vocabulary, i.Values)
	case s.Rank() == 2 && dt.IsFloat() && cfg.Vocabulary == 0:
		err = fill("tcn", "in_channels", &cfg.InChannels, s.Dim(1))
	default:
		return cfg, fmt.Errorf("tcn reads tokens [T], with a vocabulary, or numbers [T C], with in_channels, and input %s is %v", i.Name, i.Item)
	}
	return cfg, errors.Join(err, fill("tcn", "context", &cfg.Context, s.Dim(0)), fill("tcn", "outputs", &cfg.Outputs, o.Size))
}

// Build makes the model.
func (cfg TCN) Build() (any, error) { return tcn.New(cfg.Config) }

// Reads are tokens or numbers of 64 steps, if no length is given.
func (cfg TCN) Reads() []Input {
	if cfg.InChannels != 0 {
		return numbers(or(cfg.Context, 64), cfg.InChannels)
	}
	return tokens(or(cfg.Context, 64), cfg.Vocabulary)
}

// Seq2Seq is package seq2seq: a transformer that makes a text of another.
type Seq2Seq struct {
	seq2seq.Config `yaml:",inline"`
}

// defaultSeq2Seq is small: two layers of width 128 on either side.
func defaultSeq2Seq() Seq2Seq {
	return Seq2Seq{seq2seq.Config{Width: 128, Heads: 4, Hidden: 512, EncoderLayers: 2, DecoderLayers: 2, Dropout: 0.1}}
}

// Validate tells all that is wrong.
func (cfg Seq2Seq) Validate() error {
	c := cfg.Config
	c.SourceVocabulary, c.TargetVocabulary = leastVocabulary(c.SourceVocabulary, c.PaddingIdx), leastVocabulary(c.TargetVocabulary, c.PaddingIdx)
	c.Context = or(c.Context, 1)
	return c.Validate()
}

// Fit takes vocabularies, context and padding from the data, which have two inputs
// of tokens: the source, then the target, whose next tokens are guessed. A context
// may be longer than the texts of the data.
func (cfg Seq2Seq) Fit(in []Input, out []Output) (Config, error) {
	err := fitPair("seq2seq", in, out, &cfg.SourceVocabulary, &cfg.TargetVocabulary, &cfg.Context, &cfg.PaddingIdx)
	return cfg, err
}

// fitPair takes the settings of a family that makes one text of another from the
// data.
func fitPair(family string, in []Input, out []Output, sources, targets, context *int, padding **int) error {
	if len(in) != 2 || len(out) != 1 {
		return fmt.Errorf("%s reads two inputs, a source and a target, and guesses the next tokens of the target, and the data have %d inputs and %d targets", family, len(in), len(out))
	}
	for _, i := range in {
		if i.Item.Shape.Rank() != 1 || !i.Item.DType.IsInt() {
			return fmt.Errorf("%s reads tokens [T], and input %s is %v", family, i.Name, i.Item)
		}
	}
	s, t := in[0], in[1]
	if (s.Padding == nil) != (t.Padding == nil) || s.Padding != nil && *s.Padding != *t.Padding {
		return fmt.Errorf("%s wants the same number for padding in inputs %s and %s", family, s.Name, t.Name)
	}
	if *padding == nil {
		*padding = s.Padding
	}
	if out[0].Size != t.Values {
		return fmt.Errorf("%s guesses the tokens of input %s, and the data have %d of them and %d to guess", family, t.Name, t.Values, out[0].Size)
	}
	return errors.Join(
		fill(family, "source_vocabulary", sources, s.Values), fill(family, "target_vocabulary", targets, t.Values),
		atLeast(family, context, max(s.Item.Shape.Dim(0), t.Item.Shape.Dim(0))))
}

// Build makes the model.
func (cfg Seq2Seq) Build() (any, error) { return seq2seq.New(cfg.Config) }

// Reads are the tokens of a source and of a target.
func (cfg Seq2Seq) Reads() []Input {
	return pair(cfg.Context, cfg.SourceVocabulary, cfg.TargetVocabulary)
}

func pair(t, sources, targets int) []Input {
	all := slices.Concat(tokens(t, sources), tokens(t, targets))
	if len(all) == 2 {
		all[0].Name, all[1].Name = "source", "target"
	}
	return all
}

// RNNSeq2Seq is package rnnseq: recurrent layers with attention that make a text of
// another.
type RNNSeq2Seq struct {
	rnnseq.Config `yaml:",inline"`
	Context       int `json:"context" yaml:"context"` // the most tokens of a source or target; it makes no difference to the weights
}

// Validate tells all that is wrong.
func (cfg RNNSeq2Seq) Validate() error {
	c := cfg.Config
	c.SourceVocabulary, c.TargetVocabulary = leastVocabulary(c.SourceVocabulary, c.PaddingIdx), leastVocabulary(c.TargetVocabulary, c.PaddingIdx)
	return c.Validate()
}

// Fit takes vocabularies, context and padding from the data, as that of Seq2Seq.
func (cfg RNNSeq2Seq) Fit(in []Input, out []Output) (Config, error) {
	err := fitPair("rnn_seq2seq", in, out, &cfg.SourceVocabulary, &cfg.TargetVocabulary, &cfg.Context, &cfg.PaddingIdx)
	return cfg, err
}

// Build makes the model.
func (cfg RNNSeq2Seq) Build() (any, error) { return rnnseq.New(cfg.Config) }

// Reads are the tokens of a source and of a target, 64 if no length is given.
func (cfg RNNSeq2Seq) Reads() []Input {
	return pair(or(cfg.Context, 64), cfg.SourceVocabulary, cfg.TargetVocabulary)
}
