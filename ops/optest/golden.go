package optest

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

//go:embed testdata/*.safetensors
var goldens embed.FS

// Attrs are the attributes of a case of reference values.
type Attrs map[string]json.RawMessage

// get decodes an attribute; one that is absent or null gives the zero value.
func get[T any](a Attrs, name string) (v T) {
	if raw, ok := a[name]; ok {
		if err := json.Unmarshal(raw, &v); err != nil {
			panic(fmt.Sprintf("optest: internal error: attribute %s is %s", name, raw))
		}
	}
	return v
}

// Op is the name of the op.
func (a Attrs) Op() string { return get[string](a, "op") }

// Int is a whole number.
func (a Attrs) Int(name string) int { return get[int](a, name) }

// Float is a number.
func (a Attrs) Float(name string) float64 { return get[float64](a, name) }

// Ints is a list of whole numbers.
func (a Attrs) Ints(name string) []int { return get[[]int](a, name) }

// Bool is true or false.
func (a Attrs) Bool(name string) bool { return get[bool](a, name) }

// Text is a string.
func (a Attrs) Text(name string) string { return get[string](a, name) }

// Has reports whether the attribute is there and not null.
func (a Attrs) Has(name string) bool { return len(a[name]) > 0 && string(a[name]) != "null" }

// Golden makes cases of testdata/FILE.safetensors, whose format tools/goldens/README.md
// describes. build returns the case's Build, or nil to leave the case out. The
// gradients of these cases are checked against the reference, so NoGrad is set.
func Golden(file string, build func(name string, a Attrs) func(in []*ir.Value) []*ir.Value) []Case {
	check := func(err error) {
		if err != nil {
			panic(fmt.Sprintf("optest: internal error: golden file %s: %v", file, err))
		}
	}
	mem, err := goldens.ReadFile("testdata/" + file + ".safetensors")
	check(err)
	f, err := safetensors.NewFile(bytes.NewReader(mem), int64(len(mem)), file)
	check(err)
	var attrs map[string]Attrs
	check(json.Unmarshal([]byte(f.Metadata()["cases"]), &attrs))
	parts := map[string]map[string][]*tensor.Tensor{} // case, then in, out, gout, gin
	for _, key := range f.Names() {
		t, err := f.Tensor(key)
		check(err)
		name, rest, _ := strings.Cut(key, "/")
		part, number, _ := strings.Cut(rest, "/")
		if parts[name] == nil {
			parts[name] = map[string][]*tensor.Tensor{}
		}
		i := 0
		_, err = fmt.Sscan(number, &i)
		check(err)
		list := parts[name][part]
		for len(list) <= i {
			list = append(list, nil)
		}
		list[i] = t
		parts[name][part] = list
	}
	var cases []Case
	for name, a := range attrs {
		b := build(name, a)
		if b == nil {
			continue
		}
		p := parts[name]
		cases = append(cases, Case{
			Name: "torch/" + name, Golden: file + "/" + name, In: p["in"], Build: b,
			Want: p["out"], Gout: p["gout"], WantGrad: p["gin"], NoGrad: true,
		})
	}
	slices.SortFunc(cases, func(a, b Case) int { return strings.Compare(a.Name, b.Name) })
	return cases
}
