package inference

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

// handler serves all models for tests.
func handler(t testing.TB, kinds ...string) http.Handler {
	t.Helper()
	if len(kinds) == 0 {
		kinds = []string{enginetest.Digits, enginetest.Penguins, enginetest.Masses, enginetest.Mail}
	}
	mux := http.NewServeMux()
	New(enginetest.Engine(t, kinds...), func() bool { return true }).Register(mux)
	return mux
}

// ask sends a request, whose body may be nil.
func ask(h http.Handler, method, path string, body []byte, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// get answers JSON.
func get(t *testing.T, h http.Handler, method, path string, body string, status int) map[string]any {
	t.Helper()
	w := ask(h, method, path, []byte(body))
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != status {
		t.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	if n := w.Header().Get("Content-Length"); status == 200 && n != strconv.Itoa(w.Body.Len()) {
		t.Errorf("%s: Content-Length %q of %d bytes", path, n, w.Body.Len())
	}
	return v
}

// outputs of an answer by their names.
func outputs(t *testing.T, answer map[string]any) map[string]map[string]any {
	t.Helper()
	m := map[string]map[string]any{}
	for _, o := range answer["outputs"].([]any) {
		m[o.(map[string]any)["name"].(string)] = o.(map[string]any)
	}
	return m
}

// pixels of an image of a digit, as a JSON array.
func pixels(n int) string {
	var b strings.Builder
	b.WriteByte('[')
	for i := range n * 784 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, (i*7)%256)
	}
	b.WriteByte(']')
	return b.String()
}

func rawPixels(n int) []byte {
	b := make([]byte, n*784)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

const penguin = `{"name":"species","shape":[2,1],"datatype":"BYTES","data":["Adelie","Gentoo"]},
{"name":"island","shape":[2],"datatype":"BYTES","data":["Biscoe","Dream"]},
{"name":"bill_length_mm","shape":[2],"datatype":"FP32","data":[39.5,46]},
{"name":"bill_depth_mm","shape":[2,1],"datatype":"FP64","data":[[17.5],[15]]},
{"name":"flipper_length_mm","shape":[2],"datatype":"INT16","data":[181,217]},
{"name":"body_mass_g","shape":[2],"datatype":"UINT16","data":[3800,5000]},
{"name":"year","shape":[2],"datatype":"INT64","data":[2007,2008]}`

func TestMetadata(t *testing.T) {
	h := handler(t)
	for _, c := range []struct{ path, want string }{
		{"/v2", `{"name":"gradus","version":"2","extensions":["binary_tensor_data","classification","model_configuration","model_repository","statistics"]}`},
		{"/v2/health/live", `{"live":true}`},
		{"/v2/health/ready", `{"ready":true}`},
		{"/v2/models", `{"models":["digits","mail","masses","penguins"]}`},
		{"/v2/models/digits/ready", `{"name":"digits","ready":true}`},
		{"/v2/models/digits/versions/1/ready", `{"name":"digits","ready":true}`},
		{"/v2/models/digits", `{"name":"digits","versions":["1"],"platform":"gradus","inputs":[{"name":"image","datatype":"BYTES","shape":[-1]}],` +
			`"outputs":[{"name":"label","datatype":"BYTES","shape":[-1]},{"name":"label_probabilities","datatype":"FP32","shape":[-1,10]},{"name":"label_logits","datatype":"FP32","shape":[-1,10]}],` +
			`"preprocessed_inputs":[{"name":"image","datatype":"FP32","shape":[-1,1,28,28]}]}`},
		{"/v2/models/digits/config", `{"name":"digits","platform":"gradus","backend":"gradus","max_batch_size":0,"input":[{"name":"image","data_type":"TYPE_STRING","dims":[-1]}],` +
			`"output":[{"name":"label","data_type":"TYPE_STRING","dims":[-1]},{"name":"label_probabilities","data_type":"TYPE_FP32","dims":[-1,10]},{"name":"label_logits","data_type":"TYPE_FP32","dims":[-1,10]}]}`},
		{"/v2/models/digits/versions/1/stats", `{"model_stats":[{"name":"digits","version":"1","last_inference":0,"inference_count":0,"execution_count":0,"inference_stats":` +
			`{"success":{"count":0,"ns":0},"fail":{"count":0,"ns":0},"queue":{"count":0,"ns":0},"compute_input":{"count":0,"ns":0},"compute_infer":{"count":0,"ns":0},"compute_output":{"count":0,"ns":0}},"batch_stats":[]}]}`},
	} {
		w := ask(h, "GET", c.path, nil)
		if got := w.Body.String(); got != c.want || w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d\n got %s\nwant %s", c.path, w.Code, got, c.want)
		}
	}
	for _, path := range []string{"/v2/models/none", "/v2/models/none/ready", "/v2/models/none/config", "/v2/models/none/stats", "/v2/models/digits/versions/7", "/v2/models/..%2f..%2fetc/ready"} {
		get(t, h, "GET", path, "", 404)
	}
	get(t, h, "POST", "/v2/models/none/infer", `{"inputs":[{"name":"a","shape":[1],"datatype":"FP32","data":[1]}]}`, 404)
	get(t, h, "POST", "/v2/models/digits/versions/2/infer", `{"inputs":[{"name":"a","shape":[1],"datatype":"FP32","data":[1]}]}`, 404)
	mux := http.NewServeMux()
	New(enginetest.Engine(t, enginetest.Mail), func() bool { return false }).Register(mux)
	get(t, mux, "GET", "/v2/health/ready", "", 503)
}

