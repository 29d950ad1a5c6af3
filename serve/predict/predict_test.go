package predict_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/guard"
	"github.com/gradus-ml/gradus/serve/predict"
)

// handler serves all models of enginetest.
func handler(t testing.TB, opts ...predict.Option) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	predict.New(enginetest.Engine(t, enginetest.Digits, enginetest.Penguins, enginetest.Masses, enginetest.Mail), opts...).Register(mux)
	return mux
}

// ask posts a body.
func ask(h http.Handler, path, contentType, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/v1/predict/"+path, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// predictions are those of an answer, as they stand there.
func predictions(t *testing.T, w *httptest.ResponseRecorder) []string {
	t.Helper()
	var a struct {
		Model, Version string
		Predictions    []json.RawMessage
		Time           *float64 `json:"time_ms"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 || a.Version != "1" || a.Time == nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	var list []string
	for _, p := range a.Predictions {
		list = append(list, string(p))
	}
	return list
}

// pixel is the level at a place of the test picture.
func pixel(y, x int) int { return (y*y + 3*x) % 256 }

// picture is a PNG file of 28 x 28 pixels.
func picture(t testing.TB) []byte {
	im := image.NewGray(image.Rect(0, 0, 28, 28))
	for y := range 28 {
		for x := range 28 {
			im.SetGray(x, y, color.Gray{Y: uint8(pixel(y, x))})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// flat and nested are the pixels of the picture as JSON.
func flat() string {
	var list []string
	for y := range 28 {
		for x := range 28 {
			list = append(list, fmt.Sprint(pixel(y, x)))
		}
	}
	return "[" + strings.Join(list, ",") + "]"
}

func nested() string {
	var rows []string
	for y := range 28 {
		var row []string
		for x := range 28 {
			row = append(row, fmt.Sprint(pixel(y, x)))
		}
		rows = append(rows, "["+strings.Join(row, ", ")+"]")
	}
	return "[" + strings.Join(rows, ",\n") + "]"
}

// form makes multipart/form-data of pairs of name and content; a name with a
// slash is that of a part of a type of its own.
func form(t testing.TB, pairs ...string) (contentType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		name, kind, typed := strings.Cut(pairs[i], " as ")
		head := textproto.MIMEHeader{}
		head.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="x"`, name))
		if typed {
			head.Set("Content-Type", kind)
		}
		p, err := w.CreatePart(head)
		if err != nil {
			t.Fatal(err)
		}
		p.Write([]byte(pairs[i+1]))
	}
	w.Close()
	return w.FormDataContentType(), b.String()
}

// TestImages asks about one picture in all forms, and gets one answer.
func TestImages(t *testing.T) {
	h := handler(t)
	file := string(picture(t))
	b64 := `{"b64":"` + base64.StdEncoding.EncodeToString([]byte(file)) + `"}`
	want := predictions(t, ask(h, "digits", "image/png", file))[0]
	if !regexp.MustCompile(`^\{"label":\{"class":"\d","probability":0\.\d+,"probabilities":\{"0":`).MatchString(want) {
		t.Fatal(want)
	}
	one, two := nested(), flat()
	for _, c := range []struct {
		contentType, body string
		rows              int
	}{
		{"", file, 1},
		{"application/octet-stream", file, 1},
		{"application/x-www-form-urlencoded", file, 1},
		{"image/x-whatever", file, 1},
		{"IMAGE/PNG; q=1", file, 1},
		{"application/json", b64, 1},
		{"application/json; charset=utf-8", `{"image":` + b64 + `}`, 1},
		{"application/json", `[` + b64 + `,` + b64 + `]`, 2},
		{"application/json", one, 1},
		{"application/json", two, 1},
		{"application/json", "[" + one + "]", 1},
		{"application/json", "[" + one + "," + one + "," + one + "]", 3},
		{"application/json", "[" + two + "]", 1},
		{"application/json", "[" + two + "," + two + "]", 2},
		{"application/json", "[[" + one + "],[" + one + "]]", 2},
		{"application/json", `[` + b64 + `,{"image":` + two + `},` + one + `,` + two + `]`, 4},
		{"application/json", `{"rows":[{"image":` + one + `},` + two + `]}`, 2},
		{"application/json", `{"columns":{"image":[` + one + `,` + b64 + `]}}`, 2},
		{"application/json", `{"columns":{"image":[` + two + `,` + two + `]}}`, 2},
		{"application/x-ndjson", one[:0] + two + "\n\n{\"image\":" + b64 + "}\r\n" + b64, 3},
	} {
		got := predictions(t, ask(h, "digits", c.contentType, c.body))
		if len(got) != c.rows {
			t.Errorf("%s %.40q: %d rows, want %d", c.contentType, c.body, len(got), c.rows)
		}
		for _, p := range got {
			if p != want {
				t.Errorf("%s %.40q: %s, want %s", c.contentType, c.body, p, want)
			}
		}
	}
	contentType, body := form(t, "image", file, "image as application/json", one)
	if got := predictions(t, ask(h, "digits", contentType, body)); len(got) != 2 || got[0] != want || got[1] != want {
		t.Errorf("%v, want twice %s", got, want)
	}
}

