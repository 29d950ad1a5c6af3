package tensorflow

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/columns"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/tensorflow/pb"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// elements are those of a tensor, as float64.
func elements(t *tensor.Tensor) []float64 {
	var list []float64
	for i := range t.Size() {
		list = append(list, t.Float(i))
	}
	return list
}

func TestTensors(t *testing.T) {
	floats := binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.5))
	floats = binary.LittleEndian.AppendUint32(floats, math.Float32bits(-2))
	for i, c := range []struct {
		p    *pb.TensorProto
		want string
		x    []float64
	}{
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{2}), FloatVal: []float32{0.5, -2}}, "f32[2]", []float64{0.5, -2}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{1, 2}), TensorContent: floats}, "f32[1 2]", []float64{0.5, -2}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{3}), FloatVal: []float32{1, 7}}, "f32[3]", []float64{1, 7, 7}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{2})}, "f32[2]", []float64{0, 0}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, FloatVal: []float32{3}}, "f32[]", []float64{3}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_DOUBLE, TensorShape: protoShape([]int{1}), DoubleVal: []float64{0.1}}, "f64[1]", []float64{0.1}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_INT32, TensorShape: protoShape([]int{1}), IntVal: []int32{-5}}, "i32[1]", []float64{-5}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_INT64, TensorShape: protoShape([]int{1}), Int64Val: []int64{1 << 40}}, "i64[1]", []float64{1 << 40}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_UINT32, TensorShape: protoShape([]int{1}), Uint32Val: []uint32{math.MaxUint32}}, "u32[1]", []float64{math.MaxUint32}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_UINT64, TensorShape: protoShape([]int{1}), Uint64Val: []uint64{1 << 63}}, "u64[1]", []float64{1 << 63}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_BOOL, TensorShape: protoShape([]int{2}), BoolVal: []bool{true, false}}, "bool[2]", []float64{1, 0}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_BOOL, TensorShape: protoShape([]int{3}), TensorContent: []byte{0, 1, 200}}, "bool[3]", []float64{0, 1, 1}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_UINT8, TensorShape: protoShape([]int{2}), IntVal: []int32{0, 255}}, "u8[2]", []float64{0, 255}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_UINT8, TensorShape: protoShape([]int{2}), TensorContent: []byte{3, 254}}, "u8[2]", []float64{3, 254}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_INT8, TensorShape: protoShape([]int{2}), TensorContent: []byte{3, 254}}, "i32[2]", []float64{3, -2}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_INT8, TensorShape: protoShape([]int{2}), IntVal: []int32{-128, 127}}, "i32[2]", []float64{-128, 127}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_INT16, TensorShape: protoShape([]int{2}), TensorContent: []byte{1, 2, 255, 255}}, "i32[2]", []float64{513, -1}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_UINT16, TensorShape: protoShape([]int{2}), TensorContent: []byte{1, 2, 255, 255}}, "i32[2]", []float64{513, 65535}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_HALF, TensorShape: protoShape([]int{2}), HalfVal: []int32{0x3c00, 0xc000}}, "f16[2]", []float64{1, -2}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_HALF, TensorShape: protoShape([]int{1}), TensorContent: []byte{0, 0x3c}}, "f16[1]", []float64{1}},
		{&pb.TensorProto{Dtype: pb.DataType_DT_BFLOAT16, TensorShape: protoShape([]int{1}), HalfVal: []int32{0x3f80}}, "bf16[1]", []float64{1}},
	} {
		a, err := arrayOf(c.p)
		if err != nil {
			t.Errorf("%d: %v", i, err)
		} else if got := elements(a.Numbers); a.Numbers.String() != c.want || !slices.Equal(got, c.x) {
			t.Errorf("%d: got %v %v, want %v %v", i, a, got, c.want, c.x)
		}
	}
	a, err := arrayOf(&pb.TensorProto{Dtype: pb.DataType_DT_STRING, TensorShape: protoShape([]int{3}), StringVal: [][]byte{[]byte("a"), []byte("b")}})
	if err != nil || a.String() != "strings[3]" || string(a.Strings[0])+string(a.Strings[1])+string(a.Strings[2]) != "abb" {
		t.Errorf("got %v %s, %v", a, a.Strings, err)
	}
}

