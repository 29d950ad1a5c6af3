package train

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
)

// A Strategy says how training goes, apart from model, data, loss and
// optimizer. Pointers that are nil switch a thing off.
type Strategy struct {
	Epochs     *int `json:"epochs" yaml:"epochs"`         // passes over the training data; null asks for Steps
	Steps      *int `json:"steps" yaml:"steps"`           // optimizer steps; null asks for Epochs; with both, whichever ends first
	Accumulate int  `json:"accumulate" yaml:"accumulate"` // pieces that a batch is computed in; gradients are those of the whole batch

	ClipNorm  *float64 `json:"clip_norm" yaml:"clip_norm"`   // largest norm of all gradients together
	ClipValue *float64 `json:"clip_value" yaml:"clip_value"` // largest element of a gradient

	EMA *EMA `json:"ema" yaml:"ema"`
	SWA *SWA `json:"swa" yaml:"swa"`

	Precision Precision       `json:"precision" yaml:"precision"`
	LossScale optim.LossScale `json:"loss_scale" yaml:"loss_scale"` // of float16

	Start  *Start       `json:"start" yaml:"start"`   // weights to start from
	Freeze []string     `json:"freeze" yaml:"freeze"` // keys that stay as they are: globs such as "layer1.*"
	Thaw   []optim.Thaw `json:"thaw" yaml:"thaw"`     // frozen keys that are trained from an epoch on
	Rates  []optim.Rate `json:"rates" yaml:"rates"`   // factors of the learning rate by key; the first that fits counts
	Decay  *float64     `json:"decay" yaml:"decay"`   // factor of the rate from each layer to the one before it, the last layer having the full rate

	EarlyStop *EarlyStop `json:"early_stop" yaml:"early_stop"`
	Guard     *Guard     `json:"guard" yaml:"guard"`

	Mixup  *float64 `json:"mixup" yaml:"mixup"`   // alpha of the Beta distribution of the share of the first example
	Cutmix *float64 `json:"cutmix" yaml:"cutmix"` // alpha of that of the area of the first image

	ClassWeights ClassWeights `json:"class_weights" yaml:"class_weights"`

	SAM       *optim.SAM `json:"sam" yaml:"sam"`             // gradients at the worst weights nearby, by a second pass; of each piece on its own
	Penalties []Penalty  `json:"penalties" yaml:"penalties"` // what is added to the loss for the size of parameters

	Recompute []string `json:"recompute" yaml:"recompute"` // modules, as globs, whose inner values are computed again in the backward pass to save memory
}

// DefaultStrategy computes in float32, each batch as a whole.
func DefaultStrategy() Strategy {
	return Strategy{Accumulate: 1, Precision: Float32, LossScale: optim.DefaultLossScale()}
}

// DefaultGuard compares with the last ten steps, and comes back to weights at
// most 100 steps old.
func DefaultGuard() Guard {
	return Guard{Window: 10, Factor: 3, Least: 1, Patience: 3, Snapshot: 100, Give: 3}
}

