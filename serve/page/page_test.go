package page_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/page"
	"github.com/gradus-ml/gradus/serve/predict"
)

// server has the page and predictions of an engine's models.
func server(t *testing.T, e *engine.Engine) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	page.New(e).Register(mux)
	predict.New(e).Register(mux)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// TestAssets have their types, a tag and a strict policy; all that the page
// loads is there.
func TestAssets(t *testing.T) {
	s := server(t, enginetest.Engine(t, enginetest.Mail))
	get := func(path, tag string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequest("GET", s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("If-None-Match", tag)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		body, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return a, string(body)
	}
	seen := map[string]bool{}
	scripts := 0
	types := map[string]string{"": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
	reference := regexp.MustCompile(`(?:href="|src="|from "\./)((?:page/)?[a-z]+\.[a-z]+)"`)
	paths := []string{"/"}
	for len(paths) > 0 {
		path := paths[0]
		paths = paths[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		a, body := get(path, "")
		_, kind, _ := strings.Cut(path, ".")
		if kind == "js" {
			scripts += len(body)
		}
		if a.StatusCode != 200 || a.Header.Get("Content-Type") != types[kind] {
			t.Errorf("%s: %s, %q", path, a.Status, a.Header.Get("Content-Type"))
		}
		policy := a.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") || strings.Contains(policy, "unsafe") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, a.Header)
		}
		if again, rest := get(path, a.Header.Get("Etag")); again.StatusCode != http.StatusNotModified || rest != "" {
			t.Errorf("%s, asked again: %s", path, again.Status)
		}
		if strings.Contains(strings.ReplaceAll(body, "http://www.w3.org/2000/svg", ""), "://") {
			t.Errorf("%s has an address of another host", path)
		}
		for _, m := range reference.FindAllStringSubmatch(body, -1) {
			paths = append(paths, "/page/"+strings.TrimPrefix(m[1], "page/"))
		}
	}
	if len(seen) != 9 {
		t.Errorf("the page has the files %v", seen)
	}
	if scripts > 40<<10 {
		t.Errorf("the scripts have %d bytes, want at most %d", scripts, 40<<10)
	}
	for _, path := range []string{"/page/", "/page/index.html", "/page/../page.go", "/page/web/page.js"} {
		if a, _ := get(path, ""); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
}

// ask sends a body to be explained.
func ask(t *testing.T, url, contentType, accept string, body []byte) (int, http.Header, []byte) {
	t.Helper()
	r, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept", accept)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	answer, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, a.Header, answer
}

// picture is a file of 28x28 pixels with a bar.
func picture(t *testing.T) []byte {
	t.Helper()
	im := image.NewGray(image.Rect(0, 0, 28, 28))
	for y := 5; y < 24; y++ {
		for x := 12; x < 16; x++ {
			im.SetGray(x, y, color.Gray{uint8(150 + 5*x)})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const bird = `{"bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": null, "island": "Dream"}`

// TestExplain explains each kind of model.
func TestExplain(t *testing.T) {
	s := server(t, enginetest.Engine(t, enginetest.Digits, enginetest.Penguins, enginetest.Masses, enginetest.Mail))
	for _, c := range []struct {
		model, query, contentType string
		body                      []byte
		want                      string // target, method, columns
	}{
		{enginetest.Digits, "", "image/png", picture(t), "label gradient log_odds [image:image]"},
		{enginetest.Digits, "?class=7&smooth=3", "image/png", picture(t), "label gradient log_odds [image:image]"},
		{enginetest.Digits, "?method=gradient_times_input", "image/png", picture(t), "label gradient_times_input log_odds [image:image]"},
		{enginetest.Mail, "?class=spam", "text/plain", []byte("Free <money>, now"), "kind gradient_times_input log_odds [text:text]"},
		{enginetest.Penguins, "?target=species&class=Gentoo", "application/json", []byte(bird), "species gradient_times_input log_odds [bill_length_mm:number bill_depth_mm:number flipper_length_mm:number body_mass_g:number island:category sex:category]"},
		{enginetest.Masses, "", "application/json", []byte("[" + bird + "]"), "mass gradient_times_input value [bill_length_mm:number bill_depth_mm:number flipper_length_mm:number body_mass_g:number island:category sex:category]"},
	} {
		status, header, answer := ask(t, s.URL+"/v1/explain/"+c.model+c.query, c.contentType, "application/json", c.body)
		if status != 200 || header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", c.model, status, answer)
			continue
		}
		var a page.Answer
		if err := json.Unmarshal(answer, &a); err != nil {
			t.Errorf("%s: %v", c.model, err)
			continue
		}
		var columns []string
		for _, c := range a.Columns {
			columns = append(columns, c.Name+":"+string(c.Kind))
		}
		if got := fmt.Sprint(a.Target, " ", a.Method, " ", a.Kind, " ", columns); got != c.want {
			t.Errorf("%s: got %s, want %s", c.model, got, c.want)
		}
		if a.Model != c.model || a.Version != "1" || a.Prediction[a.Target] == nil || a.TimeMS <= 0 || math.IsNaN(a.Score) {
			t.Errorf("%s: %+v", c.model, a)
		}
		if _, class, ok := strings.Cut(c.query, "class="); ok {
			if class, _, _ = strings.Cut(class, "&"); a.Class != class {
				t.Errorf("%s: class %s, want %s", c.model, a.Class, class)
			}
		}
		switch c.model {
		case enginetest.Digits:
			im, err := png.Decode(bytes.NewReader(a.Columns[0].HeatMap))
			if err != nil || im.Bounds() != image.Rect(0, 0, 280, 280) {
				t.Errorf("heat map: %v", err)
			}
		case enginetest.Mail:
			var text string
			share := 0.0
			for _, w := range a.Columns[0].Words {
				text, share = text+w.Text, share+w.Share
			}
			if text != string(c.body) || math.Abs(share-a.Columns[0].Share) > 1e-6 || bytes.Contains(answer, []byte(`\u003c`)) {
				t.Errorf("words %+v of %s", a.Columns[0].Words, answer)
			}
		}
	}
	// The same twice; a picture for those who take nothing else.
	url := s.URL + "/v1/explain/" + enginetest.Digits + "/versions/1?smooth=2"
	status, header, one := ask(t, url, "image/png", "image/png", picture(t))
	if _, err := png.Decode(bytes.NewReader(one)); status != 200 || header.Get("Content-Type") != "image/png" || err != nil {
		t.Errorf("a picture: %d %v", status, err)
	}
	if _, _, two := ask(t, url, "image/png", "image/png", picture(t)); !bytes.Equal(one, two) {
		t.Error("the noise is another one the second time")
	}
}

// TestExplainMistakes are the client's, and told.
func TestExplainMistakes(t *testing.T) {
	s := server(t, enginetest.Engine(t, enginetest.Digits, enginetest.Mail, enginetest.Masses))
	for _, c := range []struct {
		path, contentType, accept, body string
		status                          int
		message                         string
	}{
		{"other", "text/plain", "", "x", 404, ""},
		{"mail/versions/7", "text/plain", "", "x", 404, ""},
		{"mail?class=eggs", "text/plain", "", "x", 400, `target kind has no class "eggs"; there are ham, spam`},
		{"mail?target=eggs", "text/plain", "", "x", 400, `there is no target "eggs"; there are kind`},
		{"mail?method=slope", "text/plain", "", "x", 400, `method: "slope" is not gradient or gradient_times_input`},
		{"mail?smooth=65", "text/plain", "", "x", 400, `smooth: "65" is not in 0..64`},
		{"mail?smooth=-1", "text/plain", "", "x", 400, `smooth: "-1" is not in 0..64`},
		{"mail?%zz", "text/plain", "", "x", 400, "the query can't be read"},
		{"mail", "application/json", "", `{"text": "a"`, 400, ""},
		{"mail", "application/json", "", `{"rows": []}`, 400, "an explanation is of one row, the request has 0"},
		{"mail", "application/json", "", `{"rows": [{"text": "a"}, {"text": "b"}]}`, 400, "an explanation is of one row, the request has 2"},
		{"mail", "text/plain", "image/png", "x", 406, "model mail reads no image: an explanation of it is application/json"},
		{"mail", "text/plain", "", strings.Repeat("a ", 1<<17+1), 413, "the row's texts have 262146 bytes, those of an explanation at most 262144"},
		{"masses", "application/json", "", `{"bill_length_mm": 3e38}`, 400, "the numbers are too large to explain what is made of them"},
		{"digits", "image/png", "", "x", 400, ""},
	} {
		status, _, answer := ask(t, s.URL+"/v1/explain/"+c.path, c.contentType, c.accept, []byte(c.body))
		var a struct{ Error string }
		if err := json.Unmarshal(answer, &a); err != nil || status != c.status || a.Error == "" || c.message != "" && a.Error != c.message {
			t.Errorf("%s %.40s: %d %s, want %d %q", c.path, c.body, status, answer, c.status, c.message)
		}
	}
}

// TestExplainQueue refuses more explanations than may wait, and goes on with
// predictions in between.
func TestExplainQueue(t *testing.T) {
	e := enginetest.Engine(t, enginetest.Mail)
	s := server(t, e)
	held, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- e.Do(context.Background(), enginetest.Mail, "", func(string, *recipe.Saved) error { close(held); <-release; return nil })
	}()
	<-held
	answers := make(chan string, 20)
	for range 20 {
		go func() {
			r, err := http.Post(s.URL+"/v1/explain/"+enginetest.Mail, "text/plain", strings.NewReader("free"))
			if err != nil {
				answers <- err.Error()
				return
			}
			r.Body.Close()
			answers <- fmt.Sprint(r.StatusCode, " ", r.Header.Get("Retry-After"))
		}()
	}
	got := map[string]int{}
	for range 15 {
		got[<-answers]++
	}
	if want := map[string]int{"429 1": 15}; !reflect.DeepEqual(got, want) {
		t.Errorf("while one is computed: %v, want %v", got, want)
	}
	close(release)
	clear(got)
	for range 5 {
		got[<-answers]++
	}
	if want := map[string]int{"200 ": 5}; !reflect.DeepEqual(got, want) {
		t.Errorf("afterwards: %v, want %v", got, want)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// FuzzExplain asks for all sorts of explanations of all sorts of bodies.
func FuzzExplain(f *testing.F) {
	e := enginetest.Engine(f, enginetest.Masses, enginetest.Penguins, enginetest.Mail)
	mux := http.NewServeMux()
	page.New(e).Register(mux)
	for _, s := range [][4]string{
		{"mail", "class=spam", "text/plain", "Free money"},
		{"mail", "smooth=2&method=gradient", "application/json", `{"text": "\u0000\ud800 İ ñ"}`},
		{"mail", "", "text/csv", "text\na\n"},
		{"penguins", "target=species&class=Adelie", "application/json", bird},
		{"masses", "smooth=1", "application/json", `{"bill_length_mm": -3e38}`},
		{"penguins", "smooth=1", "application/json", `{"bill_length_mm": 1e308, "body_mass_g": -1e308, "island": ""}`},
		{"penguins", "method=&class=%00", "application/x-ndjson", bird},
		{"..%2fmail", "%", "multipart/form-data; boundary=x", "--x--"},
	} {
		f.Add(s[0], s[1], s[2], []byte(s[3]))
	}
	f.Fuzz(func(t *testing.T, model, query, contentType string, body []byte) {
		r := httptest.NewRequest("POST", "/v1/explain/mail", bytes.NewReader(body))
		r.URL.Path, r.URL.RawQuery = "/v1/explain/"+model, query
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%s?%s: %d %s", model, query, w.Code, w.Body)
		}
		if w.Code == 200 && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("no JSON: %s", w.Body)
		}
	})
}
