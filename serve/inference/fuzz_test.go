package inference

import (
	"math"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/inference/pb"
	"github.com/gradus-ml/gradus/shape"
)

// everything is a signature with a column of every kind.
var everything = &engine.Signature{
	Columns: []feature.Raw{
		{Name: "image", Kind: feature.RawImage, Pixels: [3]int{1, 2, 2}}, {Name: "age", Kind: feature.RawNumber, Missing: true},
		{Name: "kind", Kind: feature.RawCategory}, {Name: "text", Kind: feature.RawText}, {Name: "day", Kind: feature.RawTime},
		{Name: "sound", Kind: feature.RawAudio}, {Name: "array", Kind: feature.RawArray, DType: dtype.Float32, Shape: shape.Of(2)},
	},
	Tensors: []engine.Tensor{{Name: "image", DType: dtype.Float32, Shape: shape.Of(1, 2, 2)}, {Name: "array", DType: dtype.Int64, Shape: shape.Of(2)}},
}

// tryFill does with a call what comes before the engine.
func tryFill(t *testing.T, c *call) {
	r := &engine.Request{}
	if err := c.fill(r, everything); err != nil {
		if e := engine.AsError(err); e.Code != engine.Invalid {
			t.Fatalf("code %v: %v", e.Code, err)
		}
		return
	}
	for name, values := range r.Columns {
		if len(values) != r.N || r.N < 1 {
			t.Fatalf("%s has %d values of %d", name, len(values), r.N)
		}
	}
	for name, x := range r.Tensors {
		if x.Shape().Dim(0) != r.N || len(x.Bytes()) != x.Size()*x.DType().Size() {
			t.Fatalf("%s is %v, of %d examples", name, x, r.N)
		}
	}
}

// FuzzREST reads bodies of JSON with binary data behind, which begins at n.
func FuzzREST(f *testing.F) {
	add := func(head, binary string) { f.Add([]byte(head+binary), strconv.Itoa(len(head))) }
	add(`{"inputs":[{"name":"image","shape":[1,2,2],"datatype":"UINT8","parameters":{"binary_data_size":4}}]}`, "\x00\x01\x02\x03")
	add(`{"parameters":{"preprocessed":true},"inputs":[{"name":"image","shape":[1,1,2,2],"datatype":"FP16","parameters":{"binary_data_size":8}}]}`, "12345678")
	add(`{"inputs":[{"name":"text","shape":[2,1],"datatype":"BYTES","parameters":{"binary_data_size":11}}]}`, "\x01\x00\x00\x00a\x02\x00\x00\x00bc")
	for _, body := range []string{
		`{"id":"1","inputs":[{"name":"age","shape":[2],"datatype":"FP64","data":[1,null]},{"name":"kind","shape":[2],"datatype":"INT8","data":[1,-2]},{"name":"day","shape":[2],"datatype":"BYTES","data":["a","b"]}]}`,
		`{"inputs":[{"name":"array","shape":[1,2],"datatype":"BF16","data":[[1,2.5]]},{"name":"sound","shape":[1],"datatype":"BYTES","parameters":{"content_type":"base64"},"data":["UklGRg=="]}],"outputs":[{"name":"label","parameters":{"classification":3,"binary_data":true}}]}`,
		`{"parameters":{"timeout":5,"priority":1,"binary_data_output":true,"sequence_id":1},"inputs":[{"name":"age","shape":[4294967296,4294967296,0],"datatype":"BOOL","data":[true]}]}`,
	} {
		f.Add([]byte(body), "")
	}
	for _, dims := range []string{"[2147483647,0]", "[1099511627776,0]", "[0,2147483647]"} {
		for _, datatype := range []string{"FP32", "BYTES"} {
			for _, name := range []string{"age", "text", "image", "array"} {
				f.Add([]byte(`{"inputs":[{"name":"`+name+`","datatype":"`+datatype+`","shape":`+dims+`,"data":[]}]}`), "")
				add(`{"inputs":[{"name":"`+name+`","datatype":"`+datatype+`","shape":`+dims+`,"parameters":{"binary_data_size":0}}]}`, "")
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		doc, c, err := decode(body, header)
		if err != nil {
			if e := engine.AsError(err); e.Code != engine.Invalid && e.Code != engine.TooLarge {
				t.Fatalf("code %v: %v", e.Code, err)
			}
			return
		}
		tryFill(t, c)
		doc.Free()
	})
}

// FuzzMessage reads messages of gRPC.
func FuzzMessage(f *testing.F) {
	for _, m := range []*pb.ModelInferRequest{
		imageMessage(1),
		{Inputs: []*pb.ModelInferRequest_InferInputTensor{{Name: "age", Datatype: "FP32", Shape: []int64{2, 1}, Contents: &pb.InferTensorContents{Fp32Contents: []float32{1, 2}}}}},
		{Inputs: []*pb.ModelInferRequest_InferInputTensor{{Name: "text", Datatype: "BYTES", Shape: []int64{1}, Contents: &pb.InferTensorContents{BytesContents: [][]byte{{1}}}}},
			Parameters: map[string]*pb.InferParameter{"timeout": {ParameterChoice: &pb.InferParameter_Int64Param{Int64Param: 1}}, "preprocessed": {}}},
		{Inputs: []*pb.ModelInferRequest_InferInputTensor{{Name: "kind", Datatype: "INT64", Shape: []int64{1 << 40, 1 << 40}}},
			Outputs: []*pb.ModelInferRequest_InferRequestedOutputTensor{{Name: "label", Parameters: map[string]*pb.InferParameter{"classification": nil}}}},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, dims := range [][]int64{{math.MaxInt32, 0}, {1 << 40, 0}, {0, math.MaxInt32}} {
		for _, datatype := range []string{"FP32", "BYTES"} {
			for _, raw := range [][][]byte{nil, {{}}} {
				b, err := proto.Marshal(&pb.ModelInferRequest{Inputs: []*pb.ModelInferRequest_InferInputTensor{{Name: "age", Datatype: datatype, Shape: dims}}, RawInputContents: raw})
				if err != nil {
					f.Fatal(err)
				}
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &pb.ModelInferRequest{}
		if proto.Unmarshal(b, m) != nil {
			return
		}
		c, err := decodeMessage(m)
		if err != nil {
			if e := engine.AsError(err); e.Code != engine.Invalid {
				t.Fatalf("code %v: %v", e.Code, err)
			}
			return
		}
		tryFill(t, c)
	})
}
