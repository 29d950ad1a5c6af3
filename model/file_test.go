package model

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/model/layers"
	"github.com/gradus-ml/gradus/model/lenet"
	"github.com/gradus-ml/gradus/model/mlp"
	"github.com/gradus-ml/gradus/model/resnet"
)

// What is written is read again, and makes the same model.
func TestRoundTrip(t *testing.T) {
	configs := []Config{LeNet{lenet.MNIST()}, MLP{Config: mlp.MNIST()}, ResNet{Config: resnet.ResNet20()}, ResNet{Config: resnet.ResNet18()}}
	for _, f := range families() {
		n, err := New(f.cfg, []Input{f.in}, []Output{{Name: "label", Size: f.size}})
		if err != nil {
			t.Fatal(err)
		}
		configs = append(configs, n.Config)
	}
	for _, cfg := range configs {
		var text bytes.Buffer
		if err := WriteConfig(&text, cfg); err != nil {
			t.Errorf("%T: %v", cfg, err)
			continue
		}
		path := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(path, text.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		n, err := ReadConfig(path)
		if err != nil {
			t.Errorf("%v\n%s", err, &text)
			continue
		}
		if !reflect.DeepEqual(n.Config, cfg) {
			t.Errorf("got %+v, want %+v\n%s", n.Config, cfg, &text)
		}
	}
}

// Files of earlier versions are read.
func TestEarlierFiles(t *testing.T) {
	for _, text := range []string{
		`{"model_type": "lenet", "in_channels": 1, "size": [28, 28], "channels": [32, 64], "hidden": 512, "classes": 10, "dropout": 0}`,
		`{"model_type": "mlp", "sizes": [784, 128, 10]}`,
		`{"model_type": "resnet", "in_channels": 3, "stem": "3x3", "widths": [16, 32, 64], "blocks": [3, 3, 3], "bottleneck": false, "classes": 10}`,
	} {
		n, err := decode([]byte(text), "config.json")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if len(n.Inputs) != 1 {
			t.Errorf("%s reads %v", text, n.Inputs)
		}
	}
}

func TestReadConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "config.json",
		"[]":                                "model_type",
		"{}":                                "model_type",
		`{"model_type":"lanet"}`:            `no model family "lanet"; there are layers, mlp, lenet`,
		`{"model_type":"mlp","size":[1]}`:   "unknown key size",
		`{"model_type":"mlp","sizes":[1]}`:  "at least an input and an output",
		`{"model_type":"lenet","hidden":1}`: "conv1",
		`{"model_type":"mlp","sizes":[9223372036854775807,9223372036854775807]}`: "mlp",
		`{"model_type":"layers","layers":[{"type":"relo"}]}`:                     "relu",
		`{"model_type":"layers","join":"concat","layers":[{"type":"relu"}]}`:     "reads and gives",
	} {
		if _, err := decode([]byte(text), "config.json"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
	if err := WriteConfig(&bytes.Buffer{}, own{}); err == nil {
		t.Error("the config of no family is written")
	}
	if _, err := ReadConfig(filepath.Join(t.TempDir(), "config.json")); !os.IsNotExist(unwrapped(err)) {
		t.Errorf("error %v", err)
	}
}

func unwrapped(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return err
}

// A recipe's section, as a person writes it.
func TestRecipeSection(t *testing.T) {
	text := `
model:
  type: layers
  layers:
    - {type: conv2d, out: 32, kernel: 3}
    - batch_norm
    - relu
    - type: residual
      layers:
        - {type: conv2d, out: 32, kernel: [3, 5], padding: [1, 2]}
    - {type: max_pool, kernel: 2}
    - flatten
    - {type: dropout, p: 0.25}
    - {type: linear, name: head, out: 10}
`
	var section struct {
		Model Config `yaml:"model"`
	}
	if err := config.Decode([]byte(text), "my.yaml", &section, kinds()); err != nil {
		t.Fatal(err)
	}
	image := item("image", dtype.Float32, 0, 3, 12, 12)
	n, err := New(section.Model, []Input{image}, []Output{{Name: "label", Size: 10}})
	if err != nil {
		t.Fatal(err)
	}
	list := n.Config.(Layers).Layers
	if len(list) != 8 || list[2] != (layers.ReLU{}) || !reflect.DeepEqual(list[6], layers.Dropout{P: 0.25}) {
		t.Errorf("layers are %+v", list)
	}
	for wrong, want := range map[string]string{
		"{type: layers, layers: [{type: conv2d, out: 32, kernal: 3}]}":                             "unknown key kernal in model.layers.0 of type conv2d",
		"{type: layers, layers: [{type: linear, out: x}]}":                                         "model.layers.0.out wants a whole number",
		"{type: layers, layers: [batchnorm]}":                                                      "batch_norm",
		"{type: layers, inputs: {image: [flaten]}}":                                                "flatten",
		"{type: layers, layers: [{type: residual, layers: [{type: conv2d, padding_mode: zero}]}]}": "zeros",
		"{type: lenet, clases: 3}":                                                                 "unknown key clases in model of type lenet",
	} {
		err := config.Decode([]byte("model: "+wrong), "my.yaml", &section, kinds())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", wrong, err, want)
		}
	}
	// a mistake that only the data show stands under its key
	d, err := config.Parse([]byte("model:\n  type: layers\n  layers:\n    - relu\n    - {type: linear, out: 10}\n"), "my.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Decode(&section, kinds()); err != nil {
		t.Fatal(err)
	}
	_, err = New(section.Model, []Input{image}, []Output{{Name: "label", Size: 10}})
	if got := d.Locate(config.Under("model", err)); got == nil || !strings.HasPrefix(got.Error(), "my.yaml:5:7: model.layers.1: linear: wants [B D]") {
		t.Errorf("error %v", got)
	}
}

// A config from elsewhere can't take the machine's memory with a number.
func TestHugeNumbers(t *testing.T) {
	for name, f := range families() {
		n, err := New(f.cfg, []Input{f.in}, []Output{{Name: "label", Size: f.size}})
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := WriteConfig(&text, n.Config); err != nil {
			t.Fatal(err)
		}
		numbers := regexp.MustCompile(`\b\d+\b`)
		for _, at := range numbers.FindAllIndex(text.Bytes(), -1) {
			for _, v := range []string{"-1", "0", "1099511627776", "9223372036854775807"} {
				huge := string(text.Bytes()[:at[0]]) + v + string(text.Bytes()[at[1]:])
				start := time.Now()
				_, _ = decode([]byte(huge), "config.json") // no panic, and no long way to the error
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("%s: it takes %v with %s in\n%s", name, took, v, huge)
				}
			}
		}
	}
}

// Whatever a config.json holds, reading it ends with a model or an error.
func FuzzReadConfig(f *testing.F) {
	for _, g := range families() {
		n, err := New(g.cfg, []Input{g.in}, []Output{{Name: "label", Size: g.size}})
		if err != nil {
			f.Fatal(err)
		}
		var text bytes.Buffer
		if err := WriteConfig(&text, n.Config); err != nil {
			f.Fatal(err)
		}
		f.Add(text.Bytes())
	}
	f.Add([]byte(`{"model_type":"layers","join":"concat","layers":[{"type":"repeat","times":2,"layers":[{"type":"residual","layers":["relu"]}]},{"type":"parallel","branches":[["tanh"],[]]}],"reads":[{"name":"x","dtype":"f32","shape":[3]}],"gives":[{"name":"y","size":6}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := decode(text, "config.json")
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteConfig(&again, n.Config); err != nil {
			t.Errorf("%s is read and can't be written: %v", text, err)
		}
	})
}
