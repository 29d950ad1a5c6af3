package inference

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// message is the text of an answer that is an error.
func message(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var e struct{ Error string }
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Error == "" {
		t.Errorf("%d %s is no error", w.Code, w.Body)
	}
	return e.Error
}

func TestErrors(t *testing.T) {
	h := handler(t, enginetest.Digits, enginetest.Mail, enginetest.Penguins)
	image := `{"name":"image","shape":[1,784],"datatype":"UINT8","data":` + pixels(1) + `}`
	for _, c := range []struct{ body, want string }{
		{``, `JSON at byte 0: want a value, got the end`},
		{`[]`, `want an object with "inputs", got an array`},
		{`{}`, `the request has no inputs`},
		{`{"inputs":[]}`, `the request has no inputs`},
		{`{"inputs":{}}`, `inputs: want an array, got an object`},
		{`{"inputs":[1]}`, `inputs[0]: want an object, got a number`},
		{`{"id":7}`, `id: want a string, got a number`},
		{`{"parameters":[]}`, `parameters: want an object, got an array`},
		{`{"parameters":{"preprocessed":1}}`, `parameters.preprocessed: want true or false, got a number`},
		{`{"parameters":{"binary_data_output":"yes"}}`, `parameters.binary_data_output: want true or false, got a string`},
		{`{"parameters":{"sequence_id":4}}`, `parameters.sequence_id: models of this server keep no state between requests; leave out the sequence`},
		{`{"inputs":[{"shape":[1],"datatype":"FP32","data":[1]}]}`, `inputs[0]: want a name`},
		{`{"inputs":[{"name":"image","datatype":"FP32","data":[1]}]}`, `inputs[0]: want a shape`},
		{`{"inputs":[{"name":"image","shape":[1],"data":[1]}]}`, `inputs[0]: want a datatype`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"FP32"}]}`, `inputs[0]: want data, or binary data and their binary_data_size`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"float32","data":[1]}]}`, `inputs[0].datatype: there is no datatype "float32"; BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64, BF16 and BYTES are`},
		{`{"inputs":[{"name":"image","shape":[],"datatype":"FP32","data":[]}]}`, fmt.Sprintf(`inputs[0].shape: want 1 to %d extents`, shape.MaxRank)},
		{`{"inputs":[{"name":"image","shape":5,"datatype":"FP32","data":[]}]}`, fmt.Sprintf(`inputs[0].shape: want 1 to %d extents`, shape.MaxRank)},
		{`{"inputs":[{"name":"image","shape":[2,2],"datatype":"FP32","data":[1,2,3]}]}`, `inputs[0].data: holds 3 elements, and shape [2 2] has 4`},
		{`{"inputs":[{"name":"image","shape":[2,2],"datatype":"FP32","data":[[1],[2],[3],[4]]}]}`, `inputs[0].data: is nested as [4 1], want it flat or as shape [2 2]`},
		{`{"inputs":[{"name":"image","shape":[3],"datatype":"FP32","data":[[1],[2,3]]}]}`, `inputs[0].data[1]: has shape [2], want [1] as the one before; arrays must be nested regularly`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"FP32","data":1}]}`, `inputs[0].data: want an array, got a number`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"UINT8","data":["a"]}]}`, `inputs[0].data[0]: want a number, got a string`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"UINT8","data":[null]}]}`, `inputs[0].data[0]: want a number, got null`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"UINT8","data":[256]}]}`, `inputs[0].data[0]: 256 is no u8`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"INT8","data":[128]}]}`, `inputs[0]: element 0 is 128, which is no INT8`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"UINT16","data":[-1]}]}`, `inputs[0]: element 0 is -1, which is no UINT16`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"BYTES","data":[1]}]}`, `inputs[0].data[0]: want a string, got a number`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"BYTES","data":["file.png"]}]}`, `input image: files are no text; send them as binary data, or in base64 with "parameters": {"content_type": "base64"}`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"BYTES","parameters":{"content_type":"base64"},"data":["?"]}]}`, `inputs[0].data[0]: is no base64`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"UINT8","parameters":{"shared_memory_region":"r"}}]}`, `inputs[0].parameters.shared_memory_region: this server shares no memory with clients; send the data`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"UINT8","parameters":{"binary_data_size":1}}]}`, `inputs[0].parameters.binary_data_size: is 1, and 0 bytes of binary data are left after the JSON`},
		{`{"inputs":[` + image + `,` + image + `]}`, `input "image" is there twice`},
		{`{"inputs":[` + strings.Replace(image, "image", "picture", 1) + `]}`, `the model has no input "picture"; its inputs are image`},
		{`{"inputs":[` + image + `],"outputs":[{}]}`, `outputs[0]: want a name`},
		{`{"inputs":[` + image + `],"outputs":[3]}`, `outputs[0]: want an object, got a number`},
		{`{"inputs":[` + image + `],"outputs":{}}`, `outputs: want an array, got an object`},
		{`{"inputs":[` + image + `],"outputs":[{"name":"label"},{"name":"label"}]}`, `output "label" is asked for twice`},
		{`{"inputs":[` + image + `],"outputs":[{"name":"x"}]}`, `model digits has no output "x"`},
		{`{"inputs":[` + image + `],"outputs":[{"name":"label","parameters":{"binary_data":1}}]}`, `outputs[0].parameters.binary_data: want true or false, got a number`},
		{`{"inputs":[` + image + `],"outputs":[{"name":"label","parameters":{"shared_memory_region":"r"}}]}`, `outputs[0].parameters.shared_memory_region: this server shares no memory with clients; send the data`},
		{`{"inputs":[` + image + `],"outputs":[{"name":"label","parameters":{"classification":1}}]}`, `output label has no scores by class, and can't be asked for classification`},
		{`{"inputs":[` + image + `],"parameters":{"preprocessed":true}}`, `input tensor image is f32[1 784], want f32[1 1 28 28]`},
		{`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}],"parameters":{"preprocessed":true}}`, `the model has no preprocessed input "x"`},
		{`{"inputs":[{"name":"image","shape":[1],"datatype":"FP32","data":[null]}],"parameters":{"preprocessed":true}}`, `input tensor image: null is no number`},
	} {
		w := ask(h, "POST", "/v2/models/digits/infer", []byte(c.body))
		if got := message(t, w); w.Code != 400 || !strings.HasPrefix(got, c.want) {
			t.Errorf("%.200s: %d\n got %s\nwant %s", c.body, w.Code, got, c.want)
		}
	}
	for _, c := range []struct{ body, want string }{
		{`{"inputs":[` + strings.Replace(penguin, `"shape":[2],"datatype":"FP32","data":[39.5,46]`, `"shape":[1],"datatype":"FP32","data":[39.5]`, 1) + `]}`, "the first axis is that of examples"},
		{`{"inputs":[` + strings.Replace(penguin, `"data":[39.5,46]`, `"data":[39.5,"x"]`, 1) + `]}`, "data[1]: want a number, got a string"},
		{`{"inputs":[` + strings.Replace(penguin, `"data":[39.5,46]`, `"data":[39.5,1e39]`, 1) + `]}`, "1e+39 is no f32"},
	} {
		w := ask(h, "POST", "/v2/models/penguins/infer", []byte(c.body))
		if got := message(t, w); w.Code != 400 || !strings.Contains(got, c.want) {
			t.Errorf("%.100s: %d\n got %s\nwant %s", c.body, w.Code, got, c.want)
		}
	}
}

