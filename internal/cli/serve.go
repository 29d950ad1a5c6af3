package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/recipe/export"
	"github.com/gradus-ml/gradus/serve"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/telemetry"
)

// serveFlags are the flags of serve, which stand over a file of settings.
type serveFlags struct {
	machine machineFlags
	config  string

	listen, admin, keyFile string
	tlsCert, tlsKey        string
	hosts, origins         []string

	delay           time.Duration
	maxBatch, queue int
	gigabytes       float64
	watch           time.Duration

	logFormat, logLevel string
	logRequests         bool
	traces              string
}

// aboutAddresses tells, for serve and for programs that hold a model, what they
// answer.
const aboutAddresses = "One address has everything: a page to try the models on, POST /v1/predict/MODEL for curl,\n" +
	"the Open Inference Protocol and TensorFlow Serving over HTTP and gRPC. It is that of this\n" +
	"machine alone; others are let in by keys: gradus serve key NAME makes one.\n\n" +
	"Ctrl-C or SIGTERM ends the server when the requests under way are answered, a second one\n" +
	"at once. SIGHUP reads models, keys and certificates again."

func newServe() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve [NAME[:VERSION]=]RUN...",
		Short: "Serve trained models over HTTP and gRPC",
		Long: "Make a service of the models of run folders. A model has the name of its folder and\n" +
			"version 1 unless others are given: serve digits:2=runs/mnist-2.\n\n" + aboutAddresses,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			models, err := modelsOf(args)
			if err != nil {
				return err
			}
			if len(models) == 0 && f.config == "" {
				return usagef("serve wants run folders, such as runs/mnist, or a file of settings by --config")
			}
			for _, m := range models { // before anything is said or listened to
				if _, err := recipe.Fingerprint(m.Run); err != nil {
					return usage(err)
				}
			}
			return f.serve(cmd, models, serve.Model.Spec)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&f.config, "config", "", "`file` of settings, YAML, for what has no flag; flags stand over it")
	f.add(cmd)
	cmd.AddCommand(newServeKey(), newServeHealth())
	return cmd
}

// add adds what can be said of any server.
func (f *serveFlags) add(cmd *cobra.Command) {
	c := serve.Default()
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", c.Listen, "`address` for clients, HOST:PORT or unix:PATH")
	flags.StringVar(&f.admin, "admin", "", "`address` for metrics and administration (default none)")
	flags.StringVar(&f.keyFile, "key-file", "", "`file` with the keys of clients, a line each")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "`file` with the certificate, to speak TLS")
	flags.StringVar(&f.tlsKey, "tls-key", "", "`file` with the certificate's private key")
	flags.StringArrayVar(&f.hosts, "allow-host", nil, "`name` that clients may call the server by; may be repeated (default any beyond this machine)")
	flags.StringArrayVar(&f.origins, "origin", nil, "web page elsewhere that may ask, as `https://example.org`; may be repeated")
	flags.DurationVar(&f.delay, "batch-delay", c.Batching.MaxDelay, "how long a request may wait for others to be computed with")
	flags.IntVar(&f.maxBatch, "max-batch", 0, "most examples that are computed at a time (default by the model's arithmetic)")
	flags.IntVar(&f.queue, "queue", c.Batching.Queue, "most examples that may wait; what goes beyond it is told to come again")
	flags.Float64Var(&f.gigabytes, "memory", 0, "memory for all models, in `GB`; beyond it idle ones are put out (default half of what there is)")
	flags.DurationVar(&f.watch, "watch", 2*time.Second, "time between two looks at whether a model's files have changed")
	f.machine.add(cmd)
	flags.StringVar(&f.logFormat, "log-format", "", "text or json (default text on a terminal, json elsewhere)")
	flags.StringVar(&f.logLevel, "log-level", c.Log.Level, "debug, info, warn or error")
	flags.BoolVar(&f.logRequests, "log-requests", c.Log.Requests, "a line for each request; otherwise for those that the server fails at")
	flags.StringVar(&f.traces, "traces", "", "`URL` of a collector that takes OTLP over HTTP (default "+endpointVariable+", or no traces)")
}

