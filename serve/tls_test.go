package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate writes a certificate for 127.0.0.1 that signs itself, of a name,
// and gives it.
func certificate(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// secure is a client that trusts certificates, and may show one.
func secure(t *testing.T, change func(c *tls.Config), trusted ...*x509.Certificate) *http.Client {
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	for _, cert := range trusted {
		c.RootCAs.AddCert(cert)
	}
	if change != nil {
		change(c)
	}
	tr := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	first := certificate(t, dir, "first")
	s := loaded(t, func(c *Config) {
		files := DefaultTLS()
		files.Cert, files.Key = dir+"/cert.pem", dir+"/key.pem"
		c.TLS = &files
	})
	url := "https://" + s.Addr().String() + "/test/penguins"
	names := func(c *http.Client) (protocol, name string) {
		t.Helper()
		a, err := c.Post(url, "", nil)
		if err != nil {
			return "", err.Error()
		}
		a.Body.Close()
		if a.StatusCode != 200 {
			t.Error(a.Status)
		}
		return a.Proto, a.TLS.PeerCertificates[0].Subject.CommonName
	}
	if protocol, name := names(secure(t, nil, first)); protocol != "HTTP/2.0" || name != "first" {
		t.Errorf("%s of %s", protocol, name)
	}
	one := secure(t, nil, first)
	one.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	if protocol, name := names(one); protocol != "HTTP/1.1" {
		t.Errorf("%s of %s", protocol, name)
	}
	if _, err := names(secure(t, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11; c.MinVersion = tls.VersionTLS10 }, first)); !strings.Contains(err, "protocol version") {
		t.Errorf("TLS 1.1: %s", err)
	}
	// The files are exchanged; a while later new connections have the new ones,
	// and old connections go on.
	old := secure(t, nil, first)
	names(old)
	second := certificate(t, dir, "second")
	time.Sleep(lookEvery + 100*time.Millisecond)
	if _, name := names(secure(t, nil, second)); name != "second" {
		t.Errorf("after the files have changed: %s", name)
	}
	if _, name := names(old); name != "first" {
		t.Errorf("an old connection: %s", name)
	}
	// Files that are half written change nothing, and a reload says so.
	if err := os.WriteFile(dir+"/key.pem", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "tls") {
		t.Errorf("a reload of half a key: %v", err)
	}
	if _, name := names(secure(t, nil, second)); name != "second" {
		t.Errorf("with half a key: %s", name)
	}
	third := certificate(t, dir, "third")
	if err := s.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	if _, name := names(secure(t, nil, third)); name != "third" {
		t.Errorf("after a reload: %s", name)
	}
}

func TestClientCertificates(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	cert := certificate(t, dir, "server")
	certificate(t, other, "stranger")
	s := loaded(t, func(c *Config) {
		c.TLS = &TLS{Cert: dir + "/cert.pem", Key: dir + "/key.pem", ClientCA: dir + "/cert.pem", MinVersion: "1.3"}
	})
	for folder, want := range map[string]bool{"": false, other: false, dir: true} {
		c := secure(t, func(c *tls.Config) {
			if folder == "" {
				return
			}
			pair, err := tls.LoadX509KeyPair(folder+"/cert.pem", folder+"/key.pem")
			if err != nil {
				t.Fatal(err)
			}
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}, cert)
		a, err := c.Post("https://"+s.Addr().String()+"/test/penguins", "", nil)
		if err == nil {
			a.Body.Close()
		}
		if (err == nil && a.StatusCode == 200) != want {
			t.Errorf("a client with the certificate of %q: %v", folder, err)
		}
	}
	if _, err := newCerts(TLS{Cert: dir + "/cert.pem", Key: dir + "/key.pem", ClientCA: dir + "/key.pem", MinVersion: "1.2"}, s.Server.log); err == nil {
		t.Error("certificates of clients without one")
	}
}
