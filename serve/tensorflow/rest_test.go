package tensorflow

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/jsondoc"
	"github.com/gradus-ml/gradus/tensor"
)

var update = flag.Bool("update", false, "write the goldens")

// server serves all models of enginetest, and returns the address of models.
func server(t testing.TB) (*Service, string) {
	t.Helper()
	s := New(enginetest.Engine(t, enginetest.Digits, enginetest.Penguins, enginetest.Masses, enginetest.Mail))
	mux := http.NewServeMux()
	s.Register(mux)
	h := httptest.NewUnstartedServer(mux)
	h.Config.Protocols = new(http.Protocols)
	h.Config.Protocols.SetHTTP1(true)
	h.Config.Protocols.SetUnencryptedHTTP2(true)
	h.Start()
	t.Cleanup(h.Close)
	return s, h.URL + "/v1/models/"
}

// call sends a request; an empty body makes it a GET.
func call(t testing.TB, url, body string) (status int, answer string) {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: the type is %q", url, got)
	}
	return resp.StatusCode, string(b)
}

// decode makes Go values of an answer, which must be a success.
func decode[T any](t testing.TB, status int, answer string) T {
	t.Helper()
	var v T
	if status != 200 {
		t.Fatalf("status %d: %s", status, answer)
	}
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	return v
}

// picture is a PNG and its pixels.
func picture(shift int) (file []byte, rows [][]int) {
	im := image.NewGray(image.Rect(0, 0, 28, 28))
	for y := range 28 {
		row := make([]int, 28)
		for x := range row {
			row[x] = (x*y + shift) % 256
			im.SetGray(x, y, color.Gray{Y: uint8(row[x])})
		}
		rows = append(rows, row)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		panic(err)
	}
	return b.Bytes(), rows
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestGoldens(t *testing.T) {
	_, url := server(t)
	for name, path := range map[string]string{
		"status.json":            "penguins",
		"status_version.json":    "masses/versions/1",
		"metadata_digits.json":   "digits/metadata",
		"metadata_penguins.json": "penguins/versions/1/metadata",
		"metadata_masses.json":   "masses/metadata",
	} {
		status, got := call(t, url+path, "")
		if status != 200 {
			t.Errorf("%s: status %d: %s", path, status, got)
			continue
		}
		file := "testdata/" + name
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
		}
	}
}

func TestState(t *testing.T) {
	for _, c := range []struct {
		info        engine.Info
		state, code string
	}{
		{engine.Info{State: engine.Ready}, "AVAILABLE", "OK"},
		{engine.Info{State: engine.Ready, Problem: "the new files can't be read"}, "AVAILABLE", "OK"},
		{engine.Info{State: engine.Cold}, "AVAILABLE", "OK"},
		{engine.Info{State: engine.Loading}, "LOADING", "OK"},
		{engine.Info{State: engine.Draining}, "UNLOADING", "OK"},
		{engine.Info{State: engine.Failed, Problem: "the model can't be read"}, "END", "UNAVAILABLE"},
	} {
		if state, status := stateOf(&c.info); state.String() != c.state || status.ErrorCode.String() != c.code {
			t.Errorf("%+v: got %v %v, want %s %s", c.info, state, status, c.state, c.code)
		}
	}
}

// A penguin's outputs.
type species struct {
	Species       string    `json:"species"`
	Probabilities []float32 `json:"species_probabilities"`
}

const (
	adelie = `{"bill_length_mm":39.1,"bill_depth_mm":18.7,"flipper_length_mm":181,"body_mass_g":3750,"island":"Torgersen","sex":"male"}`
	gentoo = `{"bill_length_mm":46.1,"bill_depth_mm":13.2,"flipper_length_mm":211,"body_mass_g":4500,"island":"Biscoe","sex":null}`
	both   = `{"bill_length_mm":[39.1,46.1],"bill_depth_mm":[18.7,13.2],"flipper_length_mm":[181,211],"body_mass_g":[3750,4500],"island":["Torgersen","Biscoe"],"sex":["male",null]}`
)