func TestRepository(t *testing.T) {
	h := handler(t, enginetest.Digits, enginetest.Mail)
	for _, body := range []string{"", "{}", `{"ready":true}`} {
		w := ask(h, "POST", "/v2/repository/index", []byte(body))
		if want := `[{"name":"digits","version":"1","state":"READY","reason":""},{"name":"mail","version":"1","state":"READY","reason":""}]`; w.Body.String() != want {
			t.Errorf("%q: %s", body, w.Body)
		}
	}
	get(t, h, "POST", "/v2/repository/index", `{"ready":1}`, 400)
	get(t, h, "POST", "/v2/repository/index", `[1]`, 400)
	get(t, h, "POST", "/v2/repository/models/digits/load", "", 403)
	get(t, h, "POST", "/v2/repository/models/digits/unload", "", 403)
	get(t, h, "GET", "/v2/systemsharedmemory/status", "", 400)
	get(t, h, "POST", "/v2/cudasharedmemory/region/a/register", "", 400)
	get(t, h, "GET", "/v2/logging", "", 400)
}

func TestInferJSON(t *testing.T) {
	h := handler(t)
	for _, shape := range []string{"[2,1,28,28]", "[2,28,28,1]", "[2,28,28]", "[2,784]"} {
		a := get(t, h, "POST", "/v2/models/digits/infer", `{"id":"a\"b","inputs":[{"name":"image","shape":`+shape+`,"datatype":"UINT8","data":`+pixels(2)+`}]}`, 200)
		if a["id"] != `a"b` || a["model_name"] != "digits" || a["model_version"] != "1" {
			t.Errorf("%v", a)
		}
		out := outputs(t, a)
		if len(out) != 2 {
			t.Errorf("%d outputs", len(out))
		}
		p := out["label_probabilities"]
		if fmt.Sprint(p["shape"]) != "[2 10]" || p["datatype"] != "FP32" || len(p["data"].([]any)) != 20 {
			t.Errorf("%v", p)
		}
		sum := 0.0
		for _, x := range p["data"].([]any)[:10] {
			sum += x.(float64)
		}
		if math.Abs(sum-1) > 1e-5 {
			t.Errorf("probabilities add up to %v", sum)
		}
		if l := out["label"]; fmt.Sprint(l["shape"]) != "[2]" || l["datatype"] != "BYTES" || len(l["data"].([]any)) != 2 {
			t.Errorf("%v", l)
		}
	}
	// Named outputs, in their order.
	a := get(t, h, "POST", "/v2/models/digits/versions/1/infer", `{"inputs":[{"name":"image","shape":[1,784],"datatype":"INT32","data":`+pixels(1)+`}],
		"outputs":[{"name":"label_logits"},{"name":"label_probabilities","parameters":{"classification":3}}],"parameters":{"timeout":5000000,"priority":1,"mine":{}}}`, 200)
	list := a["outputs"].([]any)
	logits, best := list[0].(map[string]any), list[1].(map[string]any)
	if logits["name"] != "label_logits" || len(list) != 2 || fmt.Sprint(best["shape"]) != "[1 3]" || best["datatype"] != "BYTES" {
		t.Errorf("%v", a)
	}
	last := 1.0
	for _, text := range best["data"].([]any) {
		part := strings.Split(text.(string), ":")
		score, err := strconv.ParseFloat(part[0], 64)
		if len(part) != 3 || err != nil || score > last || part[1] != part[2] {
			t.Errorf("%v", text)
		}
		last = score
	}
	// Preprocessed: the same answer as for the pixels that it was made of.
	var x []string
	for _, p := range rawPixels(1) {
		x = append(x, fmt.Sprint((float32(p)/255-0.1307)/0.3081))
	}
	plain := get(t, h, "POST", "/v2/models/digits/infer", `{"inputs":[{"name":"image","shape":[1,28,28],"datatype":"UINT8","data":`+pixels(1)+`}],"outputs":[{"name":"label_logits"}]}`, 200)
	done := get(t, h, "POST", "/v2/models/digits/infer", `{"parameters":{"preprocessed":true},"inputs":[{"name":"image","shape":[1,1,28,28],"datatype":"FP32","data":[`+strings.Join(x, ",")+`]}],"outputs":[{"name":"label_logits"}]}`, 200)
	for i := range 10 {
		a, b := outputs(t, plain)["label_logits"]["data"].([]any)[i].(float64), outputs(t, done)["label_logits"]["data"].([]any)[i].(float64)
		if math.Abs(a-b) > 1e-3*max(1, math.Abs(a)) {
			t.Errorf("logit %d: %v of pixels, %v of the tensor", i, a, b)
		}
	}
	// Tables and text.
	a = get(t, h, "POST", "/v2/models/masses/infer", `{"inputs":[`+penguinOf(t, h, "masses")+`]}`, 200)
	for _, o := range outputs(t, a) {
		if o["datatype"] != "FP64" || fmt.Sprint(o["shape"]) != "[2 1]" {
			t.Errorf("%v", o)
		}
	}
	a = get(t, h, "POST", "/v2/models/mail/infer", `{"inputs":[{"name":"`+textColumn(t, h)+`","shape":[2],"datatype":"BYTES","data":["hello","win \u00e4 prize"]}]}`, 200)
	if len(outputs(t, a)) != 2 {
		t.Errorf("%v", a)
	}
}

