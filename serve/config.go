package serve

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
	"github.com/gradus-ml/gradus/serve/telemetry"
)

// A Config is a server as data: what it serves, where, and for whom.
type Config struct {
	Models      []Model         `json:"models" yaml:"models"`             // what is served
	Batching    engine.Batching `json:"batching" yaml:"batching"`         // of models that have none of their own
	MemoryBytes *int64          `json:"memory_bytes" yaml:"memory_bytes"` // the most of all models in memory; beyond it idle ones are put out; null for no limit

	Listen  string   `json:"listen" yaml:"listen"`   // HOST:PORT, or unix:PATH, for clients
	Admin   string   `json:"admin" yaml:"admin"`     // HOST:PORT, or unix:PATH, for metrics, administration and profiles; empty for none
	TLS     *TLS     `json:"tls" yaml:"tls"`         // of both; null speaks in the clear
	Hosts   []string `json:"hosts" yaml:"hosts"`     // names that clients may call the server by; empty for those of this machine if it listens to this machine alone, otherwise any
	Origins []string `json:"origins" yaml:"origins"` // web pages elsewhere that may ask, as "https://example.org"

	Keys     guard.Keys   `json:"keys" yaml:"keys"`         // of clients; must be there if another machine can reach the server
	Limits   guard.Limits `json:"limits" yaml:"limits"`     // of requests
	Timeouts Timeouts     `json:"timeouts" yaml:"timeouts"` // of requests and connections
	Log      Log          `json:"log" yaml:"log"`           // what is written down

	Traces *telemetry.Traces `json:"traces" yaml:"traces"` // of requests, for a collector; null for none
}

// A Model is a version of a model.
type Model struct {
	Name     string           `json:"name" yaml:"name"`         // that clients know it by
	Run      string           `json:"run" yaml:"run"`           // the run folder, or one that "gradus export" made
	Version  string           `json:"version" yaml:"version"`   // a number
	Labels   []string         `json:"labels" yaml:"labels"`     // other names of the version, such as "stable"
	Weight   float64          `json:"weight" yaml:"weight"`     // its share of the requests that name no version
	Batching *engine.Batching `json:"batching" yaml:"batching"` // null for that of the server
}

// DefaultModel is version 1, and takes part in what names no version.
func DefaultModel() Model { return Model{Version: "1", Weight: 1} }

// Spec opens the run folder.
func (m Model) Spec() engine.Spec {
	s := engine.Folder(m.Name, m.Version, m.Run)
	s.Labels, s.Weight, s.Batching = m.Labels, m.Weight, m.Batching
	return s
}

// TLS are the files of an encrypted server, PEM each. They are read again when
// they change.
type TLS struct {
	Cert       string `json:"cert" yaml:"cert"`               // the certificate, and those between it and a root
	Key        string `json:"key" yaml:"key"`                 // its private key
	ClientCA   string `json:"client_ca" yaml:"client_ca"`     // clients must show a certificate of one of these; empty asks for none
	MinVersion string `json:"min_version" yaml:"min_version"` // "1.2" or "1.3"
}

// DefaultTLS speaks TLS 1.2 and newer.
func DefaultTLS() TLS { return TLS{MinVersion: "1.2"} }

// Timeouts end what takes too long.
type Timeouts struct {
	Header  time.Duration `json:"header" yaml:"header"`   // until a request's header is there
	Request time.Duration `json:"request" yaml:"request"` // of a request with its answer; clients can ask for less by the header X-Request-Timeout
	Stream  time.Duration `json:"stream" yaml:"stream"`   // of a stream of requests
	Idle    time.Duration `json:"idle" yaml:"idle"`       // that a connection may lie still between two requests
	Delay   time.Duration `json:"delay" yaml:"delay"`     // from the word to end, when /readyz turns, until connections are turned away: what a load balancer needs to see it
	Drain   time.Duration `json:"drain" yaml:"drain"`     // that requests under way have then
}

