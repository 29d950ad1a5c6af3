package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// The store's server is a program of its own:
//
//	go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
//
// It keeps buckets as folders, and checks signatures.
const storeProgram = "versitygw"

var root = S3{Region: "us-east-1", AccessKey: "tester", SecretKey: "a secret of some length"}

// startStore runs the server until the test ends, with the bucket "data" that
// is for its owner, and "open" that anyone may read.
func startStore(t *testing.T) (config S3) {
	t.Helper()
	program, err := exec.LookPath(storeProgram)
	if err != nil {
		program = filepath.Join(goBin(t), storeProgram)
		if _, err := os.Stat(program); err != nil {
			t.Skipf("needs the program %s: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0", storeProgram)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	dir := t.TempDir()
	buckets, sidecar := filepath.Join(dir, "buckets"), filepath.Join(dir, "sidecar")
	for _, d := range []string{buckets, sidecar} {
		if err := os.Mkdir(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	cmd := exec.Command(program, "--port", address, "--access", root.AccessKey, "--secret", root.SecretKey, "posix", "--sidecar", sidecar, buckets)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
		if t.Failed() {
			t.Logf("%s: %s", storeProgram, log.String())
		}
	})
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			break
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("%s does not listen: %v", storeProgram, err)
		}
	}
	config = root
	config.Endpoint = "http://" + address
	return config
}

// goBin is where go install puts programs.
func goBin(t *testing.T) string {
	out, err := exec.Command("go", "env", "GOBIN", "GOPATH").Output()
	if err != nil {
		t.Skipf("needs the program %s, and no go to ask for its place: %v", storeProgram, err)
	}
	bin, path, _ := strings.Cut(strings.TrimRight(string(out), "\n"), "\n")
	if bin != "" {
		return bin
	}
	return filepath.Join(filepath.SplitList(path)[0], "bin")
}

// put stores objects by the client itself.
func put(t *testing.T, config S3, bucket string, objects map[string][]byte) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	o := newS3Origin(config, transport)
	if _, err := o.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	for key, b := range objects {
		if _, err := o.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(b)}); err != nil {
			t.Fatal(err)
		}
	}
	if bucket != "open" {
		return
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::open","arn:aws:s3:::open/*"]}]}`
	if _, err := o.client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
}

func TestS3(t *testing.T) {
	config := startStore(t)
	plain := text(2 << 20)
	put(t, config, "data", map[string][]byte{
		"shards/a-000.tar": plain, "shards/a-001.tar": plain[:10], "shards/deep/b.tar": nil, "shards/.hidden.tar": nil,
		"a.csv.gz": packGzip(plain), "with space+é.csv": []byte("odd"),
	})
	put(t, config, "open", map[string][]byte{"a.csv": []byte("for all")})
	dir := t.TempDir()
	s := system(t, WithS3(config), WithCache(dir))

	for pattern, want := range map[string]string{
		"s3://data/shards/*.tar":             "s3://data/shards/a-000.tar s3://data/shards/a-001.tar",
		"s3://data/shards/**":                "s3://data/shards/a-000.tar s3://data/shards/a-001.tar s3://data/shards/deep/b.tar",
		"s3://data/**/b.tar":                 "s3://data/shards/deep/b.tar",
		"s3://data/shards/a-{000..001}.tar":  "s3://data/shards/a-000.tar s3://data/shards/a-001.tar",
		"s3://data/shards/a-00[1-9].tar":     "s3://data/shards/a-001.tar",
		"s3://data/not/looked/at/before.tar": "s3://data/not/looked/at/before.tar",
	} {
		if got, err := s.Find(t.Context(), pattern); strings.Join(got, " ") != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", pattern, got, err, want)
		}
	}
	for name, want := range map[string]string{
		"s3://data/shards/a-000.tar": string(plain), "s3://data/a.csv.gz": string(plain), "s3://data/shards/deep/b.tar": "",
		"s3://data/with space+é.csv": "odd", "s3://open/a.csv": "for all",
	} {
		if got, err := read(s, name); got != want || err != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		path, err := s.Local(t.Context(), name)
		if b, _ := os.ReadFile(path); string(b) != want || err != nil {
			t.Errorf("%s: copy of %d bytes, %v", name, len(b), err)
		}
	}
	for name, want := range map[string]string{
		"s3://data/nothing":  "file: s3://data/nothing: 404 Not Found (NoSuchKey: ",
		"s3://nowhere/a.csv": "404 Not Found (NoSuchBucket: ",
		"s3://data":          "file: s3://data: want s3://BUCKET/KEY",
	} {
		_, err := read(s, name)
		wants(t, err, want)
	}
	_, err := s.Find(t.Context(), "s3://data/*.tar")
	wants(t, err, "no object is named by s3://data/*.tar")
	_, err = s.Find(t.Context(), "s3://nowhere/*.tar")
	wants(t, err, "s3://nowhere/*.tar: 404 Not Found (NoSuchBucket: ", "check the bucket's name")

	// Without a name, what is open and nothing else.
	anyone := system(t, WithS3(S3{Endpoint: config.Endpoint, Region: config.Region}))
	if got, err := read(anyone, "s3://open/a.csv"); got != "for all" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := anyone.Find(t.Context(), "s3://open/*"); len(got) != 1 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_, err = read(anyone, "s3://data/a.csv.gz")
	wants(t, err, "s3://data/a.csv.gz: 403 Forbidden (AccessDenied: ", "give credentials that may read it")
	wrong := config
	wrong.SecretKey = "another"
	_, err = read(system(t, WithS3(wrong)), "s3://data/a.csv.gz")
	wants(t, err, "403 Forbidden (SignatureDoesNotMatch: ")
	if strings.Contains(err.Error(), config.SecretKey) || strings.Contains(err.Error(), wrong.SecretKey) {
		t.Error(err)
	}
}

