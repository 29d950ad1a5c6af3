//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

// A process is a running server.
type process struct {
	cmd  *exec.Cmd
	base string // http://HOST:PORT
	out  string // what it said when it was ready
	ends chan error

	mu  sync.Mutex
	log bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// start runs a server until the test ends, and waits until it is ready. It
// writes text.
func start(t *testing.T, program string, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(program, args...), ends: make(chan error, 1)}
	p.cmd.Args[0] = "gradus" // what testscript.Main knows the command by
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = p
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() })
	last := regexp.MustCompile(`^(gRPC|listening|admin)`)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		p.out += lines.Text() + "\n"
		if base, ok := strings.CutPrefix(lines.Text(), "page  "); ok {
			p.base = strings.TrimSuffix(base, "/")
		}
		if last.MatchString(lines.Text()) && (!slices.Contains(args, "--admin") || strings.HasPrefix(lines.Text(), "admin")) {
			go func() {
				io.Copy(io.Discard, out)
				p.ends <- p.cmd.Wait()
			}()
			return p
		}
	}
	t.Fatalf("%v does not become ready:\n%s%s", args, p.out, p.logged())
	return nil
}

// self is the command under test.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// end sends a signal and wants the process to end with a code.
func (p *process) end(t *testing.T, s os.Signal, code int) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ends:
	case <-time.After(30 * time.Second):
		t.Fatalf("%v does not end it", s)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("ended with %d, want %d: %s", got, code, p.logged())
	}
}

// post asks for an answer.
func post(t *testing.T, url, contentType, body string) string {
	t.Helper()
	r, err := http.Post(url, contentType, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v: %s", url, r.Status, err, b)
	}
	return string(b)
}

var anyPort = []string{"--listen", "127.0.0.1:0", "--log-format", "text", "--threads", "1"}

// It serves what it was given under the names that were given, says so, tells
// how to ask in a line that works, and ends cleanly.
func TestServe(t *testing.T) {
	digits, mail := enginetest.Folder(t, enginetest.Digits, 1), enginetest.Folder(t, enginetest.Mail, 1)
	birds := filepath.Join(t.TempDir(), "penguins")
	if err := os.Mkdir(birds, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := enginetest.Write(birds, enginetest.Penguins, 1); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string // of the answer to the line that is printed
	}{
		{[]string{birds, "post:3=" + mail}, `"species"`},
		{[]string{"post:3=" + mail, birds}, `"kind"`},
		{[]string{"digits=" + digits}, `"label"`},
	} {
		p := start(t, self(t), nil, append(append([]string{"serve"}, c.args...), anyPort...)...)
		_, line, _ := strings.Cut(p.out, "\ntry   ")
		line, _, ok := strings.Cut(line, "\n")
		if !ok {
			t.Fatalf("no line in %s", p.out)
		}
		if _, err := exec.LookPath("curl"); err == nil {
			if out, err := exec.Command("sh", "-c", line).Output(); err != nil || !strings.Contains(string(out), c.want) {
				t.Errorf("%s\n%v: %s", line, err, out)
			}
		}
		if len(c.args) == 2 {
			if !strings.Contains(p.out, "post 3 from "+mail+": text (text) to kind, ") || !strings.Contains(p.out, "penguins 1 from "+birds+": ") {
				t.Errorf("it said\n%s", p.out)
			}
			post(t, p.base+"/v1/predict/post/versions/3", "text/plain", "free money")
		}
		if code, _, errs := run(t.Context(), "serve", "health", p.base); code != 0 {
			t.Errorf("health: %d %s", code, errs)
		}
		p.end(t, os.Interrupt, 0)
		if code, _, _ := run(t.Context(), "serve", "health", p.base); code != 1 {
			t.Errorf("health of a server that is gone: %d", code)
		}
	}
}