// penguins asks the engine itself.
func penguins(t *testing.T, s *Service) []species {
	t.Helper()
	a, err := s.engine.Predict(t.Context(), &engine.Request{Model: "penguins", N: 2, Columns: map[string][]any{
		"bill_length_mm": {39.1, 46.1}, "bill_depth_mm": {18.7, 13.2}, "flipper_length_mm": {181.0, 211.0}, "body_mass_g": {3750.0, 4500.0},
		"island": {"Torgersen", "Biscoe"}, "sex": {"male", nil},
	}})
	if err != nil {
		t.Fatal(err)
	}
	all := make([]species, 2)
	for k := range all {
		row := a.Outputs[1].Tensor.Row(k)
		all[k] = species{a.Outputs[0].Strings[k], row.F32()}
	}
	return all
}

func TestPredictRows(t *testing.T) {
	s, url := server(t)
	want := penguins(t, s)
	for _, path := range []string{"penguins:predict", "penguins/versions/1:predict"} {
		status, answer := call(t, url+path, `{"instances":[`+adelie+`,`+gentoo+`]}`)
		got := decode[struct{ Predictions []species }](t, status, answer)
		if !reflect.DeepEqual(got.Predictions, want) {
			t.Errorf("got %v, want %v", got.Predictions, want)
		}
	}
}

func TestPredictColumns(t *testing.T) {
	s, url := server(t)
	want := penguins(t, s)
	status, answer := call(t, url+"penguins:predict", `{"signature_name":"serving_default","inputs":`+both+`}`)
	got := decode[struct {
		Outputs struct {
			Species       []string    `json:"species"`
			Probabilities [][]float32 `json:"species_probabilities"`
		}
	}](t, status, answer)
	for k := range want {
		if o := got.Outputs; o.Species[k] != want[k].Species || !reflect.DeepEqual(o.Probabilities[k], want[k].Probabilities) {
			t.Errorf("got %v, want %v", o, want)
		}
	}
}

// One input needs no name, and one output has none.
func TestShorthand(t *testing.T) {
	_, url := server(t)
	type kind struct {
		Kind          string    `json:"kind"`
		Probabilities []float32 `json:"kind_probabilities"`
	}
	var want []kind
	for i, body := range []string{
		`{"instances":[{"text":"buy now"},{"text":"the minutes"}]}`,
		`{"instances":["buy now","the minutes"]}`,
		`{"instances":[{"b64":"YnV5IG5vdw=="},{"text":{"b64":"dGhlIG1pbnV0ZXM"}}]}`,
		`{"instances":[["buy now"],["the minutes"]]}`,
	} {
		status, answer := call(t, url+"mail:predict", body)
		got := decode[struct{ Predictions []kind }](t, status, answer).Predictions
		if i == 0 {
			want = got
		}
		if len(got) != 2 || len(got[0].Probabilities) != 2 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", body, got, want)
		}
	}
	for _, body := range []string{
		`{"inputs":["buy now","the minutes"]}`,
		`{"inputs":{"text":["buy now","the minutes"]}}`,
	} {
		status, answer := call(t, url+"mail:predict", body)
		got := decode[struct {
			Outputs struct {
				Kind []string `json:"kind"`
			}
		}](t, status, answer).Outputs
		if len(got.Kind) != 2 || got.Kind[0] != want[0].Kind || got.Kind[1] != want[1].Kind {
			t.Errorf("%s: got %v, want %v", body, got, want)
		}
	}

	// A model of one number.
	status, answer := call(t, url+"masses:predict", `{"instances":[`+adelie+`]}`)
	rows := decode[struct{ Predictions [][]float64 }](t, status, answer)
	status, answer = call(t, url+"masses:predict", `{"inputs":`+both+`}`)
	columns := decode[struct{ Outputs [][]float64 }](t, status, answer)
	if len(rows.Predictions) != 1 || len(columns.Outputs) != 2 || !reflect.DeepEqual(rows.Predictions[0], columns.Outputs[0]) {
		t.Errorf("got %v and %v", rows, columns)
	}
}