// TestTexts asks about texts.
func TestTexts(t *testing.T) {
	h := handler(t)
	want := predictions(t, ask(h, "mail", "text/plain", "free money"))[0]
	other := predictions(t, ask(h, "mail", "text/plain; charset=UTF-8", "17"))[0]
	if want == other {
		t.Fatal(want)
	}
	contentType, body := form(t, "text", "free money", "text", "17")
	for _, c := range []struct {
		contentType, body string
		want              []string
	}{
		{"application/json", `"free money"`, []string{want}},
		{"application/json", `{"text":"free money"}`, []string{want}},
		{"application/json", ` [ "free \u006doney" , "17" ] `, []string{want, other}},
		{"application/json", `[{"text":"17"},"free money"]`, []string{other, want}},
		{"application/x-ndjson", "\"free money\"\n{\"text\": \"17\"}\n", []string{want, other}},
		{"text/csv", "text\nfree money\n17\n", []string{want, other}},
		{"text/csv", "number,text\r\n1,17\r\n", []string{other}},
		{"text/tab-separated-values", "text\tx\n17\t\n\"free money\"\t", []string{other, want}},
		{contentType, body, []string{want, other}},
	} {
		if got := predictions(t, ask(h, "mail", c.contentType, c.body)); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s %q: %q, want %q", c.contentType, c.body, got, c.want)
		}
	}
}

