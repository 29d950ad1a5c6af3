// Resnet50 writes a folder as a run leaves it: a ResNet-50 for colour images of
// 224x224 in 1000 classes, with weights that are drawn and not trained. How fast
// it is answered with does not depend on what the weights are.
//
//	go run ./tools/serve/load/resnet50 DIR
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/model/resnet"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/train"
)

const preprocess = `{
  "format": 1,
  "inputs": [
    {"type": "image", "name": "image", "column": "image", "mode": "rgb", "size": [224, 224], "fit": "cover", "zoom": 1.14,
      "filter": "bilinear", "background": null, "augment": [], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "max_pixels": 89478485}
  ],
  "targets": [
    {"type": "class", "name": "label", "column": "label", "rename": {}, "classes": %s, "counts": %s}
  ],
  "weight": null
}
`

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: resnet50 DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "resnet50:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	cfg := resnet.ResNet50()
	var classes []string
	counts := make([]int, cfg.Classes)
	for i := range counts {
		classes = append(classes, "class "+strconv.Itoa(i))
		counts[i] = 1
	}
	names, err := json.Marshal(classes)
	if err != nil {
		return err
	}
	numbers, err := json.Marshal(counts)
	if err != nil {
		return err
	}
	config, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	config = append([]byte(`{"model_type":"resnet",`), config[1:]...)
	for name, text := range map[string][]byte{
		train.ConfigFile:     config,
		train.PreprocessFile: fmt.Appendf(nil, preprocess, names, numbers),
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			return err
		}
	}
	network, err := model.ReadConfig(filepath.Join(dir, filepath.FromSlash(train.ConfigFile)))
	if err != nil {
		return err
	}
	b, err := recipe.ThisMachine().Backend()
	if err != nil {
		return err
	}
	store, err := exec.NewStore(b, network.Module, exec.Seed(1))
	if err != nil {
		return err
	}
	defer store.Close()
	return train.SaveModel(filepath.Join(dir, filepath.FromSlash(train.WeightsFile)), store, "")
}
