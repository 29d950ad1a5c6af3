package model

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// In float32 on the CPU a step of a small network of each family for images is
// that of the reference in float64, to 1e-4 of the largest element of each tensor.
func TestFloat32(t *testing.T) {
	// The tests of the families have these too, in float64.
	residual := `{"kernel": %d, "expanded": %d, "channels": 8, "squeeze_excitation": %t, "hardswish": %t, "stride": %d}`
	configs := map[string]string{
		"vgg/testdata/step":           `"vgg", "widths": [4, 6], "blocks": [1, 2], "batch_norm": false, "grid": 2, "hidden": 8, "dropout": 0`,
		"vgg/testdata/norm_step":      `"vgg", "widths": [4, 6], "blocks": [1, 2], "grid": 2, "hidden": 8, "dropout": 0`,
		"resnet/testdata/groups_step": `"resnet", "widths": [4], "blocks": [2], "bottleneck": true, "groups": 2, "group_width": 32`,
		"mobilenet/testdata/step": `"mobilenet", "stem": 4, "last": 8, "divisor": 1, "dropout": 0, "stages": [
			{"expand": 1, "channels": 3, "blocks": 1, "stride": 1}, {"expand": 2, "channels": 5, "blocks": 2, "stride": 2}]`,
		"mobilenetv3/testdata/step": `"mobilenet_v3", "stem": 8, "hidden": 8, "dropout": 0, "residuals": [` +
			fmt.Sprintf(residual, 3, 8, false, false, 1) + "," + fmt.Sprintf(residual, 5, 16, true, false, 1) + "," +
			fmt.Sprintf(residual, 3, 16, false, true, 2) + "," + fmt.Sprintf(residual, 5, 8, true, true, 1) + "]",
		"efficientnet/testdata/step": `"efficientnet", "stem": 8, "dropout": 0, "drop_path": 0, "stages": [
			{"fused": false, "expand": 1, "kernel": 3, "stride": 1, "channels": 8, "blocks": 1}, {"fused": false, "expand": 2, "kernel": 5, "stride": 2, "channels": 8, "blocks": 2}]`,
		"convnext/testdata/step":      `"convnext", "patch": 4, "widths": [4, 6], "blocks": [1, 2]`,
		"unet/testdata/step":          `"unet", "widths": [4, 6, 8]`,
		"unet/testdata/bilinear_step": `"unet", "widths": [4, 6, 8], "bilinear": true`,
		"vit/testdata/step":           `"vit", "size": 6, "patch": 3, "layers": 2, "width": 8, "heads": 2, "hidden": 12, "classes": 5`,
	}
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		t.Run(name, func(t *testing.T) {
			text := `{"model_type": ` + configs[name] + `, "in_channels": 3`
			if !strings.Contains(text, `"classes"`) {
				text += `, "classes": 10`
			}
			float32Step(t, text+"}", name+".safetensors")
		})
	}
}

// The settings of a network for sequences stand in its file, under the name of its
// kind.
func TestFloat32OfSequences(t *testing.T) {
	files, err := filepath.Glob("*/testdata/*step.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, path := range files {
		var cases map[string]json.RawMessage
		moduletest.Open(t, path).Cases(&cases)
		for _, k := range Kinds() {
			if settings, ok := cases[k.Name]; ok && !bytes.Contains(settings, []byte(`"op"`)) { // which stands for settings elsewhere
				seen++
				t.Run(path, func(t *testing.T) {
					float32Step(t, fmt.Sprintf(`{"model_type": %q, %s`, k.Name, settings[1:]), path)
				})
			}
		}
	}
	if seen < 12 {
		t.Errorf("only %d files", seen)
	}
}

// float32Step checks a step of the model of a config.json.
func float32Step(t *testing.T, config, path string) {
	t.Helper()
	n, err := decode([]byte(config), path)
	if err != nil {
		t.Fatal(err)
	}
	g := moduletest.Open(t, path)
	s, err := exec.NewStore(cpu.New(), n.Module)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, n := range g.Names() {
		kind, key, _ := strings.Cut(n, "/")
		if kind == "param" || kind == "state" {
			if err := s.Set(key, toFloat32(g.Tensor(n))); err != nil {
				t.Fatal(err)
			}
		}
	}
	params := module.ParamList(s.Params())
	step := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		last := len(in) - 1
		logits := n.Map(c.Train(), in[:last])[0]
		scores, classes := logits, in[last]
		if classes.Rank() == 2 { // of steps
			scores = ops.Transpose(logits, 0, 2, 1)
		}
		l := loss.CrossEntropy(scores, classes)
		return append([]*ir.Value{l, logits}, grad.Of(l, c.Params(params)...)...)
	})
	var operands []*tensor.Tensor
	for i := range 3 {
		if name := fmt.Sprintf("in/%d", i); slices.Contains(g.Names(), name) {
			operands = append(operands, toFloat32(g.Tensor(name)))
		}
	}
	out, err := step.Run(context.Background(), operands...)
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want *tensor.Tensor) {
		most, off := 0.0, 0.0
		for i := range want.Size() {
			most, off = max(most, math.Abs(want.Float(i))), max(off, math.Abs(want.Float(i)-got.Float(i)))
		}
		if !(off <= 1e-4*most+1e-7) {
			t.Errorf("%s is off by %v, the largest is %v", what, off, most)
		}
	}
	near("loss", out[0], g.Tensor("out/0"))
	near("logits", out[1], g.Tensor("out/1"))
	for i, p := range params {
		near("gradient of "+p.Key, out[2+i], g.Tensor("grad/"+p.Key))
	}
	for _, st := range s.States() {
		got, err := s.Get(st.Key)
		if err != nil {
			t.Fatal(err)
		}
		want := "after/" + st.Key
		if !slices.Contains(g.Names(), want) {
			want = "state/" + st.Key // which no step changes
		}
		near(st.Key, got, g.Tensor(want))
	}
}

// toFloat32 is a float64 tensor in float32; others stay.
func toFloat32(x *tensor.Tensor) *tensor.Tensor {
	if x.DType() != dtype.Float64 {
		return x
	}
	y := tensor.New(dtype.Float32, x.Shape())
	for i := range x.Size() {
		y.SetFloat(i, x.Float(i))
	}
	return y
}
