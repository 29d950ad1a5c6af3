package serve

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/train"
)

// nasty are names that have led elsewhere, somewhere.
func nasty(dir string) []string {
	return []string{
		"..", "../" + filepath.Base(dir), "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e%2fsecret", "%252e%252e%252fsecret", "..\\..\\etc\\passwd",
		dir, "/etc/passwd", "file:///etc/passwd", "http://127.0.0.1/model", "penguins/../../secret", "penguins\x00", "penguins\x00.json", "penguins%00",
		"penguins ", " penguins", "PENGUINS", "penguins.", "pengüins", "penguin\u017f", "\u202epenguins", "\xff\xfe", "\r\nX-Injected: 1", "${HOME}", "$(id)", "{{.}}", "*", "?", "[a]",
		"con", "sha256:../../etc/passwd", strings.Repeat("a", 5000), strings.Repeat("../", 2000), "-1", "1e0", "01", "+1", "0x1", "999999999999999999999999", "NaN", "\u0661",
	}
}

// A watch tells whether a folder, or something in it, is opened.
type watch struct {
	t  *testing.T
	fd int
}

func watchFor(t *testing.T, dirs ...string) *watch {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	for _, dir := range dirs {
		if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_OPEN|unix.IN_ACCESS|unix.IN_MODIFY|unix.IN_CREATE|unix.IN_DELETE); err != nil {
			t.Fatal(err)
		}
	}
	return &watch{t, fd}
}

// happened tells what happened since the last time.
func (w *watch) happened() bool {
	var b [4096]byte
	n, err := unix.Read(w.fd, b[:])
	return err == nil && n > 0
}

// Whatever a request calls a model, a version or a label: it is looked up among
// those that are there, and no file is looked at.
func TestSecurityRow1Names(t *testing.T) {
	secret := enginetest.Folder(t, enginetest.Penguins, 2) // a model that is not served
	var run string
	s := loaded(t, func(c *Config) { run = c.Models[0].Run })
	config := filepath.Join(secret, filepath.FromSlash(train.ConfigFile))
	w := watchFor(t, secret, filepath.Dir(config), filepath.Dir(secret), run)
	if _, err := os.ReadFile(config); err != nil || !w.happened() {
		t.Fatalf("the watch sees nothing: %v", err)
	}
	try := func(t testing.TB, name string) {
		for _, c := range []struct{ method, base, path string }{
			{"POST", s.url, "/test/NAME"},
			{"POST", s.url, "/test/penguins?version=NAME"},
			{"GET", s.url, "/v2/models/NAME"},
			{"GET", s.url, "/v2/models/NAME/ready"},
			{"GET", s.url, "/v2/models/penguins/versions/NAME"},
			{"POST", s.url, "/v2/models/NAME/infer"},
			{"POST", s.url, "/v2/models/penguins/versions/NAME/infer"},
			{"GET", s.url, "/v1/models/NAME"},
			{"GET", s.url, "/v1/models/penguins/versions/NAME"},
			{"GET", s.url, "/v1/models/penguins/labels/NAME"},
			{"POST", s.url, "/v1/models/NAME:predict"},
			{"POST", s.url, "/v1/models/penguins/versions/NAME:predict"},
			{"POST", s.url, "/v1/models/penguins/labels/NAME:predict"},
			{"POST", s.url, "/v1/predict/NAME"},
			{"POST", s.url, "/v1/explain/NAME"},
			{"GET", s.url, "/NAME"},
			{"POST", s.admin, "/admin/models/NAME/reload"},
			{"POST", s.admin, "/admin/models/penguins/versions/NAME/load"},
			{"POST", s.admin, "/admin/models/NAME/versions/1/load"},
			{"DELETE", s.admin, "/admin/models/NAME/versions/1"},
			{"DELETE", s.admin, "/admin/models/penguins/versions/NAME"},
			{"PUT", s.admin, "/admin/models/NAME/labels"},
			{"PUT", s.admin, "/admin/models/NAME/weights"},
		} {
			// As one segment, and as it is, for those who would clean it.
			for _, segment := range []string{url.PathEscape(name), (&url.URL{Path: name}).EscapedPath()} {
				target := c.base + strings.Replace(c.path, "NAME", segment, 1)
				if strings.Contains(c.path, "?") {
					target = c.base + strings.Replace(c.path, "NAME", url.QueryEscape(name), 1)
				}
				q, err := http.NewRequestWithContext(t.Context(), c.method, target, strings.NewReader("{}"))
				if err != nil {
					continue // no client can send it
				}
				a, err := http.DefaultTransport.RoundTrip(q) // follows no redirects
				if err != nil {
					t.Fatal(err)
				}
				text, _ := io.ReadAll(a.Body)
				a.Body.Close()
				if a.StatusCode < 300 && c.path != "/NAME" || a.StatusCode >= 500 {
					t.Errorf("%s %s with %.60q: %s %.200s", c.method, c.path, name, a.Status, text)
				}
				if a.Header.Get("X-Injected") != "" {
					t.Errorf("%s %s with %.60q: a header from outside", c.method, c.path, name)
				}
			}
		}
	}
	for _, name := range nasty(secret) {
		try(t, name)
		columns := map[string][]any{}
		for _, q := range []*engine.Request{{Model: name, N: 1, Columns: columns}, {Model: enginetest.Penguins, Version: name, N: 1, Columns: columns}} {
			if _, err := s.engine.Predict(t.Context(), q); err == nil {
				t.Errorf("a model %.60q, version %.60q", q.Model, q.Version)
			}
		}
		m := DefaultModel()
		m.Name = name
		if c := (Config{Models: []Model{m}}); name != "PENGUINS" && name != "con" && name != "penguins." && !regexp.MustCompile(`^[0-9A-Za-z]+$`).MatchString(name) && !strings.Contains(fmt.Sprint(c.Validate()), "no name of a model") {
			t.Errorf("settings may call a model %.60q", name)
		}
	}
	if w.happened() {
		t.Error("a request made the server look at files")
	}
	// Nothing has changed: the model that is served still is.
	if status, text, _ := ask(t, "POST", s.url+"/test/penguins", ""); status != 200 {
		t.Errorf("afterwards: %d %s", status, text)
	}
}
