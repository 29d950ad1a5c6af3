package cli

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/gradus-ml/gradus/train"
)

// A progress shows a run: a line an evaluation, and below them a bar where the
// output is a terminal.
type progress struct {
	out     io.Writer
	bar     *bar // nil where there is no terminal
	epochs  *int
	steps   int       // of the run; -1 when nobody knows
	done    int       // steps of an earlier part of the run
	samples int       // since the last line
	loss    float64   // mean of the last steps
	start   time.Time // of the run
	began   time.Time // of what the next line is about
	shown   time.Time // the bar, last
	trained *train.Score
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
		p.epochs, p.steps, p.done = e.Epochs, e.Steps, e.Step
		p.start, p.began = time.Now(), time.Now()
		if e.Step > 0 {
			return p.line("goes on after step %d", e.Step)
		}
	case *train.Loaded:
		return p.loaded(e)
	case *train.Stepped:
		p.step(e)
	case *train.Refused:
		return p.refused(e)
	case *train.Scored:
		return p.score(e)
	case *train.EpochEnded:
		if p.trained != nil { // and not evaluated
			return p.epochLine(e.Epoch, "")
		}
	case *train.Ended:
		p.bar.clear()
		if e.Err == nil && e.Result.Stopped != "" {
			return p.line("ended early, after step %d: %s", e.Step, e.Result.Stopped)
		}
	}
	return nil
}

// line prints a line above the bar.
func (p *progress) line(format string, args ...any) error {
	p.bar.clear()
	_, err := fmt.Fprintf(p.out, format+"\n", args...)
	return err
}

func (p *progress) loaded(e *train.Loaded) error {
	text := fmt.Sprintf("%d weights from %s", len(e.Taken), e.Path)
	for _, list := range []struct {
		what string
		keys []string
	}{{"not in the file", e.Missing}, {"another shape", e.Unfit}, {"not in the model", e.Unused}, {"left out", e.Excluded}} {
		if len(list.keys) > 0 {
			text += fmt.Sprintf("; %s: %s", list.what, strings.Join(list.keys, ", "))
		}
	}
	return p.line("%s", text)
}

func (p *progress) refused(e *train.Refused) error {
	switch {
	case e.Overflow:
		return nil // the scale of the loss finds its height
	case e.RolledBack:
		return p.line("step %d (batch %d of epoch %d) refused: loss %.4g, norm of the gradients %.4g; the weights are those of step %d again", e.Step, e.Batch, e.Epoch, e.Loss, e.GradNorm, e.SnapshotOf)
	}
	return p.line("step %d (batch %d of epoch %d) refused: loss %.4g, norm of the gradients %.4g; nothing has changed", e.Step, e.Batch, e.Epoch, e.Loss, e.GradNorm)
}

func (p *progress) step(e *train.Stepped) {
	const keep = 0.95 // of the mean, at each step
	if p.loss == 0 {
		p.loss = e.Loss
	}
	p.loss = keep*p.loss + (1-keep)*e.Loss
	p.samples += e.Samples
	if p.bar == nil || time.Since(p.shown) < refresh {
		return
	}
	p.shown = time.Now()
	text := fmt.Sprintf("step %d  loss %.4f  %.0f samples/s", e.Step, p.loss, p.rate(time.Since(p.began)))
	share := 0.0
	if p.steps > 0 {
		share = float64(e.Step) / float64(p.steps)
		left := time.Since(p.start) * time.Duration(p.steps-e.Step) / time.Duration(max(1, e.Step-p.done))
		text += fmt.Sprintf("  %v left", left.Round(time.Second))
	}
	if p.epochs != nil {
		text = fmt.Sprintf("epoch %d/%d  %s", e.Epoch, *p.epochs, text)
	}
	p.bar.draw(text, share)
}

// rate is the samples a second since the last line.
func (p *progress) rate(took time.Duration) float64 { return float64(p.samples) / took.Seconds() }

// score prints a line for a split that was scored.
func (p *progress) score(e *train.Scored) error {
	switch e.Split {
	case "train":
		p.trained, p.took = &e.Score, time.Since(p.began)
		return nil
	case "validation":
		if p.trained == nil { // within an epoch
			return p.line("step %d  validation%s", e.Step, values(e.Score))
		}
		return p.epochLine(e.Epoch, "  validation"+values(e.Score))
	}
	return p.line("%s%s", e.Split, values(e.Score))
}

// epochLine prints what came of an epoch.
func (p *progress) epochLine(epoch int, more string) error {
	name := fmt.Sprintf("epoch %d", epoch)
	if p.epochs != nil {
		name += fmt.Sprintf("/%d", *p.epochs)
	}
	err := p.line("%s%s%s  %.1f s  %.0f samples/s", name, values(*p.trained), more, p.took.Seconds(), p.rate(p.took))
	p.trained, p.samples, p.began = nil, 0, time.Now()
	return err
}

// values prints the numbers of a score: "  loss 0.0412  accuracy 98.74 %".
func values(s train.Score) string {
	text := ""
	for _, m := range s.Values {
		name := m.Name[strings.LastIndexByte(m.Name, '.')+1:]
		switch {
		case strings.HasSuffix(name, "accuracy") || strings.HasPrefix(name, "top"):
			text += fmt.Sprintf("  %s %.2f %%", m.Name, 100*m.Value)
		case math.Abs(m.Value) >= 1e4 || m.Value != 0 && math.Abs(m.Value) < 1e-3:
			text += fmt.Sprintf("  %s %.4g", m.Name, m.Value)
		default:
			text += fmt.Sprintf("  %s %.4f", m.Name, m.Value)
		}
	}
	return text
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