// TestManyExamples is told of before the values are looked at, which are wrong.
func TestManyExamples(t *testing.T) {
	h := handler(t, enginetest.Digits)
	for _, body := range []string{
		`{"inputs":[{"name":"image","shape":[1025],"datatype":"BYTES","data":[` + strings.Repeat(`"",`, 1024) + `""]}]}`,
		`{"inputs":[{"name":"other","shape":[1025,1],"datatype":"FP32","data":[` + strings.Repeat(`1,`, 1024) + `1]}],"parameters":{"preprocessed":true}}`,
	} {
		w := ask(h, "POST", "/v2/models/digits/infer", []byte(body))
		if got := message(t, w); w.Code != 413 || got != "the request has 1025 examples, at most 1024 are taken at a time" {
			t.Errorf("%.60s: %d %s", body, w.Code, got)
		}
	}
}

// TestManyNames would take hours if names were compared with each other.
func TestManyNames(t *testing.T) {
	h := handler(t, enginetest.Digits)
	var inputs, outputs []string
	for i := range 100_000 {
		inputs = append(inputs, fmt.Sprintf(`{"name":"x%d","shape":[1],"datatype":"BOOL","data":[1]}`, i))
		outputs = append(outputs, fmt.Sprintf(`{"name":"x%d"}`, i))
	}
	for _, body := range []string{
		`{"inputs":[` + strings.Join(inputs, ",") + `]}`,
		`{"inputs":[{"name":"image","shape":[1,784],"datatype":"UINT8","data":` + pixels(1) + `}],"outputs":[` + strings.Join(outputs, ",") + `]}`,
	} {
		start := time.Now()
		w := ask(h, "POST", "/v2/models/digits/infer", []byte(body))
		if took := time.Since(start); w.Code != 400 || took > 5*time.Second {
			t.Errorf("%.60s: %d %.200s after %v", body, w.Code, w.Body, took)
		}
	}
}

