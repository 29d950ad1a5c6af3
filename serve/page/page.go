// Package page serves the page on which people try models in a browser, and
// POST /v1/explain/MODEL, which tells what a prediction rests on.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/serve/engine"
)

// web holds index.html and what it loads. Nothing comes from elsewhere.
//
//go:embed web
var web embed.FS

// A Service has the page and the explanations of an engine's models. It is safe
// for concurrent use.
type Service struct {
	engine *engine.Engine
	queues queues
}

// New makes a service.
func New(e *engine.Engine) *Service { return &Service{engine: e} }

// Register puts the service's paths into a mux.
func (s *Service) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", asset("index.html"))
	files, err := web.ReadDir("web")
	if err != nil {
		panic(fmt.Sprintf("page: internal error: %v", err))
	}
	for _, f := range files {
		if f.Name() != "index.html" {
			mux.HandleFunc("GET /page/"+f.Name(), asset(f.Name()))
		}
	}
	mux.HandleFunc("POST /v1/explain/{model}", s.explain)
	mux.HandleFunc("POST /v1/explain/{model}/versions/{version}", s.explain)
}

// Open tells the paths of the page's files, which hold no secret: anybody may
// load them, to be asked for a key by them.
func Open(path string) bool { return path == "/" || strings.HasPrefix(path, "/page/") }

// policy lets the page load nothing but its own files, and no other page show it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// types of files, that of the standard library being what the machine's tables
// say.
var types = map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// asset answers with a file.
func asset(name string) http.HandlerFunc {
	content, err := web.ReadFile(path.Join("web", name))
	if err != nil {
		panic(fmt.Sprintf("page: internal error: %v", err))
	}
	tag := fmt.Sprintf("\"%x\"", sha256.Sum256(content))
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", types[path.Ext(name)])
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache") // kept, and asked for by its tag
		h.Set("ETag", tag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	}
}