func TestTensorErrors(t *testing.T) {
	long := make([]int, 9)
	for _, c := range []struct {
		p    *pb.TensorProto
		want string
	}{
		{&pb.TensorProto{}, "tensors of DT_INVALID are not taken"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_RESOURCE}, "tensors of DT_RESOURCE are not taken"},
		{&pb.TensorProto{Dtype: 4711}, "tensors of 4711 are not taken"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: &pb.TensorShapeProto{UnknownRank: true}}, "has no shape"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape(long)}, "has 9 axes, at most 8 are taken"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{-1})}, "has shape [-1], which no tensor has"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{math.MaxInt, math.MaxInt})}, "has an extent of 9223372036854775807, at most 2147483647 are taken"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{math.MaxInt32, math.MaxInt32, math.MaxInt32})}, "which no tensor has"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{1 << 40, 0})}, "has an extent of 1099511627776, at most 2147483647 are taken"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_STRING, TensorShape: protoShape([]int{0, 1 << 31})}, "has an extent of 2147483648, at most 2147483647 are taken"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{2}), TensorContent: make([]byte, 7)}, "tensor_content has 7 bytes, want 8 for DT_FLOAT[2]"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{math.MaxInt32}), TensorContent: make([]byte, 7)}, "tensor_content has 7 bytes"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_INT16, TensorShape: protoShape([]int{2}), TensorContent: make([]byte, 3)}, "tensor_content has 3 bytes, want 4 for DT_INT16[2]"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{2}), FloatVal: []float32{1, 2, 3}}, "has 3 values, want 2 for shape [2]"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{1 << 19}), FloatVal: []float32{1}}, "has 1 values for shape [524288]; at most 1048576 bytes are made by repeating the last one"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{math.MaxInt32})}, "has 0 values for shape"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_STRING, TensorShape: protoShape([]int{math.MaxInt32})}, "has 0 values for shape"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_STRING, TensorShape: protoShape([]int{1}), TensorContent: []byte{1, 'a'}}, "strings stand in string_val, and not in tensor_content"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_UINT8, TensorShape: protoShape([]int{1}), IntVal: []int32{256}}, "element 0: 256 is no uint8"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_INT8, TensorShape: protoShape([]int{1}), IntVal: []int32{128}}, "element 0: 128 is no int8"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_UINT16, TensorShape: protoShape([]int{1}), IntVal: []int32{-1}}, "element 0: -1 is no uint16"},
		{&pb.TensorProto{Dtype: pb.DataType_DT_HALF, TensorShape: protoShape([]int{1}), HalfVal: []int32{-1}}, "element 0: -1 is not the bits of a float of 16"},
	} {
		if _, err := arrayOf(c.p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// What an answer holds is read as what it was.
func TestTensorsBack(t *testing.T) {
	for _, x := range []*tensor.Tensor{
		tensor.Must(tensor.Of([]float32{0.5, -1}, 1, 2)),
		tensor.Must(tensor.Of([]float64{0.1, math.Inf(1)}, 2)),
		tensor.Must(tensor.Of([]int32{-7, 7}, 2, 1)),
		tensor.Must(tensor.Of([]int64{math.MinInt64, 7})),
		tensor.Must(tensor.Of([]uint32{7, math.MaxUint32})),
		tensor.Must(tensor.Of([]uint64{7, math.MaxUint64})),
		tensor.Must(tensor.Of([]uint8{0, 255})),
		tensor.Must(tensor.Of([]bool{true, false})),
		tensor.Must(tensor.Of([]dtype.F16{dtype.NewF16(0.1), dtype.NewF16(-2)})),
		tensor.Must(tensor.Of([]dtype.BF16{dtype.NewBF16(0.1), dtype.NewBF16(-2)})),
	} {
		a, err := arrayOf(protoOf(&engine.Answer{Tensor: x}, 2))
		if err != nil || a.Numbers.String() != x.String() || string(a.Numbers.Bytes()) != string(x.Bytes()) {
			t.Errorf("%v: got %v, %v", x, a, err)
		}
	}
}

// Whatever a tensor is, what is made of it has the shape that it tells, and is
// not much larger than the message.
func FuzzTensor(f *testing.F) {
	for _, p := range []*pb.TensorProto{
		{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{2}), FloatVal: []float32{1}},
		{Dtype: pb.DataType_DT_INT16, TensorShape: protoShape([]int{1, 2}), TensorContent: []byte{1, 2, 3, 4}},
		{Dtype: pb.DataType_DT_STRING, TensorShape: protoShape([]int{2}), StringVal: [][]byte{{1}, {2}}},
		{Dtype: pb.DataType_DT_HALF, TensorShape: protoShape([]int{math.MaxInt}), HalfVal: []int32{1}},
		{Dtype: pb.DataType_DT_FLOAT, TensorShape: protoShape([]int{math.MaxInt32, 0})},
		{Dtype: pb.DataType_DT_STRING, TensorShape: protoShape([]int{math.MaxInt32, 0})},
		{Dtype: pb.DataType_DT_DOUBLE, TensorShape: protoShape([]int{1 << 40, 0})},
		{Dtype: pb.DataType_DT_UINT8, TensorShape: protoShape([]int{0, math.MaxInt32})},
	} {
		b, err := proto.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &pb.TensorProto{}
		if proto.Unmarshal(b, p) != nil {
			return
		}
		a, err := arrayOf(p)
		if err != nil {
			return
		}
		for _, c := range []feature.Raw{
			{Kind: feature.RawNumber}, {Kind: feature.RawText}, {Kind: feature.RawImage, Pixels: [3]int{1, 2, 2}},
			{Kind: feature.RawArray, DType: dtype.Float32, Shape: shape.Of(2)},
		} {
			if values, err := columns.Values(c, a); err == nil && len(values) != a.N() {
				t.Fatalf("%d values of %v", len(values), a)
			}
		}
		if a.Numbers == nil {
			n := 1
			for _, d := range a.Shape {
				n *= d
			}
			if len(a.Strings) != n {
				t.Fatalf("%d strings of %v", len(a.Strings), a)
			}
			return
		}
		if n := len(a.Numbers.Bytes()); n > max(mostRepeated, 8*len(b)) {
			t.Fatalf("%d bytes made of %d", n, len(b))
		}
	})
}

