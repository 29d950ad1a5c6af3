package page_test

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// A tab is a page in Chromium. A request to another host than the server's, and
// a message on the console, fail the test.
type tab struct {
	t      *testing.T
	ctx    context.Context
	server string

	mu       sync.Mutex
	requests []string
	console  []string
}

// open starts Chromium, or skips the test where there is none.
func open(t *testing.T) *tab {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		t.Skip("needs chromium")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	messages, requests := chromedp.Console(ctx), chromedp.Events(ctx, network.RequestWillBeSent)
	b.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
		return err
	}))
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.console = append(b.console, m.Text)
			b.mu.Unlock()
		}
	}()
	go func() {
		for r, err := range requests {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.requests = append(b.requests, r.Request.URL)
			b.mu.Unlock()
		}
	}()
	return b
}

// check tells of what a page must not do. Requests that are refused, so many at
// most, are all that the console may tell of.
func (b *tab) check(refused int) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) == 0 {
		b.t.Error("no request was seen")
	}
	for _, r := range b.requests {
		if !strings.HasPrefix(r, b.server+"/") && !strings.HasPrefix(r, "data:") && !strings.HasPrefix(r, "blob:"+b.server) {
			b.t.Errorf("a request to %s", r)
		}
	}
	for _, m := range b.console {
		if strings.HasPrefix(m, "Failed to load resource: the server responded with a status of 40") && refused > 0 {
			refused--
			continue
		}
		b.t.Errorf("console: %s", m)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// get evaluates an expression.
func get[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wait waits until an expression is true.
func (b *tab) wait(expression string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if get[bool](b, "Boolean("+expression+")") {
			return
		}
		if time.Now().After(end) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.t.Fatalf("never: %s; the console has %q, the page shows\n%s", expression, b.console, get[string](b, "document.body.innerText"))
		}
	}
}

// size sets the window, with touch as on a phone where it is narrow.
func (b *tab) size(width, height int64, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do(chromedp.EmulateViewport(width, height), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	}))
}

// show opens the page with a model.
func (b *tab) show(model string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.server + "/#" + model))
	b.wait(fmt.Sprintf("document.querySelector('#title')?.textContent === %q", model))
}

// draw draws strokes by the mouse, in parts of the field's side.
func (b *tab) draw(strokes [][][2]float64) {
	b.t.Helper()
	at := b.place()
	for _, s := range strokes {
		for i, p := range s {
			x, y := at(p)
			kind := input.DispatchMouseEventTypeMouseMoved
			if i == 0 {
				b.do(chromedp.MouseEvent(kind, x, y))
				kind = input.DispatchMouseEventTypeMousePressed
			}
			b.do(chromedp.MouseEvent(kind, x, y, chromedp.ButtonLeft))
		}
		x, y := at(s[len(s)-1])
		b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x, y, chromedp.ButtonLeft))
	}
}

// place finds points of the field, in parts of its side, in the window.
func (b *tab) place() func(p [2]float64) (x, y float64) {
	b.t.Helper()
	box := get[[]float64](b, "(() => { const r = document.querySelector('canvas').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()")
	return func(p [2]float64) (x, y float64) { return box[0] + p[0]*box[2], box[1] + p[1]*box[3] }
}

// keys presses keys, one after the other.
func (b *tab) keys(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}