// An image comes as a file, as pixels in several orders, and as the tensor that
// is made of it, all with the same answer.
func TestImages(t *testing.T) {
	_, url := server(t)
	file, rows := picture(3)
	var tensor [][]float32
	var last [][][]int
	for _, row := range rows {
		var t []float32
		var l [][]int
		for _, x := range row {
			t = append(t, float32((float64(x)/255-0.1307)/0.3081))
			l = append(l, []int{x})
		}
		tensor, last = append(tensor, t), append(last, l)
	}
	var want string
	for i, body := range []string{
		`{"instances":[{"b64":"` + base64.StdEncoding.EncodeToString(file) + `"}]}`,
		`{"instances":[{"image":{"b64":"` + base64.StdEncoding.EncodeToString(file) + `"}}]}`,
		`{"instances":[` + jsonOf(rows) + `]}`,
		`{"instances":[{"image":[` + jsonOf(rows) + `]}]}`,
		`{"instances":[` + jsonOf(last) + `]}`,
		`{"signature_name":"preprocessed","instances":[[` + jsonOf(tensor) + `]]}`,
		`{"signature_name":"preprocessed","instances":[{"image":[` + jsonOf(tensor) + `]}]}`,
	} {
		status, answer := call(t, url+"digits:predict", body)
		if i == 0 {
			want = answer
			got := decode[struct {
				Predictions []struct {
					Label         string    `json:"label"`
					Probabilities []float32 `json:"label_probabilities"`
				}
			}](t, status, answer)
			if len(got.Predictions) != 1 || len(got.Predictions[0].Probabilities) != 10 {
				t.Fatalf("got %s", answer)
			}
		}
		if !near(answer, want) {
			t.Errorf("%.80s: got %s, want %s", body, answer, want)
		}
	}
}

// near compares two answers that differ in the last digits of numbers at most:
// a client's arithmetic is not the server's.
func near(a, b string) bool {
	cut := func(r rune) bool { return strings.ContainsRune("[]{}:,\n", r) }
	x, y := strings.FieldsFunc(a, cut), strings.FieldsFunc(b, cut)
	return slices.EqualFunc(x, y, func(a, b string) bool {
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		return a == b || errX == nil && errY == nil && math.Abs(x-y) < 1e-6
	})
}

func TestClassify(t *testing.T) {
	s, url := server(t)
	want := penguins(t, s)
	const context = `"context":{"island":"Torgersen"}`
	status, answer := call(t, url+"penguins:classify", `{`+context+`,"examples":[{"bill_length_mm":[39.1],"bill_depth_mm":18.7,"flipper_length_mm":181,"body_mass_g":3750.0,"sex":["male"]}]}`)
	got := decode[struct{ Results [][][2]any }](t, status, answer).Results
	if len(got) != 1 || len(got[0]) != 3 {
		t.Fatalf("got %s", answer)
	}
	for i, label := range []string{"Adelie", "Chinstrap", "Gentoo"} {
		if got[0][i][0] != label || float32(got[0][i][1].(float64)) != want[0].Probabilities[i] {
			t.Errorf("got %v, want %v", got[0], want[0])
		}
	}

	// A feature that is empty is missing, and so is one that is not there.
	_, without := call(t, url+"penguins:classify", `{"examples":[{"body_mass_g":3750}]}`)
	status, empty := call(t, url+"penguins:classify", `{"examples":[{"body_mass_g":3750,"sex":[]}]}`)
	if status != 200 || without != empty {
		t.Errorf("got %s and %s", without, empty)
	}

	// Files, pixels and finished tensors are features too.
	file, rows := picture(5)
	var pixels []int
	var tensor []float32
	for _, row := range rows {
		pixels = append(pixels, row...)
	}
	for _, x := range pixels {
		tensor = append(tensor, float32((float64(x)/255-0.1307)/0.3081))
	}
	_, byFile := call(t, url+"digits:classify", `{"examples":[{"image":{"b64":"`+base64.StdEncoding.EncodeToString(file)+`"}}]}`)
	_, byPixels := call(t, url+"digits:classify", `{"examples":[{"image":`+jsonOf(pixels)+`}]}`)
	status, byTensor := call(t, url+"digits:classify", `{"signature_name":"preprocessed","examples":[{"image":`+jsonOf(tensor)+`}]}`)
	if status != 200 || byFile != byPixels || !near(byFile, byTensor) {
		t.Errorf("got %s, %s and %s", byFile, byPixels, byTensor)
	}
}