// penguinOf takes of the inputs those that a model has.
func penguinOf(t *testing.T, h http.Handler, model string) string {
	t.Helper()
	meta := get(t, h, "GET", "/v2/models/"+model, "", 200)
	var all []map[string]any
	if err := json.Unmarshal([]byte("["+penguin+"]"), &all); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, in := range meta["inputs"].([]any) {
		name := in.(map[string]any)["name"]
		found := map[string]any{"name": name, "shape": []int{2}, "datatype": "BYTES", "data": []string{"male", "female"}}
		for _, p := range all {
			if p["name"] == name {
				found = p
			}
		}
		text, _ := json.Marshal(found)
		list = append(list, string(text))
	}
	return strings.Join(list, ",")
}

func textColumn(t *testing.T, h http.Handler) string {
	return get(t, h, "GET", "/v2/models/mail", "", 200)["inputs"].([]any)[0].(map[string]any)["name"].(string)
}

func TestInferBinary(t *testing.T) {
	h := handler(t)
	raw := rawPixels(3)
	for _, c := range []struct {
		parameters, outputs string
		binary              map[string]bool
	}{
		{`{"binary_data_output":true}`, `[]`, map[string]bool{"label": true, "label_probabilities": true}},
		{`{}`, `[{"name":"label","parameters":{"binary_data":true}},{"name":"label_logits"}]`, map[string]bool{"label": true, "label_logits": false}},
		{`{"binary_data_output":true}`, `[{"name":"label_probabilities","parameters":{"binary_data":false}}]`, map[string]bool{"label_probabilities": false}},
		{`{}`, `[{"name":"label_probabilities","parameters":{"binary_data":true,"classification":2}}]`, map[string]bool{"label_probabilities": true}},
	} {
		head := fmt.Sprintf(`{"parameters":%s,"outputs":%s,"inputs":[{"name":"image","shape":[3,28,28],"datatype":"UINT8","parameters":{"binary_data_size":%d}}]}`, c.parameters, c.outputs, len(raw))
		w := ask(h, "POST", "/v2/models/digits/infer", append([]byte(head), raw...), headerLength, strconv.Itoa(len(head)))
		if w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		body := w.Body.Bytes()
		var rest []byte
		if n := w.Header().Get(headerLength); n != "" {
			k, _ := strconv.Atoi(n)
			body, rest = body[:k], body[k:]
		}
		var a map[string]any
		if err := json.Unmarshal(body, &a); err != nil {
			t.Fatal(err)
		}
		out := outputs(t, a)
		if len(out) != len(c.binary) {
			t.Errorf("%v", a)
		}
		for _, o := range a["outputs"].([]any) {
			o := o.(map[string]any)
			if !c.binary[o["name"].(string)] {
				if o["data"] == nil {
					t.Errorf("%v", o)
				}
				continue
			}
			size := int(o["parameters"].(map[string]any)["binary_data_size"].(float64))
			data := rest[:size]
			rest = rest[size:]
			switch o["datatype"] {
			case "BYTES":
				n := 3
				if len(o["shape"].([]any)) == 2 {
					n = 6
				}
				if _, err := splitBytes(data, n); err != nil {
					t.Error(err)
				}
			case "FP32":
				sum := float32(0)
				for i := range 10 {
					sum += math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
				}
				if size != 120 || math.Abs(float64(sum)-1) > 1e-5 {
					t.Errorf("%d bytes, %v", size, sum)
				}
			}
		}
		if len(rest) > 0 {
			t.Errorf("%d bytes are left", len(rest))
		}
	}
}

