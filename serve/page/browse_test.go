package page_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	stdimage "image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/gradus-ml/gradus/data/mnist"
	"github.com/gradus-ml/gradus/serve"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/guard"
)

var (
	screenshot = flag.String("screenshot", "", "write a picture of the page, for the documents, to this `file`")
	trained    = flag.String("model", "", "run `folder` of the model that the picture shows")
)

// arc is a part of an ellipse around (x, y), between two angles.
func arc(x, y, rx, ry, from, to float64) (points [][2]float64) {
	const n = 20
	for i := range n + 1 {
		a := from + (to-from)*float64(i)/n
		points = append(points, [2]float64{x + rx*math.Cos(a), y + ry*math.Sin(a)})
	}
	return points
}

// digits are drawn as people do.
var digits = map[string][][][2]float64{
	"0": {arc(0.5, 0.5, 0.2, 0.3, -math.Pi/2, 3*math.Pi/2)},
	"3": {append(arc(0.48, 0.34, 0.17, 0.16, -2.6, 1.6), arc(0.48, 0.68, 0.2, 0.18, -1.6, 2.5)...)},
	"7": {{{0.3, 0.22}, {0.5, 0.22}, {0.7, 0.22}, {0.6, 0.42}, {0.52, 0.6}, {0.45, 0.8}}},
}

// serving starts a server, guard and all, of run folders under names.
func serving(t *testing.T, dirs map[string]string, keys ...string) string {
	t.Helper()
	c := serve.Default()
	c.Listen, c.Keys.List = "127.0.0.1:0", keys
	c.Timeouts.Drain = 0
	for name, dir := range dirs {
		m := serve.DefaultModel()
		m.Name, m.Run = name, dir
		c.Models = append(c.Models, m)
	}
	e := engine.New(enginetest.Machine())
	s, err := serve.New(e, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, e.Close()); err != nil {
			t.Error(err)
		}
	})
	return "http://" + s.Addr().String()
}

// best is what the page says.
const best = `document.querySelector("#answer .figure strong")?.textContent`

// explained waits until the page tells what the present prediction rests on.
const explained = `!document.querySelector("#why").hidden && document.querySelector("#reason").childElementCount && !document.querySelector("#reason .empty")`