// TestRows asks about rows of a table, and gets what `gradus predict` prints.
func TestRows(t *testing.T) {
	table := "species,sex,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g\n" +
		"?,male,Dream,44,17.5,200,\n?,,Nowhere,4e1,NA,190,3800\n"
	name := filepath.Join(t.TempDir(), "birds.csv")
	if err := os.WriteFile(name, []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	h := handler(t)
	for _, model := range []string{enginetest.Penguins, enginetest.Masses} {
		saved, err := recipe.OpenRun(enginetest.Folder(t, model, 1), enginetest.Machine())
		if err != nil {
			t.Fatal(err)
		}
		defer saved.Close()
		files, err := file.New()
		if err != nil {
			t.Fatal(err)
		}
		rows, err := saved.Table(t.Context(), files, []string{name})
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var want []string
		for p, err := range saved.Predict(t.Context(), rows, 32) {
			if err != nil {
				t.Fatal(err)
			}
			line, err := json.Marshal(p.Results)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, string(line))
		}
		contentType, body := form(t, "island", "Dream", "sex", "male", "bill_length_mm", "44", "bill_depth_mm", " 17.5\n", "body_mass_g", "", "flipper_length_mm", "200",
			"island", "Nowhere", "sex", "", "bill_length_mm as text/plain", "40", "bill_depth_mm", "", "flipper_length_mm", "190", "body_mass_g as application/json", "3800.0")
		for _, c := range []struct{ contentType, body string }{
			{"text/csv", table},
			{"text/csv;header=present", "\xef\xbb\xbf" + strings.ReplaceAll(table, "\n", "\r\n")},
			{"text/tab-separated-values", strings.ReplaceAll(table, ",", "\t")},
			{"application/json", `[{"sex":"male","island":"Dream","bill_length_mm":44,"bill_depth_mm":"17.5","flipper_length_mm":200,"body_mass_g":null},
				{"island":"Nowhere","bill_length_mm":4e1,"flipper_length_mm":190,"body_mass_g":3800}]`},
			{"application/json", `{"rows":[{"sex":"male","island":"Dream","bill_length_mm":44,"bill_depth_mm":17.5,"flipper_length_mm":200},
				{"island":"Nowhere","sex":null,"bill_length_mm":40,"flipper_length_mm":190,"body_mass_g":3800}]}`},
			{"application/json", `{"columns":{"island":["Dream","Nowhere"],"sex":["male",null],"bill_length_mm":[44,40],"bill_depth_mm":[17.5,null],
				"flipper_length_mm":[200,190],"body_mass_g":[null,3800]}}`},
			{"application/x-ndjson", `{"sex":"male","island":"Dream","bill_length_mm":44,"bill_depth_mm":17.5,"flipper_length_mm":200}` + "\n" +
				`{"island":"Nowhere","bill_length_mm":40,"flipper_length_mm":190,"body_mass_g":3800}`},
			{contentType, body},
		} {
			if got := predictions(t, ask(h, model, c.contentType, c.body)); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%s, %s %.80q:\n%s, want\n%s", model, c.contentType, c.body, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		// One row, in the other forms of answers.
		one := `{"sex":"male","island":"Dream","bill_length_mm":44,"bill_depth_mm":17.5,"flipper_length_mm":200}`
		w := ask(h, model, "application/json", one, "Accept", "application/x-ndjson")
		if w.Body.String() != want[0]+"\n" || w.Header().Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%s %q, want %q", w.Header(), w.Body, want[0])
		}
	}
}

// TestTop keeps the most probable classes, in all forms of answers.
func TestTop(t *testing.T) {
	h := handler(t)
	var full map[string]struct {
		Class         string
		Probability   float64
		Probabilities map[string]float64
	}
	all := predictions(t, ask(h, "digits", "", string(picture(t))))[0]
	if err := json.Unmarshal([]byte(all), &full); err != nil {
		t.Fatal(err)
	}
	label := full["label"]
	best := fmt.Sprintf(`{"label":{"class":"%s","probability":%v,"probabilities":{"%[1]s":%[2]v}}}`, label.Class, label.Probability)
	if got := predictions(t, ask(h, "digits?top=1", "", string(picture(t))))[0]; got != best {
		t.Errorf("got %s, want %s", got, best)
	}
	for _, top := range []string{"10", "11", "99999"} {
		if got := predictions(t, ask(h, "digits?top="+top, "", string(picture(t))))[0]; got != all {
			t.Errorf("top %s: %s", top, got)
		}
	}
	var three map[string]struct{ Probabilities map[string]float64 }
	if err := json.Unmarshal([]byte(predictions(t, ask(h, "digits?top=3", "", string(picture(t))))[0]), &three); err != nil {
		t.Fatal(err)
	}
	kept := three["label"].Probabilities
	for name, p := range label.Probabilities {
		greater := 0
		for _, q := range label.Probabilities {
			if q > p {
				greater++
			}
		}
		if _, ok := kept[name]; ok != (greater < 3) {
			t.Errorf("class %s, the %dth, is kept: %v", name, greater+1, ok)
		}
	}
	w := ask(h, "digits?top=1", "", string(picture(t)), "Accept", "text/csv")
	head, row, _ := strings.Cut(w.Body.String(), "\n")
	told := 0
	for _, cell := range strings.Split(strings.TrimSpace(row), ",") {
		if cell != "" {
			told++
		}
	}
	if !strings.HasPrefix(head, "label.class,label.probability,label.probabilities.0,") || strings.Count(row, ",") != 11 || told != 3 {
		t.Error(w.Body)
	}
}

