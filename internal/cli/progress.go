package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/gradus-ml/gradus/train"
)

// A progress shows a run: a line an epoch, and below them a bar where the
// output is a terminal.
type progress struct {
	out     io.Writer
	bar     *progressbar.ProgressBar // nil where there is no terminal
	live    bool
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
	f, ok := out.(*os.File)
	return &progress{out: out, live: ok && term.IsTerminal(int(f.Fd()))}
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
		if p.bar != nil {
			p.bar.Clear()
		}
	}
	return nil
}

func (p *progress) begin(e *train.Started) {
	p.epochs, p.steps = e.Epochs, e.Epochs*e.StepsPerEpoch
	p.start, p.began = time.Now(), time.Now()
	if !p.live {
		return
	}
	p.bar = progressbar.NewOptions(p.steps,
		progressbar.OptionSetWriter(p.out), progressbar.OptionSetWidth(24), progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false), progressbar.OptionClearOnFinish())
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
	p.bar.Describe(fmt.Sprintf("epoch %d/%d  loss %.4f  %.0f samples/s  %v left",
		e.Epoch, p.epochs, p.loss, p.rate(time.Since(p.began)), left.Round(time.Second)))
	p.bar.Set(e.Step)
}

// rate is the samples a second of the epoch.
func (p *progress) rate(took time.Duration) float64 { return float64(p.samples) / took.Seconds() }

// score prints the line of the epoch when its test is done.
func (p *progress) score(e *train.Scored) error {
	if e.Split == "train" {
		p.trained, p.took = *e, time.Since(p.began)
		return nil
	}
	if p.bar != nil {
		p.bar.Clear()
	}
	_, err := fmt.Fprintf(p.out, "epoch %d/%d  loss %.4f  accuracy %.2f %%  test loss %.4f  test accuracy %.2f %%  %.1f s  %.0f samples/s\n",
		e.Epoch, p.epochs, p.trained.Loss, 100*p.trained.Accuracy, e.Loss, 100*e.Accuracy, p.took.Seconds(), p.rate(p.took))
	p.samples, p.began = 0, time.Now()
	return err
}