// TestBrowser tries models as people do: with mouse, touch and keyboard, at a
// desk and on a phone.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	b := open(t)
	dirs := map[string]string{"mnist": trainDigits(t)}
	for _, kind := range []string{enginetest.Penguins, enginetest.Masses, enginetest.Mail} {
		dirs[kind] = enginetest.Folder(t, kind, 1)
	}
	b.server = serving(t, dirs)
	b.size(1280, 800, false)

	// Digits by the mouse.
	for want, strokes := range digits {
		b.show("mnist")
		b.draw(strokes)
		b.wait(fmt.Sprintf("%s === %q", best, want))
		b.wait(explained)
		probabilities := get[map[string]float64](b, `Object.fromEntries([...document.querySelectorAll(".bars li")].map((li) =>
			[li.querySelector(".name").textContent, Number(li.querySelector(".bar").style.getPropertyValue("--share"))]))`)
		sum := 0.0
		for name, p := range probabilities {
			sum += p
			if name != want && p >= probabilities[want] {
				t.Errorf("drawn %s: %s has %v, %s has %v", want, name, p, want, probabilities[want])
			}
		}
		if len(probabilities) != 10 || math.Abs(sum-1) > 1e-4 {
			t.Errorf("drawn %s: probabilities %v", want, probabilities)
		}
		heat := get[string](b, `document.querySelector("#reason img").src.split(",")[1]`)
		file, err := base64.StdEncoding.DecodeString(heat)
		if err != nil {
			t.Error(err)
		}
		if im, err := png.Decode(bytes.NewReader(file)); err != nil || im.Bounds().Dx() != 280 {
			t.Errorf("drawn %s: heat map: %v", want, err)
		}
		// Undo takes the stroke back, and with it the answer.
		get[any](b, `[...document.querySelectorAll(".tools button")].find((x) => x.textContent === "Undo").click()`)
		b.wait(`document.querySelector("#answer .empty") && document.querySelector("#reason .empty")`)
	}

	// Pictures that are dropped, and chosen. Inverted, a picture is another one.
	b.show("mnist")
	picture, label := testDigit(t, 0)
	get[any](b, fmt.Sprintf(`(() => {
		const bytes = Uint8Array.from(atob(%q), (c) => c.charCodeAt(0)), data = new DataTransfer();
		data.items.add(new File([bytes], "digit.png", { type: "image/png" }));
		document.querySelector(".field").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
	})()`, base64.StdEncoding.EncodeToString(picture)))
	b.wait(fmt.Sprintf("%s === %q", best, label))
	before := get[string](b, `document.querySelector(".figure em").textContent`)
	get[any](b, `[...document.querySelectorAll(".tools button")].find((x) => x.textContent === "Invert").click()`)
	b.wait(fmt.Sprintf(`document.querySelector("[aria-pressed=true]") && document.querySelector(".figure em").textContent !== %q`, before))
	picture, label = testDigit(t, 2)
	path := filepath.Join(t.TempDir(), "digit.png")
	if err := os.WriteFile(path, picture, 0o666); err != nil {
		t.Fatal(err)
	}
	b.show("mail")
	b.show("mnist")
	b.do(chromedp.SetUploadFiles("#choose", []string{path}))
	b.wait(fmt.Sprintf("%s === %q", best, label))

	// A text, and the words that matter.
	b.show("mail")
	get[any](b, `document.querySelector("textarea").focus()`)
	b.keys("free money for you")
	b.wait(`["ham", "spam"].includes(` + best + `)`)
	b.wait(explained + ` && document.querySelector(".words")?.textContent === "free money for you"`)
	if n := get[int](b, `document.querySelectorAll(".words mark").length`); n == 0 {
		t.Error("no word is underlined")
	}

	// A row that is pasted, and what is wrong with a number.
	b.show("masses")
	get[any](b, `document.querySelector("summary").click()`)
	get[any](b, `document.querySelector("#row").focus()`)
	b.keys("39.1,18.7,181,,Dream,female")
	b.wait(`/^[0-9,.]+$/.test(` + best + `)`)
	b.wait(explained + ` && document.querySelectorAll(".diverging li").length === 6`)
	if got := get[string](b, `[...document.querySelectorAll(".plain :is(input, select)")].map((e) => e.value).join("|")`); got != "39.1|18.7|181||Dream|female" {
		t.Errorf("the row fills in %s", got)
	}
	get[any](b, `document.querySelector(".plain input").focus()`)
	b.keys("x")
	b.wait(`/bill_length_mm.*39\.1x.*\.$/.test(document.querySelector("#error").textContent)`)

	b.keyboard()
	b.phone()
	b.check(1) // a request was refused, which the browser says
}

// testDigit is an image of MNIST's test split as a file, and its label.
func testDigit(t *testing.T, i int) (file []byte, label string) {
	t.Helper()
	set, err := mnist.Test()
	if err != nil {
		t.Fatal(err)
	}
	row := set.Images.Row(i)
	im := &stdimage.Gray{Pix: row.Bytes(), Stride: mnist.Side, Rect: stdimage.Rect(0, 0, mnist.Side, mnist.Side)}
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), fmt.Sprint(set.Labels.Int(i))
}

// keyboard goes all the way without a mouse.
func (b *tab) keyboard() {
	b.t.Helper()
	b.do(chromedp.Navigate("about:blank"))
	b.do(chromedp.Navigate(b.server + "/"))
	b.wait(`!document.querySelector("#model").hidden`)
	tabTo := func(what string) {
		b.t.Helper()
		for range 40 {
			b.keys(kb.Tab)
			if get[bool](b, what) {
				return
			}
		}
		b.t.Fatalf("the tab key never comes to %s", what)
	}
	b.keys(kb.Tab)
	if !get[bool](b, `document.activeElement.className === "skip"`) {
		b.t.Error("the first stop does not skip to the model")
	}
	tabTo(`document.activeElement.textContent === "mnist"`)
	b.keys(kb.Enter)
	b.wait(`document.querySelector("#title").textContent === "mnist"`)
	tabTo(`document.activeElement.tagName === "CANVAS"`)
	b.keys(strings.Repeat(kb.ArrowUp, 9) + " " + strings.Repeat(kb.ArrowDown, 18) + " ")
	b.wait(best + ` === "1"`)
	b.wait(explained)
	tabTo(`document.activeElement.dataset.class === "7"`)
	b.keys(kb.Enter)
	b.wait(`document.querySelector("#reason b").textContent === "7" && document.activeElement.getAttribute("aria-pressed") === "true"`)

	tabBack := func(what string) {
		b.t.Helper()
		for range 40 {
			b.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(kb.ModifierShift)))
			if get[bool](b, what) {
				return
			}
		}
		b.t.Fatalf("the tab key never comes back to %s", what)
	}
	tabBack(`document.activeElement.textContent === "penguins"`)
	b.keys(kb.Enter)
	b.wait(`document.querySelector("#title").textContent === "penguins"`)
	tabTo(`document.activeElement.name === "bill_length_mm"`)
	b.keys("46.5" + kb.Tab + "17.9" + kb.Tab + "192" + kb.Tab + "3500" + kb.Tab + "Dr")
	b.wait(`document.querySelector("select").value === "Dream" && document.querySelectorAll(".bars li").length === 3`)
	b.wait(explained)
}