// TestMissing sends tables in which a number is missing: null and NaN.
func TestMissing(t *testing.T) {
	h := handler(t, enginetest.Masses)
	all := penguinOf(t, h, "masses")
	for _, null := range []string{`[39.5,null]`, `[null,null]`} {
		body := `{"inputs":[` + strings.Replace(all, `[39.5,46]`, null, 1) + `]}`
		if !strings.Contains(body, null) {
			t.Fatal(body)
		}
		w := ask(h, "POST", "/v2/models/masses/infer", []byte(body))
		if w.Code != 200 && (w.Code != 400 || !strings.Contains(message(t, w), "bill_length_mm")) {
			t.Errorf("%s: %d %s", null, w.Code, w.Body)
		}
	}
}

func TestBinaryErrors(t *testing.T) {
	h := handler(t, enginetest.Digits, enginetest.Mail)
	column := textColumn(t, h)
	u32 := func(n ...uint32) (b []byte) {
		for _, n := range n {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		return b
	}
	for _, c := range []struct {
		input, want string
		data        []byte
		header      string // in place of the right one
	}{
		{`"shape":[1,784],"datatype":"UINT8","parameters":{"binary_data_size":783}`, `inputs[0]: UINT8[1 784] takes 784 bytes, got 783`, make([]byte, 783), ""},
		{`"shape":[1,784],"datatype":"UINT8","parameters":{"binary_data_size":784}`, `inputs[0].parameters.binary_data_size: is 784, and 783 bytes of binary data are left after the JSON`, make([]byte, 783), ""},
		{`"shape":[1,784],"datatype":"UINT8","parameters":{"binary_data_size":784}`, `1 bytes follow the binary data of the inputs`, make([]byte, 785), ""},
		{`"shape":[1],"datatype":"UINT8","data":[1],"parameters":{"binary_data_size":1}`, `inputs[0]: has data and binary data; want one or the other`, make([]byte, 1), ""},
		{`"shape":[2],"datatype":"BOOL","parameters":{"binary_data_size":2}`, `inputs[0]: element 1 of a BOOL is 2, want 0 or 1`, []byte{1, 2}, ""},
		{`"shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":4}`, `inputs[0]: 2 elements of BYTES take 8 bytes for their lengths alone, got 4`, u32(0), ""},
		{`"shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":4}`, `inputs[0]: element 0 of the BYTES has 4294967295 bytes, and only 0 are left`, u32(math.MaxUint32), ""},
		{`"shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":9}`, `inputs[0]: the BYTES end before element 1`, append(u32(4, 0), 0), ""},
		{`"shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":8}`, `inputs[0]: 4 bytes follow the last element of the BYTES`, u32(0, 0), ""},
		{`"shape":[1073741824],"datatype":"BYTES","parameters":{"binary_data_size":0}`, `inputs[0]: 1073741824 elements of BYTES take 4294967296 bytes for their lengths alone, got 0`, nil, ""},
		{`"shape":[1]`, headerLength + ` is "-1", want the length of the JSON`, nil, "-1"},
		{`"shape":[1]`, headerLength + ` is "x", want the length of the JSON`, nil, "x"},
		{`"shape":[1]`, headerLength + ` is "18446744073709551615", want the length of the JSON`, nil, "18446744073709551615"},
		{`"shape":[1]`, headerLength + ` is "100000", want the length of the JSON`, nil, "100000"},
		{`"shape":[1]`, `JSON at byte 0: want a value, got the end`, nil, "0"},
		{`"shape":[1]`, `JSON at byte 3: the string has no end`, nil, "5"},
	} {
		head := `{ "inputs":[{"name":"` + column + `",` + c.input + `}]}`
		if c.header == "5" {
			head = head[:2] + " " + head[2:]
		}
		n := strconv.Itoa(len(head))
		if c.header != "" {
			n = c.header
		}
		w := ask(h, "POST", "/v2/models/mail/infer", append([]byte(head), c.data...), headerLength, n)
		if got := message(t, w); w.Code != 400 || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %d\n got %s\nwant %s", c.input, w.Code, got, c.want)
		}
	}
	// The whole body is JSON where the header is not there.
	w := ask(h, "POST", "/v2/models/mail/infer", []byte(`{"inputs":[]}xx`))
	if got := message(t, w); got != `JSON at byte 13: something follows the end of the document: "xx"` {
		t.Error(got)
	}
}