// TestErrors tells what is wrong with requests, and where.
func TestErrors(t *testing.T) {
	h := handler(t, predict.WithRows(2))
	boundary := "multipart/form-data; boundary=x"
	for _, c := range []struct {
		path, contentType, body string
		code                    int
		want                    string
	}{
		{"nothing", "text/plain", "a", 404, "nothing"},
		{"mail/versions/7", "text/plain", "a", 404, ""},
		{"mail?top=0", "text/plain", "a", 400, `top: ["0"] is not a number of classes, 1 to 1000000`},
		{"mail?top=1&top=2", "text/plain", "a", 400, "top: "},
		{"mail?top=1000001", "text/plain", "a", 400, "top: "},
		{"mail?top=x", "text/plain", "a", 400, "top: "},
		{"mail", "", "a", 415, "the model takes text/plain, application/json, application/x-ndjson, multipart/form-data, text/csv, text/tab-separated-values"},
		{"mail", "application/x-www-form-urlencoded", "a=b", 415, "the body is no picture or sound"},
		{"mail", "application/xml", "<a/>", 415, `Content-Type "application/xml" is not read`},
		{"mail", ";;;", "a", 415, "can't be read"},
		{"mail", "text/plain; charset=latin1", "a", 415, `charset "latin1" is not read`},
		{"mail", "image/png", string(picture(t)), 415, "the model has no column of that"},
		{"mail", "audio/wav", "RIFF", 415, "the model has no column of that"},
		{"digits", "text/plain", "7", 415, "the model takes image/png, image/jpeg, image/webp, image/gif, application/json"},
		{"digits", "text/csv", "image\n7\n", 415, "column image is of kind image, which stands in no table"},
		{"penguins", "text/plain", "7", 415, "the body is one text"},

		{"digits", "image/png", "no picture", 400, "column image: image: 10 bytes that begin with"},
		{"digits", "image/png", "", 400, "column image: image: 0 bytes"},
		{"digits", "application/json", "[]", 400, "the request has no rows"},
		{"digits", "application/json", "[1,2,3]", 400, "image"},
		{"digits", "application/json", "[[1,2,300]]", 400, "300"},
		{"digits", "application/json", "[[1,2],[-1,3]]", 400, "-1"},
		{"digits", "application/json", `[[[0.5]]]`, 400, "0.5"},
		{"digits", "application/json", `{"b64":"*"}`, 400, "base64"},
		{"digits", "application/json", `{"b64":7}`, 400, "b64"},
		{"digits", "application/json", `{"columns":{"image":{"a":1}}}`, 400, "columns.image: want a list"},

		{"penguins", "application/json", "", 400, ""},
		{"penguins", "application/json", "null", 400, "want an object with a value for each column, got null; it reads [bill_length_mm], "},
		{"penguins", "application/json", `[{"age":1}]`, 400, `row 0: the model has no column "age"; it reads [bill_length_mm], [bill_depth_mm]`},
		{"penguins", "application/json", `{"age":1}`, 400, `the model has no column "age"; it reads`},
		{"penguins", "application/json", `{"island":{"name":"x"}}`, 400, "column island"},
		{"penguins", "application/json", `{"a":{"b":{"c":1}}}`, 400, `no column "a.b.c"`},
		{"penguins", "application/json", `[{},{"body_mass_g":"abc"}]`, 400, `row 1: column body_mass_g: "abc" is not a number`},
		{"penguins", "application/json", `{"body_mass_g":"abc"}`, 400, `column body_mass_g: "abc" is not a number`},
		{"penguins", "application/json", `{"body_mass_g":1e39}`, 400, `beyond float32`},
		{"penguins", "application/json", `{"body_mass_g":[1,2]}`, 400, "column body_mass_g"},
		{"penguins", "application/json", `[{},{},{}]`, 413, "the request has more than 2 rows"},
		{"penguins", "application/json", `{"rows":[{},{},{}]}`, 413, "the request has more than 2 rows"},
		{"penguins", "application/json", `{"columns":{"sex":[null,null,null]}}`, 413, "the request has more than 2 rows"},
		{"penguins", "application/json", `{"columns":{"sex":[null],"island":[null,null]}}`, 400, "columns.island: has 2 values, another column 1"},
		{"penguins", "application/json", `{"columns":{"age":[null]}}`, 400, `no column "age"`},
		{"penguins", "application/json", `{"columns":{}}`, 400, "the request has no rows"},
		{"mail", "application/json", `{"columns":{}}`, 400, "column text is missing; it reads text"},
		{"mail", "application/json", `[{"text":"a"},{}]`, 400, "row 1: column text is missing; it reads text"},
		{"mail", "application/json", `["a",7]`, 400, "column text wants text, got a number"},
		{"mail", "application/json", `["a",null]`, 400, "column text"},

		{"mail", "application/x-ndjson", "", 400, "the request has no rows"},
		{"mail", "application/x-ndjson", "\"a\"\n\n[\n", 400, "line 3: "},
		{"mail", "application/x-ndjson", "\"a\"\n{\"b\":1}", 400, `line 2: the model has no column "b"`},
		{"mail", "application/x-ndjson", "\"a\"\n\"a\"\n\"a\"\n", 413, "more than 2 rows"},
		{"penguins", "application/x-ndjson", "{}\n\n{\"body_mass_g\":\"abc\"}\n", 400, `line 3: column body_mass_g: "abc" is not a number`},

		{"penguins", "text/csv", "", 400, "the file is empty"},
		{"penguins", "text/csv", "sex,island\nmale,Dream\n", 400, "the header has no column bill_length_mm; it reads [bill_length_mm]"},
		{"penguins", "text/csv", "sex,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g\n", 400, "the request has no rows"},
		{"penguins", "text/csv", "sex,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g\nmale\n", 400, "line 2: 1 fields, want 6"},
		{"penguins", "text/csv", "sex,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g\n\n,,1,2,3,x\n", 400, `column body_mass_g: "x" is not a number`},
		{"penguins", "text/csv", "sex,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g\n,,1,2,3,\n\n,,1,2,3,x\n", 400, `line 4: column body_mass_g: "x" is not a number`},
		{"penguins", "text/csv", "sex,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g\n,,,,,\n,,,,,\n,,,,,\n", 413, "more than 2 rows"},
		{"mail", "text/csv", "text\n\"a", 400, "a quote is never closed"},

		{"mail", "multipart/form-data", "", 400, "boundary"},
		{"mail", boundary, "", 400, "multipart"},
		{"mail", boundary, "--x--\r\n", 400, "column text is missing"},
		{"mail", boundary, "--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\na\r\n--x--", 400, `no column "other"; it reads text`},
		{"mail", boundary, "--x\r\n\r\na\r\n--x--", 400, `no column ""; it reads text`},
		{"mail", boundary, "--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\na", 400, "multipart/form-data: column text"},
		{"mail", boundary, strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\na\r\n", 3) + "--x--", 413, "more than 2 rows"},
		{"penguins", boundary, strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"sex\"\r\n\r\n\r\n", 2) +
			"--x\r\nContent-Disposition: form-data; name=\"island\"\r\n\r\n\r\n--x--", 400, "column island is there 1 times, another one 2 times"},
		{"penguins", boundary, "--x\r\nContent-Disposition: form-data; name=\"body_mass_g\"\r\nContent-Type: application/json\r\n\r\n{\r\n--x--", 400, "column body_mass_g"},
	} {
		w := ask(h, c.path, c.contentType, c.body)
		var e map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || len(e) != 1 || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %.60q: %d %s", c.path, c.contentType, c.body, w.Code, w.Body)
		}
		if w.Code != c.code || !strings.Contains(e["error"], c.want) {
			t.Errorf("%s %s %.60q: %d %s, want %d ...%s...", c.path, c.contentType, c.body, w.Code, e["error"], c.code, c.want)
		}
	}
	if w := ask(h, "mail", "text/plain", "a", "Accept", "text/html"); w.Code != 406 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestSecurityRow13NoSerializedObjects: what is serialized by pickle, NumPy,
