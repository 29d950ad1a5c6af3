// Package file opens the files that settings name: local paths and globs,
// http and https addresses, and objects of S3-compatible stores. A [System] is
// the source.Files of programs.
//
//	files, err := file.New(file.WithCache(dir))
//	names, err := files.Find(ctx, "data/train-{000..127}.tar")
//	r, err := files.Open(ctx, "https://example.org/houses.csv.gz")
//
// What is remote is read again from where it broke off, and unpacked as it
// comes. Nothing is read from the environment: credentials and proxies are
// given by options, and [S3From] is given an environment.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"time"
)

// A System finds and opens files. Its methods may be called concurrently.
type System struct {
	cacheDir  string
	sizeBytes int64 // the most of a file that is remote or unpacked
	ratio     int64 // the most that a file may grow when it is unpacked
	transport http.RoundTripper
	headers   map[string]string // host to Authorization
	settings  func() (*S3, error)
	patience  patience

	http    *httpOrigin
	objects func() (*s3Origin, error) // made once, when it is needed
	cache   cache
}

// An Option changes what New makes.
type Option func(*System) error

// The limits of a System made without options.
const (
	DefaultSizeBytes = 1 << 40 // 1 TiB
	DefaultRatio     = 200
)

// WithCache names the folder in which Local keeps copies of what is remote or
// compressed; it is made when it is needed. A copy of a remote file is used
// as long as it lies there, without a look at the network: to have a newer
// one, delete it.
func WithCache(dir string) Option {
	return func(s *System) error {
		if dir == "" {
			return errors.New("file: the cache folder has no name")
		}
		s.cacheDir = dir
		return nil
	}
}

// WithLimits sets the most bytes of a remote or unpacked file, and how many
// times its size a file may become when it is unpacked, once it has come to a
// megabyte.
func WithLimits(sizeBytes, ratio int64) Option {
	return func(s *System) error {
		if sizeBytes <= 0 || ratio <= 0 {
			return fmt.Errorf("file: limits of %d bytes and %d times the size: both must be above 0", sizeBytes, ratio)
		}
		s.sizeBytes, s.ratio = sizeBytes, ratio
		return nil
	}
}

// WithTransport makes http and https requests with t in place of a transport
// of its own, which knows no proxy. Pass http.DefaultTransport to go through
// the proxy that the environment names.
func WithTransport(t http.RoundTripper) Option {
	return func(s *System) error { s.transport = t; return nil }
}

// WithAuthorization sends the header "Authorization: value" to a host, such
// as "example.org" or "localhost:8080", and to no other, redirects included.
func WithAuthorization(host, value string) Option {
	return func(s *System) error { s.headers[strings.ToLower(host)] = value; return nil }
}

// WithS3 tells where objects named s3://bucket/key are, and who asks for them.
func WithS3(config S3) Option {
	return func(s *System) error {
		s.settings = func() (*S3, error) { return &config, nil }
		return config.Validate()
	}
}

// WithS3From is WithS3 with settings that are asked for when the first object
// is named, so that who names none is not troubled by what is wrong with them:
// nil says that there are none.
func WithS3From(settings func() (*S3, error)) Option {
	return func(s *System) error { s.settings = settings; return nil }
}

// New makes a System.
func New(opts ...Option) (*System, error) {
	s := &System{
		sizeBytes: DefaultSizeBytes, ratio: DefaultRatio,
		headers:  map[string]string{},
		patience: patience{tries: 6, pause: 250 * time.Millisecond, longest: 15 * time.Second, stall: time.Minute},
	}
	for _, opt := range opts {
		if err := opt(s); err != nil {
			return nil, err
		}
	}
	if s.transport == nil {
		s.transport = newTransport()
	}
	s.http = newHTTPOrigin(s.transport, s.headers)
	s.objects = sync.OnceValues(s.newObjects)
	return s, nil
}

func (s *System) newObjects() (*s3Origin, error) {
	var config *S3
	if s.settings != nil {
		var err error
		if config, err = s.settings(); err != nil {
			return nil, err
		}
	}
	if config == nil {
		return nil, errors.New("no S3 store is set up: give its region, and endpoint and credentials where it needs them")
	}
	if err := config.Validate(); err != nil {
		return nil, err
	}
	return newS3Origin(*config, s.transport), nil
}

// Close ends connections that are kept for further requests. Files that are
// open stay so.
func (s *System) Close() error {
	if c, ok := s.transport.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
	return nil
}

// Find lists the files that a pattern names, sorted:
//
//	data/houses.csv              a path; a file of just this name is preferred
//	data/*.csv, photos/**        * and ? within a name, [a-z] one of some, ** any folders
//	s3://bucket/shards/*.tar     the same in the key
//	https://host/a.csv           an address, not looked at
//	data-{000..127}.tar, {a,b}   braces are written out first; there must be a file for each
//
// Names that begin with a dot are passed over, with the folders below them,
// unless the pattern has the dot. ** follows no symbolic link to a folder.
func (s *System) Find(ctx context.Context, pattern string) ([]string, error) {
	patterns, err := expandBraces(pattern)
	if err != nil {
		return nil, fmt.Errorf("file: pattern %q: %w", pattern, err)
	}
	var names []string
	for _, p := range patterns {
		found, err := s.find(ctx, p)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	return sorted(names), nil
}

func (s *System) find(ctx context.Context, pattern string) ([]string, error) {
	switch kindOf(pattern) {
	case httpFile:
		return []string{pattern}, nil
	case s3File:
		return s.findObjects(ctx, pattern)
	case localFile:
		return findLocal(pattern)
	}
	return nil, errScheme(pattern)
}

// Open reads a file from its start, unpacked if its name ends in .gz, .zst or
// .bz2. Of a remote file the copy in the cache is read if there is one;
// otherwise it is read over the network and not kept. The context covers the
// reading too.
func (s *System) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if kindOf(name) != localFile && s.cacheDir != "" {
		if f, err := os.Open(s.copyPath(name, "")); err == nil {
			return f, nil
		}
	}
	packed, err := s.openPacked(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.unpack(packed, name)
}

// openPacked reads a file as it is.
func (s *System) openPacked(ctx context.Context, name string) (io.ReadCloser, error) {
	switch kindOf(name) {
	case localFile:
		return openLocal(name)
	case httpFile:
		return s.openRemote(ctx, s.http, name)
	case s3File:
		store, err := s.objects()
		if err != nil {
			return nil, fmt.Errorf("file: %s: %w", name, err)
		}
		return s.openRemote(ctx, store, name)
	}
	return nil, errScheme(name)
}

// openLocal opens a file, and no folder.
func openLocal(name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = fmt.Errorf("%s is a folder: name the files in it, such as %s", name, path.Join(name, "*"))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("file: %w", err)
	}
	return f, nil
}

type fileKind uint8

const (
	localFile fileKind = iota
	httpFile
	s3File
	otherFile // of a scheme that is not known
)

func kindOf(name string) fileKind {
	scheme, _, ok := strings.Cut(name, "://")
	if !ok {
		return localFile
	}
	switch strings.ToLower(scheme) {
	case "http", "https":
		return httpFile
	case "s3":
		return s3File
	}
	return otherFile
}

func errScheme(name string) error {
	return fmt.Errorf("file: %s: want a path, or an address that begins with http://, https:// or s3://", shown(name))
}
