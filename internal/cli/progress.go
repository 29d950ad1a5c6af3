package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/gradus-ml/gradus/train"
)

// A progress shows a run: a line an epoch, and below them a bar where the
// output is a terminal.
type progress struct {
	out     io.Writer
	bar     *bar // nil where there is no terminal
	epochs  int
	steps   int       // of the run
	samples int       // in this epoch
	loss    float64   // mean of the last steps
	start   time.Time // of the run
	began   time.Time // of this epoch
	shown   time.Time // the bar, last
	trained train.Scored
	took    time.Duration
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = &bar{terminal: f}
	}
	return p
}

// refresh is the time between two states of the bar.
const refresh = 100 * time.Millisecond

// handle is the callback.
func (p *progress) handle(e train.Event) error {
	switch e := e.(type) {
	case *train.Started:
		p.begin(e)
	case *train.Stepped:
		p.step(e)
	case *train.Scored:
		return p.score(e)
	case *train.Ended:
		p.bar.clear()
	}
	return nil
}

func (p *progress) begin(e *train.Started) {
	p.steps = e.Steps
	if e.Epochs != nil {
		p.epochs = *e.Epochs
	}
	p.start, p.began = time.Now(), time.Now()
}

func (p *progress) step(e *train.Stepped) {
	const keep = 0.95 // of the mean, at each step
	if p.samples == 0 && e.Epoch == 1 {
		p.loss = e.Loss
	}
	p.loss = keep*p.loss + (1-keep)*e.Loss
	p.samples += e.Samples
	if p.bar == nil || time.Since(p.shown) < refresh {
		return
	}
	p.shown = time.Now()
	left := time.Since(p.start) * time.Duration(p.steps-e.Step) / time.Duration(e.Step)
	p.bar.draw(fmt.Sprintf("epoch %d/%d  loss %.4f  %.0f samples/s  %v left",
		e.Epoch, p.epochs, p.loss, p.rate(time.Since(p.began)), left.Round(time.Second)), float64(e.Step)/float64(p.steps))
}

// rate is the samples a second of the epoch.
func (p *progress) rate(took time.Duration) float64 { return float64(p.samples) / took.Seconds() }

// score prints the line of the epoch when its test is done.
func (p *progress) score(e *train.Scored) error {
	if e.Split == "train" {
		p.trained, p.took = *e, time.Since(p.began)
		return nil
	}
	p.bar.clear()
	_, err := fmt.Fprintf(p.out, "epoch %d/%d  loss %.4f  accuracy %.2f %%  test loss %.4f  test accuracy %.2f %%  %.1f s  %.0f samples/s\n",
		e.Epoch, p.epochs, p.trained.Loss, 100*p.trained.Value("accuracy"), e.Loss, 100*e.Value("accuracy"), p.took.Seconds(), p.rate(p.took))
	p.samples, p.began = 0, time.Now()
	return err
}

// A bar is the last line of a terminal, drawn again and again.
type bar struct {
	terminal *os.File
	width    int // of what stands there
}

// draw writes a text and how much of the work is done, cut to the width that
// the terminal has by now, since a line that wraps can't be taken back.
func (b *bar) draw(text string, done float64) {
	columns, _, err := term.GetSize(int(b.terminal.Fd()))
	if err != nil || columns <= 0 {
		columns = 80
	}
	b.write(barLine(text, done, columns-1)) // the last column stays free: writing there wraps
}

// clear empties the line. A nil bar has none.
func (b *bar) clear() {
	if b != nil {
		b.write("")
		io.WriteString(b.terminal, "\r")
	}
}

// write replaces the line; blanks cover what was longer.
func (b *bar) write(line string) {
	width := utf8.RuneCountInString(line)
	fmt.Fprintf(b.terminal, "\r%s%s", line, strings.Repeat(" ", max(0, b.width-width)))
	b.width = width
}

// barLine is a bar with its text in at most so many columns: the bar shrinks
// first and goes before the text is cut.
func barLine(text string, done float64, columns int) string {
	const longest, shortest = 24, 6
	text += fmt.Sprintf("  %3.0f %%", 100*done)
	if cells := min(longest, columns-len(text)-2); cells >= shortest {
		full := int(done * float64(cells))
		return strings.Repeat("█", full) + strings.Repeat("░", cells-full) + "  " + text
	}
	return text[:min(len(text), max(0, columns))]
}
