package file

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxRedirects bounds how often a request is sent elsewhere.
const maxRedirects = 10

// newTransport makes connections without a proxy.
func newTransport() http.RoundTripper {
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConnsPerHost:   8,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
	}
}

// An httpOrigin serves addresses of http and https.
type httpOrigin struct {
	client  *http.Client
	headers map[string]string // host to Authorization
}

func newHTTPOrigin(t http.RoundTripper, headers map[string]string) *httpOrigin {
	o := &httpOrigin{headers: headers}
	o.client = &http.Client{Transport: t, CheckRedirect: o.redirect}
	return o
}

// authorize gives a request the header of its host, and of no other.
func (o *httpOrigin) authorize(req *http.Request) {
	req.Header.Del("Authorization")
	req.Header.Del("Cookie")
	if v, ok := o.headers[strings.ToLower(req.URL.Host)]; ok {
		req.Header.Set("Authorization", v)
	}
}

// redirect follows a few, none from https to http.
func (o *httpOrigin) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("sent on more than %d times", maxRedirects)
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("sent on from https to %s, which is not followed", shown(req.URL.String()))
	}
	req.Header.Del("Referer")
	o.authorize(req)
	return nil
}

func (o *httpOrigin) get(ctx context.Context, name string, offset int64, mark string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, name, nil)
	if err != nil {
		return nil, errors.New("not a valid address")
	}
	req.Header.Set("User-Agent", "gradus")
	req.Header.Set("Accept-Encoding", "identity")
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		if mark != "" {
			req.Header.Set("If-Range", mark)
		}
	}
	o.authorize(req)
	resp, err := o.client.Do(req)
	if err != nil {
		return nil, connectError(err)
	}
	a, err := accept(resp, offset, mark)
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	return a, nil
}

// accept makes an answer of a response.
func accept(resp *http.Response, offset int64, mark string) (*answer, error) {
	a := &answer{body: resp.Body, size: -1, mark: validator(resp.Header)}
	switch {
	case resp.Header.Get("Content-Encoding") != "" && resp.Header.Get("Content-Encoding") != "identity":
		return nil, fmt.Errorf("comes in the encoding %q, which was not asked for", resp.Header.Get("Content-Encoding"))
	case resp.StatusCode == http.StatusPartialContent && offset > 0:
		from, size, err := contentRange(resp.Header.Get("Content-Range"))
		if err != nil {
			return nil, err
		}
		if from != offset {
			return nil, fmt.Errorf("gives the bytes from %d on, those from %d were asked for", from, offset)
		}
		if a.mark == "" {
			a.mark = mark // an answer to If-Range need not repeat it
		}
		a.size = size
		return a, nil
	case resp.StatusCode == http.StatusOK:
		a.size = resp.ContentLength
		if offset == 0 {
			return a, nil
		}
		if a.mark != mark {
			return nil, ErrChanged
		}
		// The server knows no ranges: pass over what was read.
		if _, err := io.CopyN(io.Discard, resp.Body, offset); err != nil {
			return nil, &temporaryError{error: fmt.Errorf("the connection broke: %w", err)}
		}
		return a, nil
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return nil, ErrChanged
	}
	return nil, statusError(resp)
}

// validator is what If-Range takes: a strong tag, or else a date.
func validator(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}

// contentRange reads "bytes 100-199/1000"; size is -1 for "*".
func contentRange(s string) (from, size int64, err error) {
	wrong := fmt.Errorf("Content-Range %q, want bytes FROM-TO/SIZE", s)
	span, ok := strings.CutPrefix(s, "bytes ")
	span, total, ok2 := strings.Cut(span, "/")
	first, _, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, wrong
	}
	if from, err = strconv.ParseInt(first, 10, 64); err != nil || from < 0 {
		return 0, 0, wrong
	}
	if total == "*" {
		return from, -1, nil
	}
	if size, err = strconv.ParseInt(total, 10, 64); err != nil || size < 0 {
		return 0, 0, wrong
	}
	return from, size, nil
}

// statusError says what a status means and what to do.
func statusError(resp *http.Response) error {
	status := resp.Status
	if where := resp.Request.URL; where != nil && resp.Request.Response != nil {
		status += " from " + shown(where.String())
	}
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound || code == http.StatusGone:
		return fmt.Errorf("%s: check the address", status)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("%s: the server wants credentials, or others than it got", status)
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500 && code != http.StatusNotImplemented:
		return &temporaryError{fmt.Errorf("%s", status), retryAfter(resp.Header.Get("Retry-After"))}
	}
	return fmt.Errorf("%s, want 200", status)
}

// retryAfter reads seconds or a date.
func retryAfter(s string) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return time.Duration(min(n, 3600)) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return time.Until(at)
	}
	return 0
}

// connectError tells what another try may mend from what it can't. The address
// stands in front of the message already.
func connectError(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var (
		dns         *net.DNSError
		operation   *net.OpError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("no host %q: check the address, and the network", dns.Name)
	case errors.As(err, &certificate) || errors.As(err, &authority):
		return err
	case errors.As(err, &operation), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &temporaryError{error: err}
	}
	if t, ok := err.(net.Error); ok && t.Timeout() {
		return &temporaryError{error: err}
	}
	if strings.Contains(err.Error(), "server closed") || strings.Contains(err.Error(), "http2:") {
		return &temporaryError{error: err}
	}
	return err
}