// PyTorch and the like is not read, whatever it says it is.
func TestSecurityRow13NoSerializedObjects(t *testing.T) {
	h := handler(t)
	bodies := map[string]string{
		"pickle":   "\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.",
		"npy":      "\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }" + strings.Repeat(" ", 40) + "\n\x80\x04N.",
		"torch":    "PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00\x00\x00archive/data.pkl",
		"java":     "\xac\xed\x00\x05sr\x00\x11java.util.HashMap",
		"php":      `O:8:"stdClass":0:{}`,
		"yaml":     "!!python/object/apply:os.system [id]",
		"protobuf": "\x0a\x05image\x12\x04\x08\x01\x12\x00",
	}
	types := []string{"", "application/octet-stream", "application/x-www-form-urlencoded", "application/python-pickle", "application/x-pickle", "application/x-npy",
		"application/x-numpy", "application/zip", "application/x-java-serialized-object", "application/yaml", "application/x-protobuf", "application/vnd.pytorch"}
	for name, body := range bodies {
		for _, contentType := range types {
			if w := ask(h, "digits", contentType, body); w.Code != 415 {
				t.Errorf("%s as %q: %d %s", name, contentType, w.Code, w.Body)
			}
		}
		for _, contentType := range []string{"application/json", "application/x-ndjson", "image/png"} {
			if w := ask(h, "digits", contentType, body); w.Code != 400 {
				t.Errorf("%s as %q: %d %s", name, contentType, w.Code, w.Body)
			}
		}
		// Within other forms it is bytes that are no picture.
		contentType, multipart := form(t, "image", body)
		for _, c := range [][2]string{
			{contentType, multipart},
			{"application/json", `{"b64":"` + base64.StdEncoding.EncodeToString([]byte(body)) + `"}`},
		} {
			if w := ask(h, "digits", c[0], c[1]); w.Code != 400 || !strings.Contains(w.Body.String(), "no PNG, JPEG, WebP or GIF file") {
				t.Errorf("%s within %s: %d %s", name, c[0], w.Code, w.Body)
			}
		}
	}
}