// Validate tells all that is wrong, each with the name of its field.
func (s Strategy) Validate() error {
	var errs []error
	at := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	above := func(name string, v *float64) {
		at(v == nil || *v > 0 && *v-*v == 0, "%s must be a finite number above 0, got %v", name, deref(v))
	}
	at(s.Epochs != nil || s.Steps != nil, "epochs or steps must be given: a run has to end")
	at(s.Epochs == nil || *s.Epochs >= 1 && *s.Epochs <= maxSteps, "epochs must be in 1..%d, got %d", maxSteps, deref(s.Epochs))
	at(s.Steps == nil || *s.Steps >= 1 && *s.Steps <= maxSteps, "steps must be in 1..%d, got %d", maxSteps, deref(s.Steps))
	at(s.Accumulate >= 1, "accumulate must be at least 1, got %d", s.Accumulate)
	above("clip_norm", s.ClipNorm)
	above("clip_value", s.ClipValue)
	if e := s.EMA; e != nil {
		at(e.Decay >= 0 && e.Decay < 1, "ema.decay must be at least 0 and below 1, got %v", e.Decay)
	}
	if w := s.SWA; w != nil {
		at(w.Start >= 0 && w.Start < 1, "swa.start must be at least 0 and below 1, got %v", w.Start)
		at(w.LR > 0 && w.LR-w.LR == 0, "swa.lr must be a finite number above 0, got %v", w.LR)
		if a := w.Anneal; a != nil {
			at(a.Epochs >= 1 && a.Epochs <= maxSteps, "swa.anneal.epochs must be in 1..%d, got %d", maxSteps, a.Epochs)
			if err := a.By.Validate(); err != nil {
				errs = append(errs, fmt.Errorf("swa.anneal.by: %w", err))
			}
		}
		at(s.EarlyStop == nil || !s.EarlyStop.Restore, "swa ends with the average of the weights, early_stop.restore with the best: choose one")
		at(s.EMA == nil, "swa and ema both average the weights: choose one")
		at(s.Epochs != nil, "swa averages at the ends of epochs: it wants epochs")
	}
	at(s.Precision == Float32 || s.Precision == BFloat16 || s.Precision == Float16, "precision must be float32, bfloat16 or float16, got %q", s.Precision)
	if s.Precision == Float16 {
		if err := s.LossScale.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("loss_scale: %w", err))
		}
	}
	at(s.Start == nil || s.Start.From != "", "start.from must name a file or a run folder")
	at(len(s.Thaw) == 0 || len(s.Freeze) > 0, "thaw names frozen keys, and freeze is empty")
	if e := s.EarlyStop; e != nil {
		at(e.Metric != "", "early_stop.metric must not be empty; loss is the loss")
		at(e.Patience >= 1, "early_stop.patience must be at least 1, got %d", e.Patience)
		at(e.MinDelta >= 0, "early_stop.min_delta must not be negative, got %v", e.MinDelta)
	}
	if g := s.Guard; g != nil {
		at(g.Window >= 1, "guard.window must be at least 1, got %d", g.Window)
		at(g.Factor > 1, "guard.factor must be above 1, got %v", g.Factor)
		at(g.Least >= 0 && g.Least-g.Least == 0, "guard.least must be a finite number from 0 up, got %v", g.Least)
		at(g.Patience >= 1, "guard.patience must be at least 1, got %d", g.Patience)
		at(g.Snapshot >= 0, "guard.snapshot must not be negative, got %d", g.Snapshot)
		at(g.Give >= 0, "guard.give_up must not be negative, got %d", g.Give)
	}
	above("mixup", s.Mixup)
	above("cutmix", s.Cutmix)
	if s.SAM != nil {
		if err := s.SAM.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("sam: %w", err))
		}
	}
	for i, p := range s.Penalties {
		at(p.L1 >= 0 && p.L1-p.L1 == 0, "penalties.%d.l1 must be a finite number and not negative, got %v", i, p.L1)
		at(p.L2 >= 0 && p.L2-p.L2 == 0, "penalties.%d.l2 must be a finite number and not negative, got %v", i, p.L2)
	}
	at(!s.ClassWeights.Balanced || s.ClassWeights.Weights == nil, "class_weights are either balanced or given")
	return errors.Join(errs...)
}

// maxSteps keeps counts far from the end of int.
const maxSteps = 1_000_000_000

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// Precision is the type that products and convolutions compute in.
type Precision string

// The precisions.
const (
	Float32  Precision = "float32"
	BFloat16 Precision = "bfloat16" // operands in bfloat16, sums and weights in float32
	Float16  Precision = "float16"  // as bfloat16, with a scale of the loss
)

// Values lists the precisions.
func (Precision) Values() []string {
	return []string{string(Float32), string(BFloat16), string(Float16)}
}

// An EMA keeps an exponential moving average of the weights, which is what is
// evaluated and saved as the model: e = Decay e + (1-Decay) w after each step.
type EMA struct {
	Decay  float64 `json:"decay" yaml:"decay"`
	Warmup bool    `json:"warmup" yaml:"warmup"` // lets the average follow faster at first: min(Decay, (1+t)/(10+t)) at step t
}

