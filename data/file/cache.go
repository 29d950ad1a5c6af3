package file

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gradus-ml/gradus/internal/atomicfile"
)

// A cache lets one goroutine at a time make a copy.
type cache struct {
	mu   sync.Mutex
	busy map[string]chan struct{} // closed when the copy is made, or was not
}

// Local returns the path of a local file with the content: the file itself, or
// a copy, in the cache folder, of what is remote or compressed. The copy
// appears as a whole; it is made again when a compressed local file has
// another size or time.
func (s *System) Local(ctx context.Context, name string) (string, error) {
	version := ""
	if kindOf(name) == localFile {
		if packing(name) == "" {
			f, err := openLocal(name)
			if err != nil {
				return "", err
			}
			return name, f.Close()
		}
		st, err := os.Stat(name)
		if err != nil {
			return "", fmt.Errorf("file: %w", err)
		}
		version = fmt.Sprintf("%d %d", st.Size(), st.ModTime().UnixNano())
	}
	if s.cacheDir == "" {
		return "", fmt.Errorf("file: %s: a cache folder is wanted to keep its content in", shown(name))
	}
	target := s.copyPath(name, version)
	return target, s.cache.once(ctx, target, func() error { return s.copyTo(ctx, target, name) })
}

// once calls make unless the file is there, or waits for another goroutine
// that does.
func (c *cache) once(ctx context.Context, target string, make_ func() error) error {
	for {
		if _, err := os.Stat(target); err == nil {
			return nil
		}
		c.mu.Lock()
		other, ok := c.busy[target]
		if !ok {
			if c.busy == nil {
				c.busy = map[string]chan struct{}{}
			}
			done := make(chan struct{})
			c.busy[target] = done
			c.mu.Unlock()
			err := make_()
			c.mu.Lock()
			delete(c.busy, target)
			c.mu.Unlock()
			close(done)
			return err
		}
		c.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// copyTo makes the copy.
func (s *System) copyTo(ctx context.Context, target, name string) error {
	r, err := s.Open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.MkdirAll(s.cacheDir, 0o777); err != nil {
		return fmt.Errorf("file: cache: %w", err)
	}
	var readErr error
	err = atomicfile.Write(target, func(w io.Writer) error {
		_, err := io.Copy(w, readerFunc(func(p []byte) (int, error) {
			n, err := r.Read(p)
			if err != nil && err != io.EOF {
				readErr = err
			} else if ctxErr := ctx.Err(); ctxErr != nil {
				readErr, err = ctxErr, ctxErr
			}
			return n, err
		}))
		return err
	})
	if readErr != nil {
		return readErr
	}
	if err != nil {
		return fmt.Errorf("file: cache for %s: %w", shown(name), err)
	}
	return nil
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// copyPath is where the content of a file lies in the cache: a hash of name
// and version, and the name's end for people to see, without the ending of a
// compressed file.
func (s *System) copyPath(name, version string) string {
	key := name
	switch kindOf(name) {
	case localFile:
		if abs, err := filepath.Abs(name); err == nil {
			key = abs
		}
	case httpFile:
		if u, err := url.Parse(name); err == nil {
			name = u.Path
		}
	case s3File:
		if store, err := s.objects(); err == nil {
			key = store.endpoint + " " + name
		}
	}
	base := strings.TrimSuffix(path.Base(filepath.ToSlash(name)), packing(name))
	base = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || strings.ContainsRune(`<>:"/\|?*`, c) {
			return '_'
		}
		return c
	}, base)
	if len(base) > 80 {
		base = base[len(base)-80:]
	}
	sum := sha256.Sum256([]byte(key + "\n" + version))
	return filepath.Join(s.cacheDir, fmt.Sprintf("%x-%s", sum[:12], base))
}
