package serve

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certs are the certificates of a server, read again when their files change.
type certs struct {
	files TLS
	log   *slog.Logger

	mu      sync.Mutex
	current *tls.Config
	state   string    // of the files that current was read from
	looked  time.Time // at the files
}

// newCerts reads the files.
func newCerts(files TLS, log *slog.Logger) (*certs, error) {
	c := &certs{files: files, log: log}
	return c, c.reload()
}

// lookEvery is how often handshakes look at the files.
const lookEvery = time.Second

// config is what a server is set up with.
func (c *certs) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if now := time.Now(); now.Sub(c.looked) >= lookEvery {
				c.looked = now
				if c.changed() != c.state {
					if err := c.read(); err != nil {
						c.log.Error("the certificates have changed and can't be read; those before stay", "error", err)
					}
				}
			}
			return c.current, nil
		},
	}
}

// reload reads the files now. On a mistake the certificates before stay.
func (c *certs) reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

// changed tells one state of the files from another.
func (c *certs) changed() string {
	state := ""
	for _, file := range []string{c.files.Cert, c.files.Key, c.files.ClientCA} {
		if info, err := os.Stat(file); err == nil {
			state += fmt.Sprint(info.ModTime().UnixNano(), info.Size(), ";")
		}
	}
	return state
}

func (c *certs) read() error {
	c.state = c.changed()
	cert, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	next := &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}
	if c.files.MinVersion == "1.3" {
		next.MinVersion = tls.VersionTLS13
	}
	if c.files.ClientCA != "" {
		pem, err := os.ReadFile(c.files.ClientCA)
		if err != nil {
			return fmt.Errorf("tls: %w", err)
		}
		next.ClientCAs = x509.NewCertPool()
		if !next.ClientCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("tls: %s has no certificate", c.files.ClientCA)
		}
		next.ClientAuth = tls.RequireAndVerifyClientCert
	}
	c.current = next
	return nil
}
