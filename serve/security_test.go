package serve

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/guard"
	"github.com/gradus-ml/gradus/train"
)

// Administration is on an address of its own, and no address that other
// machines can reach is listened to without keys.
func TestSecurityRow10Administration(t *testing.T) {
	s := loaded(t, nil)
	for _, path := range []string{"/admin/models", "/admin/reload", "/metrics", "/debug/pprof/", "/debug/vars"} {
		for _, method := range []string{"GET", "POST"} {
			if status, text, _ := ask(t, method, s.url+path, ""); status != 404 {
				t.Errorf("%s %s where clients are: %d %s", method, path, status, text)
			}
		}
	}
	for _, c := range []func(c *Config){
		func(c *Config) { c.Listen = "0.0.0.0:0" },
		func(c *Config) { c.Listen = ":0" },
		func(c *Config) { c.Listen = "[::]:0" },
		func(c *Config) { c.Admin = "0.0.0.0:0" },
		func(c *Config) { c.Admin = ":0" },
	} {
		config := Default()
		c(&config)
		_, err := New(s.engine, config)
		if err == nil || !strings.Contains(err.Error(), "gradus serve key") || !strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s and %q without keys: %v", config.Listen, config.Admin, err)
		}
		_, line, err := guard.NewKey("a")
		if err != nil {
			t.Fatal(err)
		}
		config.Keys.List = []string{line}
		open, err := New(s.engine, config)
		if err == nil {
			err = open.Listen()
		}
		if err != nil {
			t.Errorf("%s and %q with a key: %v", config.Listen, config.Admin, err)
			continue
		}
		open.public.listener.Close()
		if open.admin.listener != nil {
			open.admin.listener.Close()
		}
	}
	// A key of a client is not one of an administrator's, and a scraper's is
	// good for figures alone.
	var lines []string
	tokens := map[string]string{}
	for _, scope := range []guard.Scope{guard.Predict, guard.Metrics, guard.Admin} {
		token, line, err := guard.NewKey(string(scope), scope)
		if err != nil {
			t.Fatal(err)
		}
		tokens[string(scope)], lines = "X-API-Key: "+token, append(lines, line)
	}
	locked := loaded(t, func(c *Config) { c.Keys.List = lines })
	for _, c := range []struct {
		method, url, key string
		status           int
	}{
		{"POST", locked.url + "/test/penguins", "", 401},
		{"POST", locked.url + "/test/penguins", "predict", 200},
		{"POST", locked.url + "/test/penguins", "metrics", 403},
		{"POST", locked.url + "/test/penguins", "admin", 200},
		{"GET", locked.admin + "/admin/models", "", 401},
		{"GET", locked.admin + "/admin/models", "predict", 403},
		{"GET", locked.admin + "/admin/models", "metrics", 403},
		{"GET", locked.admin + "/admin/models", "admin", 200},
		{"GET", locked.admin + "/debug/pprof/cmdline", "predict", 403},
		{"GET", locked.admin + "/metrics", "predict", 403},
		{"GET", locked.admin + "/metrics", "", 401},
		{"GET", locked.admin + "/livez", "", 200},
		{"GET", locked.url + "/readyz", "", 200},
	} {
		var headers []string
		if c.key != "" {
			headers = append(headers, tokens[c.key])
		}
		if status, text, _ := ask(t, c.method, c.url, "", headers...); status != c.status {
			t.Errorf("%s %s with the key %q: %d %s, want %d", c.method, c.url, c.key, status, text, c.status)
		}
	}
	// No request names what is loaded.
	for _, body := range []string{`{"run": "/etc"}`, `{"url": "http://127.0.0.1/m"}`, `{"parameters": {"config": "{}", "file:1/model.onnx": ""}}`} {
		if status, _, _ := ask(t, "POST", s.admin+"/admin/models/other/versions/1/load", body); status != 404 {
			t.Errorf("load with %s: %d", body, status)
		}
	}
}

