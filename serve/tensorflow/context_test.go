package tensorflow

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/jsondoc"
	"github.com/gradus-ml/gradus/serve/tensorflow/pb"
	"github.com/gradus-ml/gradus/shape"
)

// wide is a context of some features and examples without any.
func wide(features, examples int) *pb.Input {
	shared := map[string]*pb.Feature{}
	for i := range features {
		shared[fmt.Sprint("f", i)] = &pb.Feature{Kind: &pb.Feature_Int64List{Int64List: &pb.Int64List{Value: []int64{1}}}}
	}
	list := make([]*pb.Example, examples)
	for k := range list {
		list[k] = &pb.Example{}
	}
	return &pb.Input{Kind: &pb.Input_ExampleListWithContext{ExampleListWithContext: &pb.ExampleListWithContext{
		Examples: list, Context: &pb.Example{Features: &pb.Features{Feature: shared}},
	}}}
}

// A context is not copied into the examples: what it holds, times their number,
// would be gigabytes for a body of 400 kB.
func TestContextIsNotCopied(t *testing.T) {
	const features, n = 1000, mostExamples
	var body strings.Builder
	body.WriteString(`{"context":{`)
	for i := range features {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `"f%d":1`, i)
	}
	body.WriteString(`},"examples":[{}` + strings.Repeat(",{}", n-1) + `]}`)
	g := &signature{Signature: &engine.Signature{Columns: []feature.Raw{{Name: "f0", Kind: feature.RawNumber}}}}
	for name, read := range map[string]func() (*examples, error){
		"REST": func() (*examples, error) {
			doc, err := jsondoc.Parse([]byte(body.String()), jsondoc.DefaultLimits())
			if err != nil {
				return nil, err
			}
			return examplesOf(doc.Root())
		},
		"gRPC": func() (*examples, error) { return protoExamples(wide(features, n)) },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		all, err := read()
		if err != nil {
			t.Fatal(err)
		}
		err = g.fill(all, &engine.Request{})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), `context: there is no feature "f`) {
			t.Errorf("%s: got %v", name, err)
		}
		if made := after.TotalAlloc - before.TotalAlloc; made > 128<<20 {
			t.Errorf("%s: %d bytes were made", name, made)
		}
	}
}

// What the context has, every example has; an input of the network that is made
// of it is bounded.
func TestContextIsShared(t *testing.T) {
	l := list{ints: []int64{3, 4}}
	all := &examples{list: make([]example, 3), shared: example{"x": l}}
	sig := &engine.Signature{
		Columns: []feature.Raw{{Name: "x", Kind: feature.RawArray, DType: dtype.Uint8, Shape: shape.Of(2)}},
		Tensors: []engine.Tensor{{Name: "x", DType: dtype.Uint8, Shape: shape.Of(2)}},
	}
	r := &engine.Request{}
	if err := (&signature{Signature: sig}).fill(all, r); err != nil {
		t.Fatal(err)
	}
	if v := r.Columns["x"]; r.N != 3 || len(v) != 3 || v[0] != v[2] {
		t.Errorf("got %v", v)
	}
	r = &engine.Request{}
	if err := (&signature{sig, true}).fill(all, r); err != nil {
		t.Fatal(err)
	}
	if x := r.Tensors["x"]; x.Shape() != shape.Of(3, 2) || !bytes.Equal(x.Bytes(), []byte{3, 4, 3, 4, 3, 4}) {
		t.Errorf("got %v %v", x, x.Bytes())
	}

	large := &engine.Signature{Tensors: []engine.Tensor{{Name: "x", DType: dtype.Float32, Shape: shape.Of(1 << 10)}}}
	all = &examples{list: make([]example, mostExamples), shared: example{"x": list{ints: make([]int64, 1<<10)}}}
	err := (&signature{large, true}).fill(all, &engine.Request{})
	if engine.AsError(err).Code != engine.TooLarge {
		t.Errorf("got %v", err)
	}
}