// An SWA averages the weights at the ends of the last epochs, which is what is
// evaluated and saved; statistics of batch norms are taken anew for it.
type SWA struct {
	Start float64 `json:"start" yaml:"start"` // share of the run before the first weights that count
	LR    float64 `json:"lr" yaml:"lr"`       // constant rate from then on
	// Anneal is the way to that rate; null is there at once.
	Anneal *SWAAnneal `json:"anneal" yaml:"anneal"`
}

// An SWAAnneal leads from the rate of the schedule to that of the average.
//
// Source: torch.optim.swa_utils.SWALR, which counts calls where this counts steps.
type SWAAnneal struct {
	Epochs int             `json:"epochs" yaml:"epochs"` // that it takes
	By     schedule.Anneal `json:"by" yaml:"by"`
}

// DefaultSWAAnneal takes ten epochs along half a cosine.
func DefaultSWAAnneal() SWAAnneal { return SWAAnneal{Epochs: 10, By: schedule.AnnealCosine} }

// A Start takes weights from a file of safetensors or from a run folder.
type Start struct {
	From    string   `json:"from" yaml:"from"`
	Strict  bool     `json:"strict" yaml:"strict"`   // every key must be there, with its type; otherwise what fits is taken, and what does not is listed
	Exclude []string `json:"exclude" yaml:"exclude"` // keys that are left as they were drawn, as globs
}

// An EarlyStop ends the run when a metric of the validation split has not
// become better for a number of evaluations.
type EarlyStop struct {
	Metric   string  `json:"metric" yaml:"metric"`
	Maximize bool    `json:"maximize" yaml:"maximize"`
	Patience int     `json:"patience" yaml:"patience"`
	MinDelta float64 `json:"min_delta" yaml:"min_delta"` // less than this is no progress
	Restore  bool    `json:"restore" yaml:"restore"`     // end with the best weights
}

// A Guard keeps bad batches from spoiling the weights. A step whose loss or
// gradients are not finite, or whose loss is more than Factor times the mean of
// the last Window good ones and more than Least above it, changes nothing: weights, optimizer and statistics
// stay in the last good state, and the batch is left out. After Patience such
// steps in a row the weights themselves are taken for bad, and those of the
// last snapshot come back; after Give of these in a row the run ends.
type Guard struct {
	Window   int     `json:"window" yaml:"window"`
	Factor   float64 `json:"factor" yaml:"factor"`
	Least    float64 `json:"least" yaml:"least"` // what a loss must exceed the mean by besides: near the end small losses vary by more than Factor
	Patience int     `json:"patience" yaml:"patience"`
	Snapshot int     `json:"snapshot" yaml:"snapshot"` // good steps between snapshots in memory
	Give     int     `json:"give_up" yaml:"give_up"`
}

// ClassWeights multiply the loss of an example by a factor of its class.
type ClassWeights struct {
	Balanced bool      `json:"balanced" yaml:"balanced"` // n / (classes * n of the class), of the training split
	Weights  []float64 `json:"weights" yaml:"weights"`   // given, in the order of the classes
}

// An EvaluateConfig says when and by what a model is judged.
type EvaluateConfig struct {
	EveryEpochs *int     `json:"every_epochs" yaml:"every_epochs"`
	EverySteps  *int     `json:"every_steps" yaml:"every_steps"`
	Batch       int      `json:"batch" yaml:"batch"`     // examples a step
	Metrics     []string `json:"metrics" yaml:"metrics"` // besides the loss: "accuracy", "top5", "mae" and so on
}

// A LogConfig says what a run writes down while it goes.
type LogConfig struct {
	EverySteps  int  `json:"every_steps" yaml:"every_steps"` // steps between lines of split "train"
	TensorBoard bool `json:"tensorboard" yaml:"tensorboard"` // write an event file too
}

// DefaultEarlyStop watches the loss for three evaluations.
func DefaultEarlyStop() EarlyStop { return EarlyStop{Metric: "loss", Patience: 3} }

// firstEpoch is the first of so many epochs, from 0, whose weights count.
func (s *SWA) firstEpoch(epochs int) int { return int(s.Start*float64(epochs) + 1e-9) }