// phone is narrow, and has a touch screen.
func (b *tab) phone() {
	b.t.Helper()
	for _, dark := range []bool{false, true} {
		b.size(360, 640, dark)
		for _, model := range []string{"mnist", "mail", "penguins", "masses"} {
			b.do(chromedp.Navigate("about:blank"))
			b.show(model)
			switch model {
			case "mnist":
				b.touch(digits["7"])
				b.wait(best + ` === "7"`)
			case "mail":
				get[any](b, `document.querySelector("textarea").focus()`)
				b.keys("donaudampfschifffahrtsgesellschaftskapitänswitwenpensionsantragsformular")
			default:
				get[any](b, `document.querySelector(".plain input").focus()`)
				b.keys("39")
				if model == "masses" {
					get[any](b, `document.querySelector("summary").click()`)
				}
			}
			b.wait(explained)
			if over := get[float64](b, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
				b.t.Errorf("%s is %v pixels wider than a phone", model, over)
			}
			small := get[[]string](b, `[...document.querySelectorAll("button, input, select, textarea, a")].filter((e) => e.offsetParent && !e.matches(".unseen, .skip"))
				.filter((e) => e.getBoundingClientRect().height < 24).map((e) => e.textContent || e.name)`)
			if len(small) > 0 {
				b.t.Errorf("%s: too small for a finger: %q", model, small)
			}
		}
	}
}

// touch draws strokes by a finger, in parts of the field's side.
func (b *tab) touch(strokes [][][2]float64) {
	b.t.Helper()
	at := b.place()
	send := func(kind input.DispatchTouchEventType, points ...*input.TouchPoint) {
		b.t.Helper()
		b.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points})
			return err
		}))
	}
	for _, s := range strokes {
		kind := input.DispatchTouchEventTypeTouchStart
		for _, p := range s {
			x, y := at(p)
			send(kind, &input.TouchPoint{X: x, Y: y})
			kind = input.DispatchTouchEventTypeTouchMove
		}
		send(input.DispatchTouchEventTypeTouchEnd)
	}
}

// TestKey: a server that wants a key gets it from the person, and keeps being
// asked with it.
func TestKey(t *testing.T) {
	b := open(t)
	key, line, err := guard.NewKey("tester")
	if err != nil {
		t.Fatal(err)
	}
	b.server = serving(t, map[string]string{"mail": enginetest.Folder(t, enginetest.Mail, 1)}, line)
	b.do(chromedp.Navigate(b.server))
	b.wait(`document.activeElement.id === "key-value"`)
	b.keys("open" + kb.Enter)
	b.wait(`document.activeElement.id === "key-value" && document.activeElement.value === ""`)
	b.keys(key + kb.Enter)
	b.wait(`document.querySelector("#title").textContent === "mail" && document.querySelector("#key").hidden`)
	get[any](b, `document.querySelector("textarea").focus()`)
	b.keys("free")
	b.wait(explained)
	if kept := get[string](b, `JSON.stringify([document.cookie, Object.values(localStorage), Object.values(sessionStorage)])`); kept != fmt.Sprintf(`["",[],[%q]]`, key) {
		t.Errorf("the browser keeps %s", kept)
	}
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(b.server))
	b.wait(`document.querySelector("#title").textContent === "mail"`)
	b.check(2)
}

// TestScreenshot draws the picture of the documents.
func TestScreenshot(t *testing.T) {
	if *screenshot == "" {
		t.Skip("-screenshot FILE -model RUN writes a picture")
	}
	b := open(t)
	b.server = serving(t, map[string]string{"mnist": *trained})
	b.size(1280, 680, false)
	for range 2 { // the first time the server compiles
		b.do(chromedp.Navigate("about:blank"))
		b.show("mnist")
		b.draw(digits["3"])
		b.wait(explained)
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*screenshot, picture, 0o666); err != nil {
		t.Fatal(err)
	}
}