func TestRegress(t *testing.T) {
	_, url := server(t)
	status, answer := call(t, url+"masses:regress", `{"examples":[`+adelie+`]}`)
	got := decode[struct{ Results []float64 }](t, status, answer).Results
	status, answer = call(t, url+"masses:predict", `{"instances":[`+adelie+`]}`)
	want := decode[struct{ Predictions [][]float64 }](t, status, answer).Predictions
	if len(got) != 1 || got[0] != want[0][0] {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestErrors(t *testing.T) {
	_, url := server(t)
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"foxes", "", 404, `there is no model "foxes"`},
		{"foxes/metadata", "", 404, `there is no model "foxes"`},
		{"foxes:predict", `{"instances":[1]}`, 404, `there is no model "foxes"`},
		{"penguins/versions/2", "", 404, ""},
		{"penguins/labels/beta", "", 404, ""},
		{"penguins/versions/one", "", 404, "want /v1/models/MODEL, with /versions/NUMBER or /labels/LABEL, and then /metadata, :predict, :classify or :regress"},
		{"penguins/labels/1", "", 404, "want /v1/models/MODEL"},
		{"penguins/versions", "", 404, "want /v1/models/MODEL"},
		{"penguins/versions/1/2/metadata", "", 404, "want /v1/models/MODEL"},
		{"penguins:explain", "{}", 404, "want /v1/models/MODEL"},
		{":predict", "{}", 404, "want /v1/models/MODEL"},
		{"", "", 404, "want /v1/models/MODEL"},
		{"penguins:predict", "", 405, "predict is called by POST"},
		{"penguins/metadata", "{}", 405, "metadata is called by GET"},
		{"penguins", "{}", 405, "status is called by GET"},

		{"penguins:predict", "{", 400, ""},
		{"penguins:predict", "[]", 400, "want an object, got an array"},
		{"penguins:predict", `{"instances":[` + adelie + `],"signature_name":7}`, 400, "signature_name: want a string, got a number"},
		{"penguins:predict", `{"instances":[` + adelie + `],"signature_name":"mine"}`, 400, `there is no signature "mine", but serving_default and preprocessed`},
		{"penguins:predict", `{}`, 400, `want "instances", a list of examples, or "inputs", a list of values for each input`},
		{"penguins:predict", `{"instances":[` + adelie + `],"inputs":` + both + `}`, 400, `want "instances" or "inputs", got both`},
		{"penguins:predict", `{"instances":` + adelie + `}`, 400, "instances: want a list of examples, got an object"},
		{"penguins:predict", `{"instances":[]}`, 400, "instances: has no examples"},
		{"penguins:predict", `{"instances":[3]}`, 400, `instances[0]: want an object with the inputs ["bill_length_mm" "bill_depth_mm" "flipper_length_mm" "body_mass_g" "island" "sex"], got a number`},
		{"penguins:predict", `{"instances":[{"wings":2}]}`, 400, `instances[0].wings: there is no such input; the model has ["bill_length_mm"`},
		{"penguins:predict", `{"instances":[{"body_mass_g":{"kg":4}}]}`, 400, "instances[0].body_mass_g: column body_mass_g wants a number, got an object"},
		{"penguins:predict", `{"instances":[{"body_mass_g":[1,2]}]}`, 400, "instances[0].body_mass_g: column body_mass_g wants a number, got an array"},
		{"penguins:predict", `{"instances":[{"island":1.5}]}`, 400, "instances[0].island: column island wants text, a whole number or a boolean, got a number"},
		{"penguins:predict", `{"instances":[{"body_mass_g":"heavy"}]}`, 400, ""},
		{"penguins:predict", `{"inputs":3}`, 400, "inputs: want a list of examples, got a number"},
		{"penguins:predict", `{"inputs":[3]}`, 400, `inputs: want an object with the inputs ["bill_length_mm"`},
		{"penguins:predict", `{"inputs":{}}`, 400, `inputs: want the inputs ["bill_length_mm"`},
		{"penguins:predict", `{"inputs":{"body_mass_g":3}}`, 400, "inputs.body_mass_g: want a list of examples, got a number"},
		{"penguins:predict", `{"inputs":{"body_mass_g":[1],"sex":["male","female"]}}`, 400, "inputs.sex: want a list of 1 examples, as many as the first input has"},
		{"penguins:predict", `{"inputs":{"mass":[1]}}`, 400, "inputs.mass: there is no such input"},
		{"mail:predict", `{"instances":[7]}`, 400, "instances[0]: column text wants text, got a number"},
		{"mail:predict", `{"instances":[{}]}`, 400, "instances[0]: input text is missing"},
		{"mail:predict", `{"instances":[null]}`, 400, "instances[0]: column text needs a value"},
		{"mail:predict", `{"instances":[{"b64":"%"}]}`, 400, "instances[0].b64: is not base64"},
		{"mail:predict", `{"instances":[` + strings.Repeat("{},", 1024) + `{}]}`, 413, "the request has 1025 examples, at most 1024 are taken at a time"},
		{"penguins:classify", `{"examples":[` + strings.Repeat(`{"island":[]},`, 1024) + `{}]}`, 413, "the request has 1025 examples, at most 1024 are taken at a time"},

		{"digits:predict", `{"instances":["iVBORw0KGgo"]}`, 400, `instances[0]: column image wants the file as {"b64": "..."}, or rows of pixels from 0 to 255, got a string`},
		{"digits:predict", `{"instances":[{"b64":"aGVsbG8="}]}`, 400, ""},
		{"digits:predict", `{"instances":[[[0.5]]]}`, 400, "instances[0][0][0]: 0.5 is no u8; column image wants the file, or rows of pixels from 0 to 255; a client that does the preprocessing itself says so"},
		{"digits:predict", `{"instances":[[[256]]]}`, 400, "instances[0][0][0]: 256 is no u8"},
		{"digits:predict", `{"instances":[[[1,2],[3]]]}`, 400, "instances[0][1]: has shape [1], want [2] as the one before"},
		{"digits:predict", `{"instances":[[1,2]]}`, 400, "instances[0]: column image: want the pixels of an image of 1 channels, [1 Y X] or [Y X 1], got [2]"},
		{"digits:predict", `{"signature_name":"preprocessed","instances":[[[[0.5]]]]}`, 400, "input tensor image is f32[1 1 1 1], want f32[1 1 28 28]"},
		{"digits:predict", `{"signature_name":"preprocessed","instances":["x"]}`, 400, "instances[0]: want a number, got a string"},
		{"digits:predict", `{"signature_name":"preprocessed","instances":[[1],[1,2]]}`, 400, "instances[1]: input tensor image has shape [2] here, and [1] in the first example"},
		{"digits:predict", `{"signature_name":"preprocessed","instances":[[1e39]]}`, 400, "instances[0][0]: 1e+39 is no f32"},
		{"digits:predict", `{"signature_name":"preprocessed","instances":[[[[[[[[[[1]]]]]]]]]]}`, 400, "instances[0]: input tensor image has 6 axes too many"},
		{"penguins:predict", `{"signature_name":"preprocessed","inputs":{"measures":[[1,2,3,4]]}}`, 400, "inputs: input kinds is missing"},

		{"masses:classify", `{"examples":[` + adelie + `]}`, 400, "model masses has no classes; regress or predict may be meant"},
		{"penguins:regress", `{"examples":[` + adelie + `]}`, 400, "model penguins has no target that is a number; classify or predict may be meant"},
		{"penguins:classify", `{}`, 400, `want "examples", a list of objects`},
		{"penguins:classify", `{"examples":{}}`, 400, "examples: want a list of examples, got an object"},
		{"penguins:classify", `{"examples":[]}`, 400, "examples: has no examples"},
		{"penguins:classify", `{"examples":[1]}`, 400, "examples[0]: want an object, got a number"},
		{"penguins:classify", `{"examples":[{}],"context":[]}`, 400, "context: want an object, got an array"},
		{"penguins:classify", `{"examples":[{"sex":"male"}],"context":{"sex":"male"}}`, 400, `examples[0]: feature "sex" is in the context and in an example`},
		{"penguins:classify", `{"examples":[{"sex":null}]}`, 400, `examples[0].sex: want a number, a string or {"b64": "..."}, got null`},
		{"penguins:classify", `{"examples":[{"sex":["male",1]}]}`, 400, "examples[0].sex[1]: a list holds values of one kind"},
		{"penguins:classify", `{"examples":[{"sex":[1,"male"]}]}`, 400, "examples[0].sex[1]: a list holds values of one kind"},
		{"penguins:classify", `{"examples":[{"sex":["male","female"]}]}`, 400, "example 0: column sex: want one value, got 2"},
		{"penguins:classify", `{"examples":[{"sex":1.5}]}`, 400, "example 0: column sex: want text or a whole number, got 1.5"},
		{"penguins:classify", `{"examples":[{"wings":2}]}`, 400, `example 0: there is no feature "wings"; the model has ["bill_length_mm"`},
		{"mail:classify", `{"examples":[{}]}`, 400, "example 0: column text: is missing"},
		{"mail:classify", `{"examples":[{"text":1}]}`, 400, "example 0: column text: want bytes, got a number"},
		{"digits:classify", `{"examples":[{"image":[1,2,3]}]}`, 400, "example 0: column image: want a file, or all pixels, the channels one after the other: want 784 numbers, those of u8[1 28 28], got 3 values"},
		{"mail:classify", `{"signature_name":"preprocessed","examples":[{"mail":[1]}]}`, 400, "example 0: input tensor mail: want 256 numbers, those of f32[256], got 1 values"},
		{"mail:classify", `{"examples":[` + strings.Repeat("{},", 1<<16) + `{}]}`, 413, "the request has 65537 examples, at most 65536 are taken at a time"},
	} {
		status, answer := call(t, url+c.path, c.body)
		var got struct{ Error string }
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Errorf("%s %.80s: %v: %s", c.path, c.body, err, answer)
			continue
		}
		if status != c.status || got.Error == "" || !strings.Contains(got.Error, c.want) {
			t.Errorf("%s %.80s: got %d %s, want %d %s", c.path, c.body, status, got.Error, c.status, c.want)
		}
	}
}