// Behind a line that breaks after every few hundred kilobytes an object is
// still read as a whole; one that was replaced meanwhile is not.
func TestS3Resume(t *testing.T) {
	config := startStore(t)
	plain := text(2 << 20)
	put(t, config, "data", map[string][]byte{"a": plain})
	var requests atomic.Int32
	var between func()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		req := r.Clone(r.Context())
		req.URL.Scheme, req.URL.Host, req.RequestURI = "http", strings.TrimPrefix(config.Endpoint, "http://"), ""
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		for k, v := range resp.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(resp.StatusCode)
		if n, _ := io.CopyN(w, resp.Body, 700_000); n == 700_000 {
			w.(http.Flusher).Flush()
			if between != nil {
				between()
			}
			panic(http.ErrAbortHandler)
		}
	}))
	defer proxy.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	broken := config
	broken.Endpoint = proxy.URL
	s := system(t, WithS3(broken))
	if got, err := read(s, "s3://data/a"); got != string(plain) || err != nil || requests.Load() != 3 {
		t.Errorf("%d bytes, %v, %d requests", len(got), err, requests.Load())
	}
	between = func() {
		between = nil
		o := newS3Origin(config, http.DefaultTransport)
		_, err := o.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("data"), Key: aws.String("a"), Body: bytes.NewReader(plain[1:])})
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := read(s, "s3://data/a"); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
}

// A store that answers nonsense is a plain error.
func TestS3Nonsense(t *testing.T) {
	code := 200
	body := ""
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	})
	s := system(t, WithS3(S3{Region: "r", Endpoint: url}))
	for _, c := range []struct {
		code int
		body string
		want string
	}{
		{500, "oops", "500 Internal Server Error"},
		{503, "<Error><Code>SlowDown</Code><Message>slower</Message></Error>", "503 Service Unavailable (SlowDown: slower); tried 4 times"},
		{301, "<Error><Code>PermanentRedirect</Code></Error>", "another region"},
		{404, strings.Repeat("<a>", 1000), "404 Not Found"},
		{403, "", "403 Forbidden"},
	} {
		code, body = c.code, c.body
		_, err := read(s, "s3://b/k")
		wants(t, err, "file: s3://b/k: ", c.want)
		_, err = s.Find(t.Context(), "s3://b/*")
		wants(t, err, "file: s3://b/*: ", fmt.Sprint(c.code))
	}
	code, body = 200, "<nonsense"
	_, err := s.Find(t.Context(), "s3://b/*")
	wants(t, err, "file: s3://b/*: ")
	_, err = read(system(t, WithS3(S3{Region: "r", Endpoint: "http://127.0.0.1:1"})), "s3://b/k")
	wants(t, err, "s3://b/k: dial tcp 127.0.0.1:1", "tried 4 times")
}