// TestUnaligned has data of eight bytes an element at every place.
func TestUnaligned(t *testing.T) {
	h := handler(t, enginetest.Masses)
	name := ""
	for _, in := range get(t, h, "GET", "/v2/models/masses", "", 200)["inputs"].([]any) {
		if in := in.(map[string]any); in["datatype"] == "FP64" {
			name = in["name"].(string)
		}
	}
	all := penguinOf(t, h, "masses")
	var first string
	for pad := range 9 {
		head := fmt.Sprintf(`{"id":"%s","inputs":[{"name":"%s","shape":[2],"datatype":"FP64","parameters":{"binary_data_size":16}}`, strings.Repeat("x", pad+1), name)
		for _, in := range strings.Split(all, "},{") {
			if !strings.Contains(in, `"`+name+`"`) {
				head += ",{" + strings.Trim(in, "{}") + "}"
			}
		}
		head += "]}"
		body := []byte(head)
		for _, x := range []float64{3.25, 200} {
			body = binary.LittleEndian.AppendUint64(body, math.Float64bits(x))
		}
		w := ask(h, "POST", "/v2/models/masses/infer", body, headerLength, strconv.Itoa(len(head)))
		var a map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		got := fmt.Sprint(a["outputs"])
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("with %d more bytes before: %s, and %s before", pad, got, first)
		}
	}
}

func TestCompressed(t *testing.T) {
	h := handler(t, enginetest.Digits)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, `{"inputs":[{"name":"image","shape":[1,784],"datatype":"UINT8","data":`+pixels(1)+`}]}`)
	z.Close()
	if w := ask(h, "POST", "/v2/models/digits/infer", b.Bytes(), "Content-Encoding", "gzip"); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