func TestSecurityRow19DeepNesting(t *testing.T) {
	_, url := server(t)
	deep := strings.Repeat("[", 100_000)
	for _, path := range []string{"digits:predict", "penguins:classify", "masses:regress"} {
		for _, body := range []string{deep, `{"instances":` + deep, `{"examples":[{"x":` + deep, strings.Repeat(`{"a":`, 100_000)} {
			if status, answer := call(t, url+path, body); status != 400 {
				t.Errorf("%s %.20s: got %d %.200s", path, body, status, answer)
			}
		}
	}
}

func TestSecurityRow23Numbers(t *testing.T) {
	_, url := server(t)
	for _, x := range []string{"NaN", "-Infinity", "1e999", "-1e999", "1e400", "0x10", "--1"} {
		for path, body := range map[string]string{
			"penguins:predict":  `{"instances":[{"body_mass_g":%s}]}`,
			"penguins:classify": `{"examples":[{"body_mass_g":%s}]}`,
			"digits:predict":    `{"instances":[[[%s]]]}`,
			"masses:regress":    `{"examples":[{"body_mass_g":[1,%s]}]}`,
		} {
			if status, answer := call(t, url+path, fmt.Sprintf(body, x)); status != 400 {
				t.Errorf("%s %s: got %d %.200s", path, x, status, answer)
			}
		}
	}
	// Numbers that are no pixels and no places of classes.
	for _, x := range []string{"-1", "256", "1e300", "-9223372036854775808", "18446744073709551615"} {
		if status, answer := call(t, url+"digits:predict", fmt.Sprintf(`{"instances":[[[%s]]]}`, x)); status != 400 {
			t.Errorf("%s: got %d %.200s", x, status, answer)
		}
	}
}