// TestSecurityRow14NoAddresses: an address in place of a picture is refused, and
// nobody is asked for it.
func TestSecurityRow14NoAddresses(t *testing.T) {
	asked := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("an address was fetched") }))
	defer asked.Close()
	h := handler(t)
	for _, address := range []string{asked.URL + "/x.png", "HTTP" + strings.TrimPrefix(asked.URL, "http"), "https://127.0.0.1/x", "ftp://127.0.0.1/x", "file:///etc/passwd",
		"s3://bucket/key", "gopher://127.0.0.1:6379/_x", "data:image/png;base64,aGVsbG8="} {
		q, _ := json.Marshal(address)
		contentType, body := form(t, "image", address)
		for _, c := range [][2]string{
			{"application/json", string(q)},
			{"application/json", `{"image":` + string(q) + `}`},
			{"application/json", `[` + string(q) + `]`},
			{"application/json", `{"columns":{"image":[` + string(q) + `]}}`},
			{"application/x-ndjson", string(q)},
			{contentType, body},
		} {
			if w := ask(h, "digits", c[0], c[1]); w.Code != 400 || !strings.Contains(w.Body.String(), "files are sent, not addresses") {
				t.Errorf("%s %s: %d %s", c[0], c[1], w.Code, w.Body)
			}
		}
		for _, c := range [][2]string{
			{"image/png", address},
			{"application/json", `{"b64":` + string(q) + `}`},
			{"application/json", `{"url":` + string(q) + `}`},
			{"application/json", `{"image":{"url":` + string(q) + `}}`},
			{"application/json", `{"image_url":` + string(q) + `}`},
		} {
			if w := ask(h, "digits", c[0], c[1]); w.Code != 400 {
				t.Errorf("%s %s: %d %s", c[0], c[1], w.Code, w.Body)
			}
		}
	}
	// A path is none either, nor does a text that is an address lead anywhere.
	if w := ask(h, "digits", "application/json", `"/etc/passwd"`); w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(h, "mail", "application/json", `"`+asked.URL+`"`); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestManyRows asks for more than the queue of a model holds.