func TestDatatypes(t *testing.T) {
	for _, d := range datatypes {
		if got, err := parseDatatype(d.name); err != nil || got != d {
			t.Errorf("%s: %v %v", d.name, got, err)
		}
		if d.name == "BYTES" {
			continue
		}
		if back := datatypeOf(d.dtype); back.dtype != d.dtype || back.high != 0 {
			t.Errorf("%v is told as %s", d.dtype, back.name)
		}
		// The least and the greatest, or 0 and 1, at an odd address.
		mem := make([]byte, 2*d.size+1)[1:]
		mem[0] = 1
		want := "1"
		switch d.name {
		case "INT8":
			mem[0], want = 0x80, "-128"
		case "INT16":
			mem[0], mem[1], want = 0, 0x80, "-32768"
		case "UINT16":
			mem[0], mem[1], want = 0xff, 0xff, "65535"
		case "FP16":
			mem[0], mem[1], want = 0, 0x3c, "1"
		case "BF16":
			mem[0], mem[1], want = 0x80, 0x3f, "1"
		case "FP32":
			binary.LittleEndian.PutUint32(mem, math.Float32bits(1))
		case "FP64":
			binary.LittleEndian.PutUint64(mem, math.Float64bits(1))
		}
		x, err := d.fromBytes(shape.Of(2), mem)
		if err != nil || fmt.Sprint(x.Float(0)) != want || x.Float(1) != 0 || x.DType() != d.dtype {
			t.Errorf("%s: %v, %v", d.name, x, err)
		}
	}
	for _, dt := range dtype.All() {
		if datatypeOf(dt).dtype != dt {
			t.Errorf("%v has no datatype", dt)
		}
	}
}

// TestNotFinite asks for an output that holds NaN.
func TestNotFinite(t *testing.T) {
	r := &engine.Response{Model: "m", Version: "1", N: 1}
	x := tensor.Must(tensor.Of([]float32{float32(math.NaN())}, 1, 1))
	a := []answer{{name: "price", datatype: datatypeOf(dtype.Float32), shape: []int{1, 1}, tensor: x}}
	_, _, err := appendAnswer(nil, r, "", a)
	if e := engine.AsError(err); e.Code != engine.Internal || e.Message != "output price: the model gave NaN, which JSON can't hold; binary data can" {
		t.Error(err)
	}
	a[0].binary = true
	text, header, err := appendAnswer(nil, r, "", a)
	if err != nil || len(text) != header+4 || string(text[:header]) != `{"model_name":"m","model_version":"1","outputs":[{"name":"price","datatype":"FP32","shape":[1,1],"parameters":{"binary_data_size":4}}]}` {
		t.Errorf("%s %d %v", text, header, err)
	}
}

func TestTimeout(t *testing.T) {
	s := New(enginetest.Engine(t, enginetest.Digits), func() bool { return true })
	c, err := decodeMessage(imageMessage(500))
	if err != nil {
		t.Fatal(err)
	}
	c.timeout = time.Nanosecond
	if _, _, _, err := s.predict(context.Background(), "digits", "", c); engine.AsError(err).Code != engine.Deadline {
		t.Error(err)
	}
	m := s.statistics.of(&engine.Info{Name: "digits", Version: "1"})
	if m.InferenceStats.Fail.Count != 1 || m.InferenceStats.Success.Count != 0 {
		t.Errorf("%+v", m)
	}
	if d := microseconds(math.MaxUint64); d != time.Hour {
		t.Error(d)
	}
}