func TestFloats(t *testing.T) {
	for _, c := range []struct {
		x    float64
		bits int
		want string
	}{
		{0, 32, "0.0"}, {math.Copysign(0, -1), 32, "-0.0"}, {1, 32, "1.0"}, {-10, 64, "-10.0"}, {0.5, 32, "0.5"},
		{float64(float32(0.2)), 32, "0.2"}, {float64(float32(0.2)), 64, "0.20000000298023224"},
		{9e6, 64, "9e+06"}, {0.00003, 64, "3e-05"}, {4212, 64, "4212.0"}, {123456789, 64, "1.23456789e+08"},
		{math.MaxFloat32, 32, "3.4028235e+38"},
		{math.NaN(), 32, "NaN"}, {math.Inf(1), 32, "Infinity"}, {math.Inf(-1), 64, "-Infinity"},
	} {
		if got := string(appendFloat(nil, c.x, c.bits)); got != c.want {
			t.Errorf("%v of %d bits: got %s, want %s", c.x, c.bits, got, c.want)
		}
	}
}

func TestEncode(t *testing.T) {
	output := func(name string, t *tensor.Tensor, strings ...string) engine.Answer {
		return engine.Answer{Output: engine.Output{Name: name}, Tensor: t, Strings: strings}
	}
	ints := output("i", tensor.Must(tensor.Of([]int64{1, 2, 3, -4}, 2, 2)))
	text := output("t", nil, "a\"b", "é")
	data := output("x_bytes", nil, "\xff\x00", "")
	flags := output("f", tensor.Must(tensor.Of([]bool{true, false}, 2)))
	large := output("u", tensor.Must(tensor.Of([]uint64{math.MaxUint64, 0}, 2)))
	half := output("h", tensor.Must(tensor.Of([]dtype.F16{dtype.NewF16(0.1), dtype.NewF16(2)}, 2)))
	cube := output("c", tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2)))
	for _, c := range []struct {
		outputs       []engine.Answer
		rows, columns string
	}{
		{[]engine.Answer{ints}, `{"predictions":[[1,2],[3,-4]]}`, `{"outputs":[[1,2],[3,-4]]}`},
		{[]engine.Answer{text}, `{"predictions":["a\"b","é"]}`, `{"outputs":["a\"b","é"]}`},
		{[]engine.Answer{data}, `{"predictions":[{"b64":"/wA="},{"b64":""}]}`, `{"outputs":[{"b64":"/wA="},{"b64":""}]}`},
		{[]engine.Answer{flags, large}, `{"predictions":[{"f":true,"u":18446744073709551615},{"f":false,"u":0}]}`, `{"outputs":{"f":[true,false],"u":[18446744073709551615,0]}}`},
		{[]engine.Answer{half}, `{"predictions":[0.099975586,2.0]}`, `{"outputs":[0.099975586,2.0]}`},
		{[]engine.Answer{cube}, `{"predictions":[[[1.0,2.0],[3.0,4.0]],[[5.0,6.0],[7.0,8.0]]]}`, `{"outputs":[[[1.0,2.0],[3.0,4.0]],[[5.0,6.0],[7.0,8.0]]]}`},
	} {
		a := &engine.Response{N: 2, Outputs: c.outputs}
		if got := string(predictionsJSON(a)); got != c.rows+"\n" {
			t.Errorf("got %s, want %s", got, c.rows)
		}
		if got := string(outputsJSON(a)); got != c.columns+"\n" {
			t.Errorf("got %s, want %s", got, c.columns)
		}
	}
	if got, want := string(classesJSON([][]class{{{"a", 0.25}, {"", 1}}, {}})), `{"results":[[["a",0.25],["",1.0]],[]]}`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := string(valuesJSON([]float64{4212.5, 3})), `{"results":[4212.5,3.0]}`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Whatever a body is, it is answered or refused, and what is made of it has as
