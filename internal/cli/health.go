package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newServeHealth() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "health [URL]",
		Short: "Ask a server whether it is ready",
		Long: "Ask a server, by default that of this machine at port 8080, whether it is ready: exit\n" +
			"code 0 if it is, 1 if not. It is what a container without curl can be asked by. URL is\n" +
			"http://HOST:PORT, https://HOST:PORT or unix:PATH; a certificate is not checked, since\n" +
			"nothing is sent but the question.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("health wants one URL, got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			address := "http://127.0.0.1:8080"
			if len(args) == 1 {
				address = args[0]
			}
			return health(cmd.Context(), address, timeout)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "`time` that the server has to answer")
	return cmd
}

// health asks a server; the error tells what it lacks.
func health(ctx context.Context, address string, timeout time.Duration) error {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	at := address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		at = "http://localhost"
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usagef("health wants http://HOST:PORT, https://HOST:PORT or unix:PATH, got %q", address)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/readyz"
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return usage(err)
	}
	a, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	io.Copy(io.Discard, io.LimitReader(a.Body, 1<<10))
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is not ready: %s", address, a.Status)
	}
	return nil
}