func TestSecurityRow19JSON(t *testing.T) {
	h := handler(t, enginetest.Digits)
	for _, body := range []string{
		strings.Repeat("[", 100_000),
		`{"inputs":[{"name":"image","shape":[1],"datatype":"FP32","data":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}]}`,
		`{"parameters":` + strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat("}", 100_001),
		`{"inputs":[{"name":"image","shape":` + strings.Repeat("[", 60) + "1" + strings.Repeat("]", 60) + `,"datatype":"FP32","data":[1]}]}`,
	} {
		start := time.Now()
		if w := ask(h, "POST", "/v2/models/digits/infer", []byte(body)); w.Code != 400 || time.Since(start) > time.Second {
			t.Errorf("%.60s: %d %s after %v", body, w.Code, w.Body, time.Since(start))
		}
	}
}

// numbers that no field wants.
var numbers = []string{"-1", "-0.5", "0.5", "NaN", "Infinity", "-Infinity", "1e308", "-1e308", "1e999", "9223372036854775808", "18446744073709551615",
	"18446744073709551616", "-9223372036854775809", "4294967296", "2147483648", `"1"`, "null", "true", "[1]", "{}"}

func TestSecurityRow23JSON(t *testing.T) {
	h := handler(t, enginetest.Digits, enginetest.Penguins)
	data := pixels(1)
	for _, field := range []string{
		`{"inputs":[{"name":"image","shape":[%s,784],"datatype":"UINT8","data":` + data + `}]}`,
		`{"inputs":[{"name":"image","shape":[1,%s],"datatype":"UINT8","data":` + data + `}]}`,
		`{"inputs":[{"name":"image","shape":[1,784],"datatype":"UINT8","parameters":{"binary_data_size":%s}}]}`,
		`{"inputs":[{"name":"image","shape":[1,784],"datatype":"UINT8","data":[%s` + data[2:] + `}]}`,
		`{"inputs":[{"name":"image","shape":[1,784],"datatype":"UINT8","data":` + data + `}],"outputs":[{"name":"label_logits","parameters":{"classification":%s}}]}`,
		`{"inputs":[{"name":"image","shape":[1,784],"datatype":"UINT8","data":` + data + `}],"parameters":{"priority":%s}}`,
		`{"inputs":[{"name":"image","shape":[1,784],"datatype":"UINT8","data":` + data + `}],"parameters":{"timeout":%s}}`,
	} {
		for _, n := range numbers {
			body := strings.Replace(field, "%s", n, 1)
			w := ask(h, "POST", "/v2/models/digits/infer", []byte(body))
			natural := n == "9223372036854775808" || n == "18446744073709551615" || n == "4294967296" || n == "2147483648"
			if ok := natural && (strings.Contains(field, "priority") || strings.Contains(field, "timeout") || strings.Contains(field, "classification")); (w.Code == 200) != ok || w.Code != 200 && w.Code != 400 {
				t.Errorf("%s with %s: %d %.300s", strings.Replace(field, data, "...", 1), n, w.Code, w.Body)
			}
		}
	}
	// In the data of a table, huge numbers are numbers as long as float32 has them.
	for _, n := range []string{"-1", "1e30", "-1e30", "NaN", "1e39", "1e308", "1e999", "-Infinity"} {
		body := `{"inputs":[` + strings.Replace(penguin, `39.5,46`, `39.5,`+n, 1) + `]}`
		w := ask(h, "POST", "/v2/models/penguins/infer", []byte(body))
		if w.Code != 200 && w.Code != 400 {
			t.Errorf("%s: %d %s", n, w.Code, w.Body)
		}
	}
}

func TestSecurityRow23Binary(t *testing.T) {
	h := handler(t, enginetest.Digits)
	for _, x := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		raw := make([]byte, 4*784)
		binary.LittleEndian.PutUint32(raw[4*100:], math.Float32bits(x))
		head := `{"parameters":{"preprocessed":true},"inputs":[{"name":"image","shape":[1,1,28,28],"datatype":"FP32","parameters":{"binary_data_size":3136}}]}`
		w := ask(h, "POST", "/v2/models/digits/infer", append([]byte(head), raw...), headerLength, strconv.Itoa(len(head)))
		if want := fmt.Sprintf("input tensor image: element 100 is %v, want finite numbers", x); w.Code != 400 || message(t, w) != want {
			t.Errorf("%d %s, want %s", w.Code, w.Body, want)
		}
	}
}