// A log is lines of JSON, the one that says ready too.
func TestServeJSON(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), self(t), "serve", "m="+enginetest.Folder(t, enginetest.Masses, 1), "--listen", "127.0.0.1:0", "--threads", "1")
	cmd.Args[0] = "gradus"
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := false
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct {
			Msg, Address string
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		if line.Msg == "ready" {
			ready = true
			post(t, "http://"+line.Address+"/v1/predict/m", "application/json", `{"bill_length_mm":44,"bill_depth_mm":17,"flipper_length_mm":200,"body_mass_g":null,"island":"Dream"}`)
			cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	if err := cmd.Wait(); err != nil || !ready || out.Len() > 0 {
		t.Errorf("%v, ready %v, output %q", err, ready, &out)
	}
}

// SIGHUP reads models and keys again, and ends nothing.
func TestServeHangup(t *testing.T) {
	dir := enginetest.Folder(t, enginetest.Mail, 1)
	keys := filepath.Join(t.TempDir(), "keys")
	key := func(name string) string {
		t.Helper()
		code, out, errs := run(t.Context(), "serve", "key", name, "--key-file", keys)
		if code != 0 {
			t.Fatal(errs)
		}
		key, _, _ := strings.Cut(out, "\n")
		return key
	}
	first := key("first")
	p := start(t, self(t), nil, append([]string{"serve", "mail=" + dir, "--key-file", keys, "--watch", "1h"}, anyPort...)...)
	ask := func(key string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, p.base+"/v1/predict/mail", strings.NewReader("free money"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "text/plain")
		r.Header.Set("Authorization", "Bearer "+key)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		b, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		before, _, _ := strings.Cut(string(b), `"time_ms"`)
		return a.StatusCode, before
	}
	code, before := ask(first)
	if code != 200 {
		t.Fatalf("%d %s", code, before)
	}
	second := key("second")
	if code, _ := ask(second); code != 401 {
		t.Errorf("a key that was not read: %d", code)
	}
	if err := enginetest.Write(dir, enginetest.Mail, 2); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if code, after := ask(second); code == 200 && after != before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not read again: %s", p.logged())
		}
	}
	p.end(t, syscall.SIGTERM, 0)
}

// Administrators have metrics of requests, models and memory at an address of
// their own.
func TestServeMetrics(t *testing.T) {
	p := start(t, self(t), nil, append([]string{"serve", "mail=" + enginetest.Folder(t, enginetest.Mail, 1), "--admin", "127.0.0.1:0"}, anyPort...)...)
	post(t, p.base+"/v1/predict/mail", "text/plain", "free money")
	_, admin, _ := strings.Cut(p.out, "\nadmin ")
	admin, _, _ = strings.Cut(admin, "\n")
	r, err := http.Get(admin)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 {
		t.Fatalf("%s %v", r.Status, err)
	}
	for _, want := range []string{"gradus_requests_total{", `model="mail"`, "gradus_queue_examples{"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in\n%s", want, b)
		}
	}
	p.end(t, syscall.SIGTERM, 0)
	if !strings.Contains(p.logged(), "model=mail") {
		t.Errorf("no line for the request in\n%s", p.logged())
	}
}

