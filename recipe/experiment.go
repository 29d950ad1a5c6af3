package recipe

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"

	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/data/text"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/train"
)

// An Experiment is a recipe that is ready to run: its data are open and fitted,
// its model is made.
type Experiment struct {
	Recipe  Recipe
	Tables  *Tables
	Set     *feature.Set
	Network *model.Network
	Trainer *train.Trainer
}

// Open makes the experiment of a recipe: it finds the data, learns from the
// training rows what the features need, and makes model and trainer. Whatever
// is wrong with settings or data is told here, before the first step.
func (r Recipe) Open(ctx context.Context, files source.Files) (x *Experiment, err error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	x = &Experiment{Recipe: r}
	defer func() {
		if err != nil {
			err = errors.Join(err, x.Close())
		}
	}()
	if err := x.model(ctx, files); err != nil {
		return x, err
	}
	return x, x.trainer(ctx)
}

// model opens the data, learns from them what features need, and makes the model.
func (x *Experiment) model(ctx context.Context, files source.Files) (err error) {
	r := x.Recipe
	if x.Tables, err = r.Data.Open(ctx, files, r.Seed); err != nil {
		return err
	}
	if x.Set, err = r.Data.Fit(ctx, x.Tables); err != nil {
		return err
	}
	out, err := r.outputs(x.Set)
	if err != nil {
		return err
	}
	x.Network, err = model.New(r.Model, inputs(x.Set), out)
	return config.Under("model", err)
}

// Summary lists the layers of a recipe's model, for one example of its data, and
// which of their parameters are trained from the start.
func (r Recipe) Summary(ctx context.Context, files source.Files) (s *nn.Summary, err error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	x := &Experiment{Recipe: r}
	defer func() { err = errors.Join(err, x.Close()) }()
	if err := x.model(ctx, files); err != nil {
		return nil, err
	}
	if s, err = x.Network.Summary(); err != nil {
		return nil, err
	}
	return s, config.Under("strategy", s.Freeze(r.Strategy.Freeze...))
}

// inputs are what a set of features tells a model.
func inputs(set *feature.Set) []model.Input {
	var in []model.Input
	for _, f := range set.Inputs {
		dt, s := f.Encoder.Item()
		i := model.Input{Name: f.Name, Item: ir.Type{DType: dt, Shape: s}}
		if e, ok := f.Encoder.(interface{ Entries() int }); ok {
			i.Values = e.Entries()
		}
		if e, ok := f.Encoder.(*feature.TokensEncoder); ok {
			if n, ok := e.Tokenizer.Special(text.Padding); ok {
				i.Padding = new(int(n))
			}
		}
		in = append(in, i)
	}
	return in
}

// outputs are what the targets and their losses ask of a model. A loss that
// judges vectors leaves their width to the model.
func (r Recipe) outputs(set *feature.Set) ([]model.Output, error) {
	var out []model.Output
	for _, f := range set.Targets {
		l, err := r.lossOf(f.Name, len(set.Targets))
		if err != nil {
			return nil, err
		}
		if err := fits(l.Config, f); err != nil {
			return nil, config.Under("loss", err)
		}
		o := model.Output{Name: f.Name, Size: f.Encoder.(feature.Target).Outputs()}
		if t := l.Config.Target(); t == loss.Nothing || t == loss.Relation || t == loss.Groups {
			o.Size = 0
		}
		out = append(out, o)
	}
	return out, nil
}

// trainer makes the trainer.
func (x *Experiment) trainer(ctx context.Context) error {
	r := x.Recipe
	t := &train.Trainer{
		Forward: x.Network.Map, Inputs: len(x.Set.Inputs), Weighted: x.Set.Weight != nil,
		Schedule: r.Schedule, Strategy: r.Strategy, Evaluate: r.Evaluate, LogEvery: r.Log.EverySteps, Seed: r.Seed,
	}
	x.Trainer = t
	var err error
	if t.Data, err = x.data(); err != nil {
		return err
	}
	if t.Heads, err = r.heads(x.Set); err != nil {
		return err
	}
	for _, o := range r.Optimizer {
		t.Optimizers = append(t.Optimizers, optim.Part{Config: o.Config, Keys: o.Keys})
	}
	if t.Train, err = r.Data.Feed(ctx, x.Set, x.Tables.Train, r.Seed); err != nil {
		return fmt.Errorf("data.train: %w", err)
	}
	if x.Tables.Validation != nil {
		if t.Validation, err = feed(r.Data.EvaluationFeed(ctx, x.Set, x.Tables.Validation, r.Evaluate.Batch)); err != nil {
			return fmt.Errorf("data.validation: %w", err)
		}
	}
	if x.Tables.Test != nil {
		if t.Test, err = feed(r.Data.EvaluationFeed(ctx, x.Set, x.Tables.Test, r.Evaluate.Batch)); err != nil {
			return fmt.Errorf("data.test: %w", err)
		}
	}
	b, err := r.Machine.Backend()
	if err != nil {
		return err
	}
	if t.Store, err = exec.NewStore(b, x.Network.Module, exec.Seed(r.Seed)); err != nil {
		return err
	}
	return t.Check()
}

// data tells the experiment's data from others.
func (x *Experiment) data() (*train.Data, error) {
	text, err := x.Set.Marshal()
	if err != nil {
		return nil, err
	}
	rows := func(t source.Table) int {
		if t == nil {
			return 0
		}
		return t.Len()
	}
	return &train.Data{
		Train: rows(x.Tables.Train), Validation: rows(x.Tables.Validation), Test: rows(x.Tables.Test),
		Fitted: fmt.Sprintf("%x", sha256.Sum256(text)),
	}, nil
}

func feed(l *data.Loader, err error) (data.Feed, error) { return l, err }