// Whatever examples are, they make a request or an error for the client.
func FuzzExamples(f *testing.F) {
	s := New(enginetest.Engine(f, enginetest.Penguins))
	info, err := s.engine.Info("penguins", "")
	if err != nil {
		f.Fatal(err)
	}
	g := &signature{Signature: &info.Signature}
	b, err := proto.Marshal(&pb.Input{Kind: &pb.Input_ExampleListWithContext{ExampleListWithContext: &pb.ExampleListWithContext{
		Examples: []*pb.Example{{Features: &pb.Features{Feature: map[string]*pb.Feature{"body_mass_g": {Kind: &pb.Feature_FloatList{FloatList: &pb.FloatList{Value: []float32{1}}}}}}}},
		Context:  &pb.Example{Features: &pb.Features{Feature: map[string]*pb.Feature{"sex": {Kind: &pb.Feature_BytesList{BytesList: &pb.BytesList{Value: [][]byte{[]byte("male")}}}}}}},
	}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	if b, err = proto.Marshal(wide(3, 3)); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &pb.Input{}
		if proto.Unmarshal(b, p) != nil {
			return
		}
		examples, err := protoExamples(p)
		if err == nil {
			err = g.fill(examples, &engine.Request{})
		}
		if err != nil && engine.AsError(err).Code == engine.Internal {
			t.Fatal(err)
		}
	})
}