// The second signal does not wait for what is under way.
func TestServeSecondSignal(t *testing.T) {
	p := start(t, self(t), nil, append([]string{"serve", "mail=" + enginetest.Folder(t, enginetest.Mail, 1)}, anyPort...)...)
	c, err := net.Dial("tcp", strings.TrimPrefix(p.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /v1/predict/mail HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nfree")
	time.Sleep(200 * time.Millisecond) // until it is read from
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	select {
	case <-p.ends:
		t.Fatalf("it did not wait for the request: %s", p.logged())
	default:
	}
	begun := time.Now()
	p.end(t, syscall.SIGTERM, exitInterrupted)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A service manager hears what systemd wants to hear.
func TestServeManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	heard := make(chan string, 100)
	go func() {
		b := make([]byte, 1000)
		for {
			n, err := socket.Read(b)
			if err != nil {
				close(heard)
				return
			}
			heard <- string(b[:n])
		}
	}()
	wait := func(want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for {
			select {
			case m := <-heard:
				if regexp.MustCompile(want).MatchString(m) {
					return
				}
				if m != "WATCHDOG=1" {
					t.Errorf("heard %q, want %s", m, want)
				}
			case <-ctx.Done():
				t.Fatalf("heard no %s", want)
			}
		}
	}
	p := start(t, self(t), []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=200000"},
		append([]string{"serve", "mail=" + enginetest.Folder(t, enginetest.Mail, 1)}, anyPort...)...)
	wait("^READY=1$")
	wait("^WATCHDOG=1$")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	wait(`^RELOADING=1\nMONOTONIC_USEC=\d+$`)
	wait("^READY=1$")
	p.end(t, syscall.SIGTERM, 0)
	wait("^STOPPING=1$")
}

// A program with a model in it does what the folder does.
func TestBundled(t *testing.T) {
	dir, out := enginetest.Folder(t, enginetest.Mail, 1), t.TempDir()
	file := filepath.Join(out, "mail")
	if code, _, errs := run(t.Context(), "bundle", dir, "-o", file, "--name", "mail"); code != 0 {
		t.Fatal(errs)
	}
	command := func(args ...string) (string, string, int) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), file, args...)
		cmd.Args[0], cmd.Dir, cmd.Stdout, cmd.Stderr = "gradus", out, &stdout, &stderr
		cmd.Run()
		return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
	}
	served := start(t, self(t), nil, append([]string{"serve", "mail=" + dir}, anyPort...)...)
	want, _, _ := strings.Cut(post(t, served.base+"/v1/predict/mail", "text/plain", "free money"), `"time_ms"`)
	served.end(t, syscall.SIGTERM, 0)

	p := start(t, file, nil, anyPort...)
	if err := os.Remove(file); err != nil { // as an update may, while it runs
		t.Fatal(err)
	}
	if got := post(t, p.base+"/v1/predict/mail", "text/plain", "free money"); !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if got := post(t, p.base+"/v1/predict/mail", "text/plain", "free money"); !strings.HasPrefix(got, want) {
		t.Errorf("after SIGHUP %s, want %s", got, want)
	}
	p.end(t, syscall.SIGTERM, 0)

	if code, _, errs := run(t.Context(), "bundle", dir, "-o", file, "--name", "mail"); code != 0 {
		t.Fatal(errs)
	}
	text := filepath.Join(out, "a.txt")
	if err := os.WriteFile(text, []byte("free money"), 0o666); err != nil {
		t.Fatal(err)
	}
	code, predicted, errs := run(t.Context(), "predict", dir, text)
	if code != 0 {
		t.Fatal(errs)
	}
	if got, errs, code := command("predict", text); code != 0 || got != predicted {
		t.Errorf("%d %s: %s, want %s", code, errs, got, predicted)
	}
	if got, errs, code := command("export", "again"); code != 0 || got != "again: again/README.md says what it is\n" {
		t.Errorf("%d %s: %s", code, errs, got)
	}
	if got, errs, code := command("version"); code != 0 || !strings.HasPrefix(got, "gradus ") {
		t.Errorf("%d %s: %s", code, errs, got)
	}
	if _, errs, code := command("train", "mnist"); code != exitUsage || !strings.HasPrefix(errs, "gradus: unknown command train; ") {
		t.Errorf("%d %s", code, errs)
	}
	if got, _, code := command("--help"); code != 0 || !strings.Contains(got, "Make a service of the model that is in this program") {
		t.Errorf("%d %s", code, got)
	}
	for _, name := range []string{"README.md", "model/config.json", "model/model.safetensors", "model/preprocess.json"} {
		if _, err := os.Stat(filepath.Join(out, "again", name)); err != nil {
			t.Error(err)
		}
	}

	// What is wrong with a bundle is told in a line, whatever it is asked for.
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(b []byte, want string, args ...string) {
		t.Helper()
		if err := os.WriteFile(file, b, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, errs, code := command(args...); code == 0 || !strings.Contains(errs, want) || strings.Count(errs, "\n") > 2 {
			t.Errorf("%v: %d %s, want %s", args, code, errs, want)
		}
	}
	damaged(whole[:len(whole)-50], "a bundle whose end is missing")
	damaged(whole[:len(whole)-50], "a bundle whose end is missing", "predict", text)
	damaged(append(bytes.Clone(whole), "signature"...), "a bundle whose end is missing")
	changed := bytes.Clone(whole)
	changed[len(changed)-2000] ^= 1
	damaged(changed, "the file was changed or damaged")
	damaged(changed, "the file was changed or damaged", "predict", text)
	changed = bytes.Clone(whole)
	changed[len(changed)-50] ^= 1
	damaged(changed, "it is cut short or changed")
}