// DefaultTimeouts are 30 seconds for a request.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		Header: 10 * time.Second, Request: 30 * time.Second, Stream: time.Hour,
		Idle: 2 * time.Minute, Drain: 30 * time.Second,
	}
}

// Log says how things are written down.
type Log struct {
	Format string `json:"format" yaml:"format"` // "text" or "json"
	Level  string `json:"level" yaml:"level"`   // "debug", "info", "warn" or "error": what is less is left out

	Requests bool `json:"requests" yaml:"requests"` // a line for each request; otherwise for those that the server fails at
}

// Default serves this machine alone, on port 8080, without administration.
func Default() Config {
	return Config{
		Batching: engine.DefaultBatching(),
		Listen:   "127.0.0.1:8080",
		Limits:   guard.DefaultLimits(),
		Timeouts: DefaultTimeouts(),
		Log:      Log{Format: "text", Level: "info", Requests: true},
	}
}

// Kinds has what lists and sections start from where a file brings them in.
func Kinds() config.Kinds {
	return config.Kinds{
		reflect.TypeFor[Model]():            {{Default: DefaultModel()}},
		reflect.TypeFor[TLS]():              {{Default: DefaultTLS()}},
		reflect.TypeFor[engine.Batching]():  {{Default: engine.DefaultBatching()}},
		reflect.TypeFor[guard.Rate]():       {{Default: guard.Rate{PerSecond: 100, Burst: 100}}},
		reflect.TypeFor[telemetry.Traces](): {{Default: telemetry.DefaultTraces()}},
	}
}

// Telemetry makes what the settings ask for: metrics always, for the engine that
// it is the Observer of, lines in the log, and traces.
func (c Config) Telemetry(log *slog.Logger) (*telemetry.Telemetry, error) {
	opts := []telemetry.Option{telemetry.WithLog(log, c.Log.Requests)}
	if c.Traces != nil {
		opts = append(opts, telemetry.WithTraces(*c.Traces))
	}
	return telemetry.New(opts...)
}

// Read reads the settings of a server from YAML, or JSON, over the default
// ones, and lets others change them before all of them are judged. The path
// serves messages, which have line and caret.
func Read(text []byte, path string, over ...func(c *Config)) (Config, error) {
	c := Default()
	d, err := config.Parse(text, path)
	if err != nil {
		return Config{}, err
	}
	if err := d.Decode(&c, Kinds()); err != nil {
		return Config{}, err
	}
	for _, f := range over {
		f(&c)
	}
	return c, d.Locate(c.Validate())
}