// heads are the outputs with their losses and metrics.
func (r Recipe) heads(set *feature.Set) ([]train.Head, error) {
	heads := make([]train.Head, len(set.Targets))
	for i, f := range set.Targets {
		l, err := r.lossOf(f.Name, len(set.Targets))
		if err != nil {
			return nil, err
		}
		heads[i] = train.Head{Name: f.Name, Loss: l.Config, Weight: l.Weight}
		_, heads[i].ClassesLast = f.Encoder.(*feature.NextTokensEncoder)
		if heads[i].Loss, err = r.weighted(l.Config, f); err != nil {
			return nil, err
		}
		for _, name := range r.Evaluate.Metrics {
			m, err := metric.New(name)
			if err != nil {
				return nil, fmt.Errorf("evaluate.metrics: %w", err)
			}
			if target, ok := f.Encoder.(feature.InUnits); ok {
				m = inUnits{m, target}
			}
			heads[i].Metrics = append(heads[i].Metrics, train.Metric{Name: name, Metric: m})
		}
	}
	return heads, nil
}

// fits finds out whether a loss can judge a target, and train.
func fits(cfg loss.Config, f feature.Fitted) error {
	if r := reflect.ValueOf(cfg).FieldByName("Reduction"); r.IsValid() && slices.Contains([]string{"sum", "none"}, fmt.Sprint(r)) {
		return fmt.Errorf("reduction: training takes the mean, not %v: with sum, the rate would depend on the size of a batch", r)
	}
	dt, _ := f.Encoder.Item()
	want := cfg.Target()
	switch target := f.Encoder.(feature.Target); {
	case (want == loss.Numbers || want == loss.Relation) && !dt.IsFloat():
		return fmt.Errorf("target %s is a class, and this loss compares numbers: cross_entropy is for classes", f.Name)
	case (want == loss.Labels || want == loss.Groups) && dt.IsFloat():
		return fmt.Errorf("target %s is a number, and this loss is for classes: mse and l1 compare numbers", f.Name)
	case want == loss.Either && dt.IsFloat() && target.Outputs() == 1: // which has probability 1
		return fmt.Errorf("target %s is a number, and cross_entropy is for classes: mse and l1 compare numbers", f.Name)
	}
	return nil
}

// lossOf finds the loss of a target.
func (r Recipe) lossOf(target string, targets int) (Loss, error) {
	for _, l := range r.Loss {
		if l.Target != nil && *l.Target == target || l.Target == nil && targets == 1 {
			return l, nil
		}
	}
	return Loss{}, fmt.Errorf("loss: none is for target %s", target)
}

// weighted gives a loss the weights of classes that the strategy asks for.
func (r Recipe) weighted(cfg loss.Config, f feature.Fitted) (loss.Config, error) {
	w := r.Strategy.ClassWeights
	if !w.Balanced && w.Weights == nil {
		return cfg, nil
	}
	ce, ok := cfg.(loss.CrossEntropyConfig)
	classes, isClass := f.Encoder.(*feature.ClassEncoder)
	if !ok || !isClass {
		return nil, fmt.Errorf("strategy.class_weights: target %s is no class that is trained by cross_entropy", f.Name)
	}
	ce.Weight = w.Weights
	if w.Balanced {
		ce.Weight = classes.Balanced()
	}
	if len(ce.Weight) != classes.Outputs() {
		return nil, fmt.Errorf("strategy.class_weights: %d weights for the %d classes of target %s", len(ce.Weight), classes.Outputs(), f.Name)
	}
	return ce, nil
}

// Recorder keeps a run of the experiment in a folder.
func (x *Experiment) Recorder(run *runlog.Run) (*train.Recorder, error) {
	d, err := checkpoint.Open(run.Path(train.CheckpointsDir), x.Recipe.Checkpoint)
	if err != nil {
		return nil, err
	}
	settings, err := Encode(x.Recipe)
	if err != nil {
		return nil, err
	}
	return &train.Recorder{
		Run: run, Title: x.Recipe.Name, Checkpoint: x.Recipe.Checkpoint, Checkpoints: d,
		Facts: x.facts(), Settings: string(settings), TensorBoard: x.Recipe.Log.TensorBoard,
		Files: map[string]func(io.Writer) error{
			train.ConfigFile: func(w io.Writer) error { return model.WriteConfig(w, x.Network.Config) },
			train.PreprocessFile: func(w io.Writer) error {
				text, err := x.Set.Marshal()
				if err == nil {
					_, err = w.Write(text)
				}
				return err
			},
		},
	}, nil
}

// facts are what a report begins with.
func (x *Experiment) facts() []runlog.Fact {
	rows := func(t source.Table) string { return strconv.Itoa(t.Len()) }
	parameters := 0
	for _, p := range x.Trainer.Store.Params() {
		parameters += p.Shape.Size()
	}
	facts := []runlog.Fact{{Name: "model", Value: x.Network.Type}, {Name: "parameters", Value: strconv.Itoa(parameters)}, {Name: "training examples", Value: rows(x.Tables.Train)}}
	if t := x.Tables.Validation; t != nil {
		facts = append(facts, runlog.Fact{Name: "validation examples", Value: rows(t)})
	}
	if t := x.Tables.Test; t != nil {
		facts = append(facts, runlog.Fact{Name: "test examples", Value: rows(t)})
	}
	return facts
}

// Close frees the store and the sources.
func (x *Experiment) Close() error {
	var errs []error
	if x.Trainer != nil && x.Trainer.Store != nil {
		errs = append(errs, x.Trainer.Store.Close())
	}
	if x.Tables != nil {
		errs = append(errs, x.Tables.Close())
	}
	return errors.Join(errs...)
}