// many values as it has examples.
func FuzzBody(f *testing.F) {
	s := New(enginetest.Engine(f, enginetest.Digits, enginetest.Penguins))
	for _, body := range []string{
		`{"instances":[` + adelie + `,` + gentoo + `]}`, `{"inputs":` + both + `}`, `{"instances":[{"b64":"aGVsbG8="}]}`,
		`{"instances":[[[1,2],[3,4]]]}`, `{"instances":[[[[0.5]]]]}`, `{"inputs":{"image":[[1]]}}`, `{"inputs":{"measures":[[1,2,3,4]],"kinds":[[0,0,0,0,0,0,1]]}}`,
		`{"examples":[{"sex":["male"],"body_mass_g":1}],"context":{"island":"Dream"}}`, `{"examples":[{"image":[1,2.5,true]}]}`, `{}`, `[[[`,
	} {
		for sig := range byte(4) {
			f.Add(sig, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		doc, err := jsondoc.Parse(body, jsondoc.DefaultLimits())
		if err != nil {
			return
		}
		root := doc.Root()
		info, err := s.engine.Info([]string{"digits", "penguins"}[which%2], "")
		if err != nil {
			t.Fatal(err)
		}
		g, err := signatureOf(&info.Signature, []string{"", preprocessed}[which/2%2])
		if err != nil {
			t.Fatal(err)
		}
		check := func(r *engine.Request, err error) {
			if err != nil {
				if engine.AsError(err).Code == engine.Internal {
					t.Fatal(err)
				}
				return
			}
			for name, values := range r.Columns {
				if len(values) != r.N {
					t.Fatalf("column %s has %d values of %d", name, len(values), r.N)
				}
			}
			for name, x := range r.Tensors {
				if x.Shape().Rank() == 0 || x.Shape().Dim(0) != r.N {
					t.Fatalf("tensor %s is %v of %d", name, x, r.N)
				}
			}
		}
		r := &engine.Request{}
		_, err = g.predict(root, r)
		check(r, err)
		examples, err := examplesOf(root)
		r = &engine.Request{}
		if err == nil {
			err = g.fill(examples, r)
		}
		check(r, err)
	})
}

// A path means one thing or nothing.
func FuzzRoute(f *testing.F) {
	for _, p := range []string{"m", "m/versions/1", "m/labels/a:predict", "m/metadata", "m:classify", "../..", "a/b/c/d", ":", "/"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		r, ok := parseRoute(rest)
		if !ok {
			return
		}
		if r.model == "" || strings.ContainsAny(r.model, "/:") || strings.ContainsAny(r.version, "/:") {
			t.Errorf("%q: got %+v", rest, r)
		}
	})
}