func TestManyRows(t *testing.T) {
	h := handler(t)
	row := func(i int) string { return fmt.Sprintf(`{"body_mass_g":%d}`, 3000+i) }
	var rows []string
	for i := range 3000 {
		rows = append(rows, row(i))
	}
	got := predictions(t, ask(h, "masses", "application/json", "["+strings.Join(rows, ",")+"]"))
	if len(got) != len(rows) {
		t.Fatalf("%d predictions", len(got))
	}
	for _, i := range []int{0, 127, 128, 2999} {
		if want := predictions(t, ask(h, "masses", "application/json", row(i)))[0]; got[i] != want {
			t.Errorf("row %d: %s, want %s", i, got[i], want)
		}
	}
	rows[2500] = `{"body_mass_g":"x"}`
	if w := ask(h, "masses", "application/json", "["+strings.Join(rows, ",")+"]"); w.Code != 400 || !strings.Contains(w.Body.String(), "row 2500: column body_mass_g") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestModels lists models with examples that work.
func TestModels(t *testing.T) {
	h := handler(t)
	get := func(path string, v any) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/v1/predict"+path, nil))
		if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
			t.Fatal(err)
		}
		return w.Code
	}
	var all struct{ Models []predict.Model }
	if code := get("", &all); code != 200 || len(all.Models) != 4 {
		t.Fatalf("%d %v", code, all)
	}
	for _, m := range all.Models {
		var one predict.Model
		if code := get("/"+m.Model, &one); code != 200 || one.Model != m.Model || one.Example == "" {
			t.Errorf("%s: %d %v", m.Model, code, one)
		}
		if code := get("/"+m.Model+"/versions/1", &one); code != 200 || !strings.HasSuffix(one.Example, "'http://example.com/v1/predict/"+m.Model+"/versions/1'") {
			t.Errorf("%s: %d %v", m.Model, code, one)
		}
		if body := regexp.MustCompile(`-d '(.*)' '`).FindStringSubmatch(one.Example); body != nil {
			predictions(t, ask(h, m.Model, "application/json", body[1]))
		} else if !regexp.MustCompile(`^curl --data-binary @\S+ -H 'Content-Type: (image/png|text/plain)' 'http:`).MatchString(one.Example) {
			t.Error(one.Example)
		}
	}
	var e struct{ Error string }
	if code := get("/other", &e); code != 404 || e.Error == "" {
		t.Errorf("%d %v", code, e)
	}
}

func Example() {
	e := engine.New(enginetest.Machine())
	defer e.Close()
	mux := http.NewServeMux()
	predict.New(e).Register(mux)

	r := httptest.NewRequest("POST", "/v1/predict/mnist", strings.NewReader("[[0, 255], [255, 0]]"))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Print(w.Code, " ", w.Body)
	// Output:
	// 404 {"error":"there is no model \"mnist\""}
}

// TestKeys: a key that is good for one model asks that one, and sees no other.
func TestKeys(t *testing.T) {
	key, line, err := guard.NewKey("ann", guard.Predict)
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(guard.Settings{Limits: guard.DefaultLimits(), Keys: guard.Keys{List: []string{line + ":models=mail"}}, Local: true, Request: time.Minute,
		Scope: func(*http.Request) guard.Scope { return guard.Predict }})
	if err != nil {
		t.Fatal(err)
	}
	h := guard.Identify(g.Protect(handler(t)))
	for _, c := range []struct {
		method, path string
		code         int
	}{{"POST", "/mail", 200}, {"POST", "/digits", 403}, {"POST", "/nothing", 403}, {"GET", "/mail", 200}, {"GET", "/digits", 403}, {"GET", "", 200}} {
		r := httptest.NewRequest(c.method, "http://localhost/v1/predict"+c.path, strings.NewReader("free money"))
		r.Header.Set("Content-Type", "text/plain")
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.code || strings.Contains(w.Body.String(), "penguins") {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, w.Code, w.Body, c.code)
		}
	}
}