// A page of another site can't make the administrators' listener work by an
// image, which is a GET without an Origin.
func TestSecurityRow9Administration(t *testing.T) {
	s := loaded(t, func(c *Config) { c.Origins = []string{"https://friend.example"} })
	for _, path := range []string{"/debug/pprof/trace?seconds=3600", "/debug/pprof/cmdline", "/admin/models", "/metrics"} {
		for _, site := range []string{"cross-site", "same-site"} {
			status, text, _ := ask(t, "GET", s.admin+path, "", "Sec-Fetch-Site: "+site, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image")
			if status != 403 {
				t.Errorf("%s of a page that is %s: %d %s", path, site, status, text)
			}
		}
	}
	for _, site := range []string{"none", "same-origin"} {
		if status, text, _ := ask(t, "GET", s.admin+"/admin/models", "", "Sec-Fetch-Site: "+site); status != 200 {
			t.Errorf("%s: %d %s", site, status, text)
		}
	}
	if status, text, _ := ask(t, "GET", s.admin+"/livez", "", "Sec-Fetch-Site: cross-site"); status != 200 {
		t.Errorf("a probe: %d %s", status, text)
	}
}

// A key that is good for some models asks no others, by whatever interface.
func TestKeysOfModels(t *testing.T) {
	token, line, err := guard.NewKey("a")
	if err != nil {
		t.Fatal(err)
	}
	s := loaded(t, func(c *Config) {
		c.Keys.List = []string{line + ":models=mail"}
		m := DefaultModel()
		m.Name, m.Run = enginetest.Mail, enginetest.Folder(t, enginetest.Mail, 1)
		c.Models = append(c.Models, m)
	})
	key := "X-API-Key: " + token
	for _, path := range []string{"/v1/models/NAME:predict", "/v1/predict/NAME", "/v1/explain/NAME"} {
		body, kind := `{"instances": ["hello"]}`, "Content-Type: application/json"
		if !strings.HasPrefix(path, "/v1/models") {
			body, kind = "hello", "Content-Type: text/plain"
		}
		for name, want := range map[string]int{enginetest.Mail: 200, enginetest.Penguins: 403, "none": 403} {
			if status, text, _ := ask(t, "POST", s.url+strings.Replace(path, "NAME", name, 1), body, key, kind); status != want {
				t.Errorf("%s of %s: %d %s, want %d", path, name, status, text, want)
			}
		}
	}
}

func TestSecurityRow9Server(t *testing.T) {
	s := loaded(t, nil)
	for _, url := range []string{s.url + "/test/penguins", s.admin + "/admin/reload"} {
		for _, h := range []string{"Host: evil.example", "Origin: https://evil.example", "Sec-Fetch-Site: cross-site"} {
			if status, text, _ := ask(t, "POST", url, "", h); status != 403 {
				t.Errorf("%s with %s: %d %s", url, h, status, text)
			}
		}
		if status, text, _ := ask(t, "POST", url, ""); status != 200 {
			t.Errorf("%s: %d %s", url, status, text)
		}
	}
}

// Headers that are too large get 431, those that come too slowly no connection,
// by HTTP/1.1 and HTTP/2.
func TestSecurityRow15Headers(t *testing.T) {
	s := loaded(t, func(c *Config) { c.Timeouts.Header = 300 * time.Millisecond })
	long := strings.Repeat("a", 200<<10)
	if status, _, _ := ask(t, "GET", s.url+"/livez", "", "X-Long: "+long); status != 431 {
		t.Errorf("a header of 200 KiB: %d", status)
	}
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	defer tr.CloseIdleConnections()
	for _, n := range []int{1, 200} {
		q, err := http.NewRequest("GET", s.url+"/livez", nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			q.Header.Add(fmt.Sprint("X-Long-", i), strings.Repeat("a", 200<<10/n))
		}
		a, err := tr.RoundTrip(q)
		if err == nil {
			a.Body.Close()
			if a.StatusCode != 431 {
				t.Errorf("%d headers of 200 KiB together, HTTP/2: %s", n, a.Status)
			}
		} else if !strings.Contains(err.Error(), "header list") && !strings.Contains(err.Error(), "GOAWAY") {
			t.Error(err)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	var conns []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
		conns = append(conns, c)
	}
	if status, _, _ := ask(t, "POST", s.url+"/test/penguins", ""); status != 200 {
		t.Errorf("beside slow clients: %d", status)
	}
	start := time.Now()
	for _, c := range conns {
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		for { // drip
			if _, err := c.Write([]byte("a")); err != nil {
				break
			}
			c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			if _, err := c.Read(make([]byte, 1<<10)); err != nil && !os.IsTimeout(err) {
				break
			}
			if time.Since(start) > 10*time.Second {
				t.Fatal("a client that sends a header slowly keeps its connection")
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > before+16<<20 {
		t.Errorf("the heap grew by %d bytes", m.HeapAlloc-before)
	}
}

// leaks are what no client may see: paths of this machine, places in the
// source, stacks and addresses in memory.
var leaks = regexp.MustCompile(`(?i)/tmp/|/home/|/root/|/usr/|/etc/|/proc/|/var/|[a-z]:\\|\.go\b|goroutine|runtime\.|0x[0-9a-f]{6,}|gradus-ml|panic|stack|nil pointer|&\{|%!|\*[a-z]+\.[a-z]|context\.[a-z]`)

// checkAnswer looks for leaks in the header and body of an answer.
func checkAnswer(t testing.TB, what string, status int, text string, h http.Header, secrets ...string) {
	t.Helper()
	all := text
	for name, values := range h {
		if name == "Location" {
			continue // of the request itself
		}
		all += "\n" + name + ": " + strings.Join(values, ", ")
	}
	if leak := leaks.FindString(all); leak != "" {
		t.Errorf("%s: %d shows %q: %.300s", what, status, leak, all)
	}
	for _, secret := range secrets {
		if strings.Contains(all, secret) {
			t.Errorf("%s: %d shows %q: %.300s", what, status, secret, all)
		}
	}
}

// Every route is asked wrongly in many ways, of models that work, that can't be
// loaded and that fail. No answer tells anything of the inside.
func TestSecurityRow21NothingLeaks(t *testing.T) {
	broken := enginetest.Folder(t, enginetest.Penguins, 2)
	if err := os.Truncate(filepath.Join(broken, filepath.FromSlash(train.WeightsFile)), 100); err != nil {
		t.Fatal(err)
	}
	var good string
	s := run(t, func(c *Config) {
		good = c.Models[0].Run
		m := DefaultModel()
		m.Name, m.Run = "broken", broken
		none := DefaultModel()
		none.Name, none.Run = "none", broken+"/none"
		c.Models = append(c.Models, m, none)
		digits := DefaultModel()
		digits.Name, digits.Run = enginetest.Digits, enginetest.Folder(t, enginetest.Digits, 1)
		mail := DefaultModel()
		mail.Name, mail.Run = enginetest.Mail, enginetest.Folder(t, enginetest.Mail, 1)
		c.Models = append(c.Models, digits, mail)
	})
	if err := s.Load(t.Context()); err == nil {
		t.Fatal("a broken model was loaded")
	}
	secrets := []string{good, broken, os.TempDir() + "/"}

	bodies := map[string]string{
		"empty": "", "no JSON": "{", "list": "[]", "object": "{}", "null": "null", "number": "1", "text": `"x"`,
		"deep":    strings.Repeat("[", 100000),
		"inputs":  `{"inputs": [{"name": "x", "shape": [-1], "datatype": "FP32", "data": [NaN]}]}`,
		"wrong":   `{"inputs": [{"name": "image", "shape": [1, 28, 28], "datatype": "FP32", "data": [1]}]}`,
		"columns": `{"instances": [{"bill_length_mm": "abc", "island": 7}]}`,
		"huge":    `{"instances": [1e999, -1e999, 99999999999999999999999]}`,
		"rows":    `[{"island": "nowhere", "bill_length_mm": null}]`,
		"binary":  "\x00\xff\x89PNG\r\n\x1a\n",
		"long":    strings.Repeat("a", 100000),
		"message": "\x00\x00\x00\x00\x03abc",
		"call":    "\x00\x00\x00\x00\x0a\x0a\x08penguins",
		"packed":  "\x01\x00\x00\x00\x03abc",
		"cut":     "\x00\x00\x00\x00\xffabc",
	}
	types := []string{"", "application/json", "text/csv", "text/plain", "image/png", "application/octet-stream", "application/x-www-form-urlencoded", "multipart/form-data", "application/grpc", "application/grpc+proto", "application/proto", "application/x-protobuf", "nonsense/\x7f"}
	n := 0
	for _, route := range slices.Compact(slices.Sorted(slices.Values(append(documented(t, s), routes...)))) {
		method, path, _ := strings.Cut(route, " ")
		base := s.url
		if strings.HasPrefix(path, "/admin") {
			base = s.admin
		}
		for _, model := range []string{enginetest.Penguins, enginetest.Digits, enginetest.Mail, "broken", "none", "missing"} {
			target := base + regexp.MustCompile(`\{version[^}]*\}|\{label[^}]*\}`).ReplaceAllString(regexp.MustCompile(`\{model[^}]*\}`).ReplaceAllString(path, model), "1")
			for name, body := range bodies {
				for i, kind := range types {
					rpc := strings.Contains(path, ".") && !strings.HasPrefix(path, "/openapi")
					if model != enginetest.Penguins && i > 2 || rpc != strings.Contains(kind, "proto") && i > 0 && kind != "application/grpc" {
						continue
					}
					if method == "GET" && (name != "empty" || kind != "") {
						continue
					}
					var headers []string
					if kind != "" && !strings.Contains(kind, "\x7f") {
						headers = append(headers, "Content-Type: "+kind)
					}
					if kind == "application/octet-stream" {
						headers = append(headers, "Inference-Header-Content-Length: 12")
					}
					if name == "packed" {
						headers = append(headers, "Grpc-Encoding: gzip")
					}
					if kind == "image/png" {
						headers = append(headers, "Content-Encoding: gzip")
					}
					status, text, h := ask(t, method, target, body, headers...)
					n++
					if status < 400 && h.Get("Grpc-Status") == "" {
						continue
					}
					checkAnswer(t, fmt.Sprintf("%s %s, %s as %s", method, target, name, kind), status, text, h, secrets...)
					if strings.HasPrefix(h.Get("Content-Type"), "application/json") {
						var e map[string]any
						if json.Unmarshal([]byte(text), &e) != nil {
							t.Errorf("%s %s: %d is no JSON: %.200s", method, target, status, text)
						}
					}
				}
			}
		}
	}
	for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "\"", "GETGETGET"} {
		for _, path := range []string{"/", "*", "/test/penguins", "//etc//passwd", "/%", "/\x01", "http://a/b"} {
			c, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, path)
			a, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err == nil {
				text, _ := io.ReadAll(a.Body)
				n++
				if a.StatusCode >= 400 {
					checkAnswer(t, method+" "+path, a.StatusCode, string(text), a.Header, secrets...)
				}
			}
			c.Close()
		}
	}
	t.Logf("%d requests", n)
	if status, text, _ := ask(t, "POST", s.url+"/test/penguins", ""); status != 200 {
		t.Errorf("afterwards: %d %s", status, text)
	}
	// The log, for those who may see it, does have the cause.
	if log := s.log.String(); !strings.Contains(log, "/etc/passwd") || !strings.Contains(log, "goroutine") {
		t.Error("the log lacks the stack of the panic")
	}
}

// documented lists the routes of the OpenAPI document.
func documented(t *testing.T, s *running) (list []string) {
	t.Helper()
	status, text, _ := ask(t, "GET", s.url+"/openapi.json", "")
	var doc struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal([]byte(text), &doc); status != 200 || err != nil || len(doc.Paths) < 10 {
		t.Fatalf("the OpenAPI document: %d, %v, %d paths", status, err, len(doc.Paths))
	}
	for path, methods := range doc.Paths {
		for method := range methods {
			if method = strings.ToUpper(method); method == "GET" || method == "POST" {
				list = append(list, method+" "+path)
			}
		}
	}
	return list
}

// routes of all protocols. What is not there is asked all the same.
var routes = []string{
	"GET /v1/models", "GET /v1/models/{model}", "GET /v1/models/{model}/versions/{version}", "GET /v1/models/{model}/labels/{label}", "GET /v1/models/{model}/metadata",
	"POST /v1/models/{model}:predict", "POST /v1/models/{model}:classify", "POST /v1/models/{model}:regress",
	"POST /v1/models/{model}/versions/{version}:predict", "POST /v1/models/{model}/labels/{label}:predict",
	"POST /v1/predict/{model}", "POST /v1/predict/{model}/versions/{version}", "POST /v1/explain/{model}",
	"GET /v2", "GET /v2/health/live", "GET /v2/health/ready", "GET /v2/models/{model}", "GET /v2/models/{model}/ready", "GET /v2/models/{model}/config", "GET /v2/models/{model}/stats",
	"POST /v2/models/{model}/infer", "POST /v2/models/{model}/versions/{version}/infer", "POST /v2/models/{model}/generate",
	"POST /v2/repository/index", "POST /v2/repository/models/{model}/load", "POST /v2/repository/models/{model}/unload",
	"POST /v2/systemsharedmemory/region/{model}/register", "POST /v2/trace/setting", "POST /v2/logging",
	"POST /inference.GRPCInferenceService/ModelInfer", "POST /inference.GRPCInferenceService/ModelMetadata", "POST /inference.GRPCInferenceService/ModelStreamInfer",
	"POST /tensorflow.serving.PredictionService/Predict", "POST /tensorflow.serving.PredictionService/GetModelMetadata", "POST /tensorflow.serving.ModelService/GetModelStatus",
	"POST /grpc.health.v1.Health/Check", "POST /grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "POST /not.There/AtAll",
	"POST /test/{model}", "POST /test/panic", "GET /nothing", "GET /openapi.json",
	"POST /admin/models/{model}/versions/{version}/load", "POST /admin/models/{model}/reload", "PUT /admin/models/{model}/weights", "PUT /admin/models/{model}/labels",
}
