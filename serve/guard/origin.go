package guard

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/serve/engine"
)

// An entrance knows by which names the server is called, and which web pages
// may call it. It is what keeps pages that a browser here has open from asking
// the server behind its back: those of a foreign origin, and those whose own
// name has been made to lead here (DNS rebinding).
type entrance struct {
	hosts   []string // none for any
	local   bool     // the names of this machine are known
	private bool     // no page of another site may even link here
	origins []string
	cross   *http.CrossOriginProtection
}

func newEntrance(s Settings) (*entrance, error) {
	e := &entrance{local: s.Local, private: s.Private, cross: http.NewCrossOriginProtection()}
	if !s.Private {
		e.origins = s.Origins
	}
	for _, h := range s.Hosts {
		e.hosts = append(e.hosts, strings.ToLower(strings.TrimSuffix(h, ".")))
	}
	for _, o := range e.origins {
		if err := ValidOrigin(o); err != nil {
			return nil, err
		}
		if err := e.cross.AddTrustedOrigin(o); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// ValidOrigin tells what is wrong with the origin of a web page, which is
// SCHEME://HOST[:PORT].
func ValidOrigin(origin string) error {
	if err := http.NewCrossOriginProtection().AddTrustedOrigin(origin); err != nil {
		return fmt.Errorf("%q is not SCHEME://HOST[:PORT]", origin)
	}
	return nil
}

// called tells whether the server has the name that a request calls it by.
func (e *entrance) called(host string) bool {
	if len(e.hosts) == 0 && !e.local {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if slices.Contains(e.hosts, host) {
		return true
	}
	ip := net.ParseIP(host)
	return e.local && (host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback())
}

// check lets a request in, or not.
func (e *entrance) check(r *http.Request) error {
	if !e.called(r.Host) {
		return refuse(engine.Forbidden, "the server is not known by the name in the Host header; see hosts in its settings")
	}
	foreign := false
	if e.private {
		// A GET of an image or a link has no Origin, and costs what it asks for.
		site := r.Header.Get("Sec-Fetch-Site")
		foreign = site != "" && site != "none" && site != "same-origin"
	}
	if origin := r.Header.Get("Origin"); origin != "" && !slices.Contains(e.origins, origin) {
		u, err := url.Parse(origin)
		foreign = foreign || err != nil || u.Host != r.Host
	}
	if foreign || e.cross.Check(r) != nil {
		return refuse(engine.Forbidden, "a web page of another origin can't ask; see origins in the settings")
	}
	return nil
}

// What pages of other origins may send and see.
const (
	corsSent = "Authorization, Connect-Protocol-Version, Connect-Timeout-Ms, Content-Encoding, Content-Type, Grpc-Timeout, " +
		"Inference-Header-Content-Length, X-API-Key, X-Grpc-Web, X-Request-Id, X-Request-Timeout, X-User-Agent"
	corsSeen = "Grpc-Message, Grpc-Status, Inference-Header-Content-Length, Retry-After, X-Request-Id"
)

// share lets a page of an allowed origin see the answer. It tells whether the
// request was a mere question whether that is so.
func (e *entrance) share(w http.ResponseWriter, r *http.Request) (preflight bool) {
	origin := r.Header.Get("Origin")
	if len(e.origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if !slices.Contains(e.origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", corsSeen)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", corsSent)
	h.Set("Access-Control-Max-Age", "7200")
	w.WriteHeader(http.StatusNoContent)
	return true
}