// The forms of names.
var (
	modelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	number    = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)
	label     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,127}$`)
)

// Validate tells all that is wrong.
func (c Config) Validate() error {
	var errs []error
	key := func(key string, ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, config.Under(key, fmt.Errorf(format, args...)))
		}
	}
	under := func(key string, err error) { errs = append(errs, config.Under(key, err)) }

	seen := map[[2]string]bool{}
	for i, m := range c.Models {
		at := fmt.Sprintf("models.%d", i)
		under(at, m.Validate())
		for _, v := range append([]string{m.Version}, m.Labels...) {
			key(at, !seen[[2]string{m.Name, v}], "there is a %s of %s before", v, m.Name)
			seen[[2]string{m.Name, v}] = true
		}
	}
	under("batching", c.Batching.Validate())
	if c.MemoryBytes != nil {
		key("memory_bytes", *c.MemoryBytes > 0, "%d is not above 0", *c.MemoryBytes)
	}
	under("listen", address(c.Listen))
	if c.Admin != "" {
		under("admin", address(c.Admin))
		key("admin", c.Admin != c.Listen || strings.HasSuffix(c.Admin, ":0"), "administration wants an address of its own")
	}
	if c.TLS != nil {
		under("tls", c.TLS.Validate())
	}
	for i, o := range c.Origins {
		under(fmt.Sprintf("origins.%d", i), guard.ValidOrigin(o))
	}
	for i, h := range c.Hosts {
		key(fmt.Sprintf("hosts.%d", i), h != "" && !strings.ContainsAny(h, "/ *"), "%q is no name of a host", h)
	}
	under("keys", c.Keys.Validate())
	under("limits", c.Limits.Validate())
	under("timeouts", c.Timeouts.Validate())
	key("log.format", slices.Contains([]string{"text", "json"}, c.Log.Format), "%q is not text or json", c.Log.Format)
	key("log.level", slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level), "%q is not debug, info, warn or error", c.Log.Level)
	if c.Traces != nil {
		under("traces", c.Traces.Validate())
	}
	under("listen", c.open(c.Listen))
	under("admin", c.open(c.Admin))
	return errors.Join(errs...)
}

// open refuses an address that other machines can reach if there are no keys.
func (c Config) open(listen string) error {
	if listen == "" || local(listen) || c.Keys.Any() {
		return nil
	}
	return fmt.Errorf(`other machines can reach %s, so clients must have keys: "gradus serve key NAME" makes one for the settings under keys; or listen on 127.0.0.1`, listen)
}

// Validate tells all that is wrong.
func (m Model) Validate() error {
	var errs []error
	key := func(key string, ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, config.Under(key, fmt.Errorf(format, args...)))
		}
	}
	key("name", modelName.MatchString(m.Name), "%q is no name of a model: up to 128 letters, digits and . _ -, a letter or digit first", m.Name)
	key("version", number.MatchString(m.Version), "%q is not a number from 1 up", m.Version)
	for i, l := range m.Labels {
		key(fmt.Sprintf("labels.%d", i), label.MatchString(l), "%q is no label: up to 128 letters, digits and . _ -, a letter first", l)
	}
	key("weight", m.Weight >= 0 && m.Weight <= 1e9, "%v is not in 0..1e9", m.Weight)
	if m.Batching != nil {
		errs = append(errs, config.Under("batching", m.Batching.Validate()))
	}
	return errors.Join(errs...)
}

// Validate tells all that is wrong.
func (t TLS) Validate() error {
	var errs []error
	if t.Cert == "" || t.Key == "" {
		errs = append(errs, errors.New("cert and key must be files"))
	}
	if t.MinVersion != "1.2" && t.MinVersion != "1.3" {
		errs = append(errs, config.Under("min_version", fmt.Errorf("%q is not 1.2 or 1.3", t.MinVersion)))
	}
	return errors.Join(errs...)
}

// Validate tells all that is wrong.
func (t Timeouts) Validate() error {
	var errs []error
	for _, d := range []struct {
		key   string
		value time.Duration
		least time.Duration
	}{
		{"header", t.Header, 1}, {"request", t.Request, 1}, {"stream", t.Stream, 1}, {"idle", t.Idle, 1},
		{"delay", t.Delay, 0}, {"drain", t.Drain, 0},
	} {
		if d.value < d.least {
			errs = append(errs, config.Under(d.key, fmt.Errorf("%v is too short", d.value)))
		}
	}
	return errors.Join(errs...)
}

// unixPrefix begins addresses in the file system.
const unixPrefix = "unix:"

// address tells what is wrong with one to listen on.
func address(s string) error {
	if path, ok := strings.CutPrefix(s, unixPrefix); ok {
		if path == "" {
			return errors.New("unix: wants a path")
		}
		return nil
	}
	if _, _, err := net.SplitHostPort(s); err != nil {
		return fmt.Errorf("%q is not HOST:PORT or unix:PATH", s)
	}
	return nil
}

// local tells addresses that only this machine can reach. A name may be
// anybody's, but for localhost.
func local(s string) bool {
	if strings.HasPrefix(s, unixPrefix) {
		return true
	}
	host, _, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