// endpointVariable is where programs that send traces look for their collector.
const endpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"

// named is what stands before the = of a model.
var named = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)(?::([0-9]+))?=(.+)$`)

// modelsOf reads the models of a command line.
func modelsOf(args []string) ([]serve.Model, error) {
	var models []serve.Model
	for _, arg := range args {
		m := serve.DefaultModel()
		m.Run = arg
		if parts := named.FindStringSubmatch(arg); parts != nil {
			m.Name, m.Run = parts[1], parts[3]
			if parts[2] != "" {
				m.Version = parts[2]
			}
		} else if m.Name = modelName(arg); export.CheckName(m.Name) != nil {
			return nil, usagef("%q is no name for a model: want letters, digits and . _ -; give it one, as in NAME=%s", m.Name, arg)
		}
		models = append(models, m)
	}
	return models, nil
}

// settings are those of the file, with models and flags over them.
func (f *serveFlags) settings(cmd *cobra.Command, models []serve.Model) (serve.Config, error) {
	if f.watch <= 0 {
		return serve.Config{}, usagef("--watch must be above 0, got %v", f.watch)
	}
	over := func(c *serve.Config) { f.over(cmd, models, c) }
	if f.config != "" {
		text, err := os.ReadFile(f.config)
		if err != nil {
			return serve.Config{}, usage(err)
		}
		c, err := serve.Read(text, f.config, over)
		return c, usage(err)
	}
	c := serve.Default()
	if !onTerminal(cmd.ErrOrStderr()) {
		c.Log.Format = "json"
	}
	over(&c)
	return c, usage(c.Validate())
}

// over changes settings to what the command line says.
func (f *serveFlags) over(cmd *cobra.Command, models []serve.Model, c *serve.Config) {
	c.Models = append(c.Models, models...)
	for name, set := range map[string]func(){
		"listen":      func() { c.Listen = f.listen },
		"admin":       func() { c.Admin = f.admin },
		"key-file":    func() { c.Keys.File = f.keyFile },
		"allow-host":  func() { c.Hosts = f.hosts },
		"origin":      func() { c.Origins = f.origins },
		"batch-delay": func() { c.Batching.MaxDelay = f.delay },
		"max-batch":   func() { c.Batching.MaxBatch = &f.maxBatch },
		"queue":       func() { c.Batching.Queue = f.queue },
		"memory":      func() { c.MemoryBytes = new(int64(1e9 * f.gigabytes)) },
		"log-format":  func() { c.Log.Format = f.logFormat },
		"log-level":   func() { c.Log.Level = f.logLevel },

		"log-requests": func() { c.Log.Requests = f.logRequests },
	} {
		if cmd.Flags().Changed(name) {
			set()
		}
	}
	if f.traces == "" && c.Traces == nil {
		f.traces = os.Getenv(endpointVariable)
	}
	if f.traces != "" {
		if c.Traces == nil {
			c.Traces = new(telemetry.DefaultTraces())
		}
		c.Traces.Endpoint = f.traces
	}
	if f.tlsCert != "" || f.tlsKey != "" {
		if c.TLS == nil {
			c.TLS = new(serve.DefaultTLS())
		}
		if f.tlsCert != "" {
			c.TLS.Cert = f.tlsCert
		}
		if f.tlsKey != "" {
			c.TLS.Key = f.tlsKey
		}
	}
}

// serve serves until the command is told to end.
func (f *serveFlags) serve(cmd *cobra.Command, models []serve.Model, spec func(serve.Model) engine.Spec) error {
	m, err := f.machine.machine()
	if err != nil {
		return err
	}
	c, err := f.settings(cmd, models)
	if err != nil {
		return err
	}
	log, loud := newLog(cmd.ErrOrStderr(), c.Log)
	tell, err := c.Telemetry(log)
	if err != nil {
		return usage(err)
	}
	options := []engine.Option{engine.WithBatching(c.Batching), engine.WithLog(log), engine.WithInterval(f.watch), engine.WithObserver(tell)}
	if c.MemoryBytes != nil {
		options = append(options, engine.WithMemory(*c.MemoryBytes))
	}
	defer runtime.KeepAlive(ballast())
	e := engine.New(m, options...)
	tell.Watch(e)
	s, err := serve.New(e, c, serve.WithLog(log), serve.WithSpec(spec), serve.WithTelemetry(tell))
	if err == nil {
		if err = s.Listen(); errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("another program has the address: %w; --listen 127.0.0.1:0 takes one that is free", err)
		}
	}
	if err != nil {
		return errors.Join(usage(err), e.Close())
	}
	err = runServer(cmd, s, e, c, log, loud)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 5*time.Second)
	defer cancel()
	return errors.Join(err, e.Close(), tell.Close(ctx))
}

// ballast is memory that is never touched, and so takes none, but that the
// garbage collector counts. A server has a few MB on its heap, for the models lie
// outside of it, and without ballast the collector runs each time that as many
// were used again: 20 times a second with 16 clients (tools/serve/load, spam: a
// tenth of the throughput). Resident memory grows by as much as is used between.
func ballast() []byte { return make([]byte, 16<<20) }

// runServer answers probes from the start, and requests when the models are
// there.
func runServer(cmd *cobra.Command, s *serve.Server, e *engine.Engine, c serve.Config, log *slog.Logger, loud func()) error {
	ctx, end := context.WithCancel(cmd.Context())
	defer end()
	hangups := hangupsOf(ctx) // from the start: who reads that it is ready may send one at once
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	start := time.Now()
	if err := s.Load(ctx); err != nil {
		end()
		<-ended
		if cmd.Context().Err() != nil {
			return nil
		}
		return usage(err)
	}
	loud() // who reads that it is ready may ask at once
	if err := sayReady(cmd, s, e, c, log, time.Since(start)); err != nil {
		return err
	}
	manager := newManager(log)
	manager.ready()
	beat := manager.beat()
	defer beat.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			manager.stopping()
			return <-ended
		case <-beat.C:
			manager.alive(s)
		case <-hangups:
			manager.reloading()
			if err := s.Reload(ctx); err != nil {
				log.Error("not all could be read again: what could not stays as it was", "error", oneLine(err))
			} else {
				log.Info("read again")
			}
			manager.ready()
		}
	}
}

// onTerminal tells whether a person reads what is written.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// newLog writes lines for programs, from the first event on; or for people, who
// are told otherwise what comes before the server is ready, and begin to read
// when loud is called.
func newLog(w io.Writer, c serve.Log) (log *slog.Logger, loud func()) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(c.Level)); err != nil {
		panic("internal error: cli: " + err.Error()) // the settings were checked
	}
	var level slog.LevelVar
	o := &slog.HandlerOptions{Level: &level}
	loud = func() { level.Set(least) }
	if c.Format == "json" {
		loud()
		return slog.New(slog.NewJSONHandler(w, o)), loud
	}
	level.Set(slog.LevelError + 1)
	return slog.New(slog.NewTextHandler(w, o)), loud
}

// sayReady tells what is served, and how to ask: to a person as a text, to a log
// as a line.
func sayReady(cmd *cobra.Command, s *serve.Server, e *engine.Engine, c serve.Config, log *slog.Logger, took time.Duration) error {
	used, budget := e.Memory()
	address, scheme := s.Addr().String(), "http"
	if c.TLS != nil {
		scheme = "https"
	}
	if c.Log.Format == "json" {
		for _, i := range e.Models() {
			log.Info("model", "model", i.Name, "version", i.Version, "state", string(i.State), "bytes", i.Bytes)
		}
		log.Info("ready", "address", address, "seconds", took.Seconds(), "memory_bytes", used, "memory_budget_bytes", budget)
		return nil
	}
	var b strings.Builder
	runs := map[string]string{}
	for _, m := range c.Models {
		runs[m.Name+":"+m.Version] = m.Run
	}
	for _, i := range e.Models() {
		fmt.Fprintf(&b, "%s %s from %s: %s to %s, %s\n", i.Name, i.Version, runs[i.Name+":"+i.Version], reads(i.Signature.Columns), gives(i.Signature.Outputs), size(i.Bytes))
	}
	fmt.Fprintf(&b, "ready after %v, with %s of %s for models\n", took.Round(10*time.Millisecond), size(used), size(budget))
	if strings.HasPrefix(c.Listen, "unix:") {
		fmt.Fprintf(&b, "listening at %s\n", c.Listen)
	} else {
		fmt.Fprintf(&b, "page  %s://%s/\n", scheme, address)
		if line := example(cmd.Context(), e, c, scheme+"://"+address); line != "" {
			fmt.Fprintf(&b, "try   %s\n", line)
		}
		fmt.Fprintf(&b, "gRPC  %s\n", address)
	}
	if a := s.AdminAddr(); a != nil {
		fmt.Fprintf(&b, "admin %s://%s/metrics\n", scheme, a)
	}
	_, err := io.WriteString(cmd.OutOrStdout(), b.String())
	return err
}

// reads lists columns with their kinds.
func reads(columns []feature.Raw) string {
	const most = 4
	var list []string
	for i, r := range columns {
		if i == most {
			list = append(list, fmt.Sprintf("%d more", len(columns)-most))
			break
		}
		list = append(list, fmt.Sprintf("%s (%s)", r.Name, r.Kind))
	}
	return strings.Join(list, ", ")
}

// gives lists targets.
func gives(outputs []engine.Output) string {
	var list []string
	for _, o := range outputs {
		if len(list) == 0 || list[len(list)-1] != o.Target {
			list = append(list, o.Target)
		}
	}
	return strings.Join(list, ", ")
}

// pixel is a PNG of one grey pixel, so that a command line can hold a picture.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="

// example is a command line that asks the first model of the settings, "" where it
// would be too long to type.
func example(ctx context.Context, e *engine.Engine, c serve.Config, address string) string {
	if len(c.Models) == 0 {
		return ""
	}
	i, err := e.Info(c.Models[0].Name, c.Models[0].Version)
	if err != nil {
		return ""
	}
	address += "/v1/predict/" + i.Name
	curl := "curl"
	if c.TLS != nil {
		curl += " --insecure"
	}
	if c.Keys.Any() {
		curl += ` -H "Authorization: Bearer $KEY"`
	}
	if columns := i.Signature.Columns; len(columns) == 1 {
		switch columns[0].Kind {
		case feature.RawImage:
			return fmt.Sprintf("echo %s | base64 -d | %s --data-binary @- %s", pixel, curl, address)
		case feature.RawText:
			return fmt.Sprintf("%s -H 'Content-Type: text/plain' -d 'some text' %s", curl, address)
		}
	}
	line := ""
	e.Do(ctx, i.Name, i.Version, func(_ string, s *recipe.Saved) error {
		if row, ok := export.Row(s.Set); ok {
			line = fmt.Sprintf("%s -H 'Content-Type: application/json' -d %s %s", curl, export.Quote(row), address)
		}
		return nil
	})
	return line
}

// modelName is the name of a folder: also of "." and "..".
func modelName(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Base(dir)
}

// fromFS is how a model in a file system is opened.
func fromFS(m serve.Model, files fs.FS) engine.Spec {
	return engine.Spec{
		Name: m.Name, Version: m.Version, Labels: m.Labels, Weight: m.Weight, Batching: m.Batching,
		Open: func(machine recipe.Machine) (*recipe.Saved, error) { return recipe.OpenRunFS(files, m.Run, machine) },
	}
}
