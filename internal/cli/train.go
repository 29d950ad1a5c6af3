package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/internal/machine"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/train"
)

// trainFlags are the flags of train.
type trainFlags struct {
	machine       machineFlags
	dir           string
	overwrite     bool
	resume        string
	json          bool
	detectAnomaly bool
}

func newTrain() *cobra.Command {
	var f trainFlags
	cmd := &cobra.Command{
		Use:   "train RECIPE [KEY=VALUE ...]",
		Short: "Train a model",
		Long: "Train a model by a recipe: one that comes along (gradus recipe list) or a YAML file of\n" +
			"your own (gradus recipe new). Settings of the recipe can be changed one by one:\n" +
			"optimizer.lr=0.01 strategy.epochs=3 data.batch=64.\n\n" +
			"A run that was interrupted or killed goes on with --resume RUN, to the same bytes.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.resume != "" {
				return f.resumeRun(cmd, args)
			}
			if len(args) == 0 {
				return usagef("train wants a recipe: %s, or the path of a file; gradus recipe list tells more", strings.Join(builtinNames(), ", "))
			}
			return f.newRun(cmd, args[0], args[1:])
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.dir, "run", "", "run `folder` (default runs/NAME, with a number if that holds a run)")
	flags.BoolVar(&f.overwrite, "overwrite", false, "replace the run that the folder holds")
	flags.StringVar(&f.resume, "resume", "", "run `folder` to go on in, from its newest checkpoint")
	flags.BoolVar(&f.json, "json", false, "print the lines of metrics.jsonl")
	flags.BoolVar(&f.detectAnomaly, "detect-anomaly", false, "stop at the first value that is not finite and say where it came from (slow)")
	f.machine.add(cmd)
	return cmd
}

// newRun trains from the start.
func (f *trainFlags) newRun(cmd *cobra.Command, name string, settings []string) error {
	r, err := loadRecipe(name, settings)
	if err != nil {
		return err
	}
	if err := f.machine.override(cmd, &r.Machine); err != nil {
		return err
	}
	x, err := openRecipe(cmd.Context(), r, name, settings)
	if err != nil {
		return err
	}
	defer x.Close()
	run, err := f.create(r)
	if err != nil {
		return err
	}
	defer run.Close()
	return f.fit(cmd, x, run, func(ctx context.Context) (train.Result, error) { return x.Trainer.Fit(ctx) })
}

// resumeRun goes on in a run folder.
func (f *trainFlags) resumeRun(cmd *cobra.Command, args []string) error {
	if len(args) > 0 || f.dir != "" || f.overwrite {
		return usagef("--resume goes on with the settings of the run and takes no others; to train on with other settings, start from its weights: gradus train RECIPE strategy.start.from=%s", f.resume)
	}
	r, err := loadRecipe(filepath.Join(f.resume, train.RecipeFile), nil)
	if err != nil {
		return fmt.Errorf("%s can't be resumed: %w", f.resume, err)
	}
	if err := f.machine.override(cmd, &r.Machine); err != nil {
		return err
	}
	c, damaged, err := checkpoint.Latest(filepath.Join(f.resume, train.CheckpointsDir))
	for _, d := range damaged {
		fmt.Fprintf(cmd.ErrOrStderr(), "gradus: passed over: %s\n", oneLine(d))
	}
	if err != nil {
		return usage(err)
	}
	var state train.State
	if err := json.Unmarshal(c.State, &state); err != nil {
		return fmt.Errorf("checkpoint of step %d: %w", c.Step, err)
	}
	x, err := openRecipe(cmd.Context(), r, filepath.Join(f.resume, train.RecipeFile), nil)
	if err != nil {
		return err
	}
	defer x.Close()
	run, err := runlog.Resume(f.resume, state.MetricsBytes)
	if err != nil {
		return err
	}
	defer run.Close()
	return f.fit(cmd, x, run, func(ctx context.Context) (train.Result, error) { return x.Trainer.Resume(ctx, c) })
}

// builtinNames are the names of the recipes that come along.
func builtinNames() []string {
	var names []string
	for _, b := range recipe.Builtins() {
		names = append(names, b.Name)
	}
	return names
}

// loadRecipe reads a recipe: whatever is wrong with it is the user's to mend.
func loadRecipe(name string, settings []string) (recipe.Recipe, error) {
	r, err := recipe.Read(name, settings...)
	return r, usage(err)
}

// openRecipe opens the data and makes the trainer; messages name the place in
// the recipe of a name with settings.
func openRecipe(ctx context.Context, r recipe.Recipe, name string, settings []string) (*recipe.Experiment, error) {
	files, err := newFiles()
	if err != nil {
		return nil, err
	}
	x, err := r.Open(ctx, files)
	if err != nil && ctx.Err() == nil {
		err = usage(recipe.Locate(err, name, settings...))
	}
	return x, err
}

// create makes the run folder and writes what is known before the run.
func (f *trainFlags) create(r recipe.Recipe) (*runlog.Run, error) {
	dir := f.dir
	if dir == "" {
		dir = freeFolder(filepath.Join("runs", r.Name))
	}
	var options []runlog.Option
	if f.overwrite {
		options = append(options, runlog.WithOverwrite())
	}
	run, err := runlog.Create(dir, options...)
	if errors.Is(err, runlog.ErrExists) {
		return nil, usagef("run folder %s holds a run already; --overwrite replaces it, --run takes another folder, --resume goes on with it", dir)
	}
	if err != nil {
		return nil, usage(err)
	}
	if f.overwrite {
		err = os.RemoveAll(run.Path(train.CheckpointsDir)) // they are of the run that is replaced
	}
	if err == nil {
		err = run.WriteFile(train.RecipeFile, func(w io.Writer) error {
			text, err := recipe.Encode(r)
			if err == nil {
				_, err = w.Write(text)
			}
			return err
		})
	}
	if err != nil {
		return nil, errors.Join(err, run.Close())
	}
	return run, nil
}

// freeFolder returns the path, or the path with the first number that makes it
// one that holds no run.
func freeFolder(path string) string {
	for n := 1; ; n++ {
		dir := path
		if n > 1 {
			dir = fmt.Sprintf("%s-%d", path, n)
		}
		if st, err := os.Stat(filepath.Join(dir, runlog.MetricsFile)); err != nil || st.Size() == 0 {
			return dir
		}
	}
}

// fit runs a trainer, shows how it goes and keeps it in its folder.
func (f *trainFlags) fit(cmd *cobra.Command, x *recipe.Experiment, run *runlog.Run, start func(context.Context) (train.Result, error)) error {
	out, r, t := cmd.OutOrStdout(), x.Recipe, x.Trainer
	env := runlog.NewEnv()
	env.Version, env.CPU, env.ISA, env.Threads = version(), machine.Processor(), r.Machine.ISA, r.Machine.Threads
	if err := run.WriteEnv(env); err != nil {
		return err
	}
	var err error
	if t.Recorder, err = x.Recorder(run); err != nil {
		return err
	}
	t.DetectAnomaly = f.detectAnomaly
	if f.json {
		lines := json.NewEncoder(out)
		t.Callbacks = append(t.Callbacks, func(e train.Event) error {
			if e, ok := e.(*train.Logged); ok {
				return lines.Encode(e.Record)
			}
			return nil
		})
	} else {
		fmt.Fprintf(out, "%s: %s, %s parameters, %s rows, %d threads, %s, run folder %s\n",
			r.Name, x.Network.Type, count(parameters(t.Store)), count(int64(x.Tables.Train.Len())), r.Machine.Threads, r.Machine.ISA, run.Dir())
		t.Callbacks = append(t.Callbacks, newProgress(out).handle)
	}
	result, err := start(cmd.Context())
	if cmd.Context().Err() != nil && errors.Is(err, cmd.Context().Err()) {
		if !t.Recorder.Saved() {
			return fmt.Errorf("interrupted after step %d, and the model is not saved: %v", result.Step, err)
		}
		return interrupted{fmt.Sprintf("interrupted after step %d; the model as it was then is in %s; to go on: gradus train --resume %s", result.Step, run.Path("model"), run.Dir())}
	}
	if errors.As(err, new(*shape.Error)) {
		return usage(err)
	}
	return err
}

// parameters counts the elements of a store's parameters.
func parameters(s *exec.Store) (n int64) {
	for _, p := range s.Params() {
		n += int64(p.Shape.Size())
	}
	return n
}

// machineFlags choose what to compute with.
type machineFlags struct {
	threads int
	isa     string
}

func (f *machineFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.threads, "threads", runtime.GOMAXPROCS(0), "number of threads")
	cmd.Flags().StringVar(&f.isa, "isa", "", "instruction set of the kernels (default the best that the processor has)")
}

// machine checks the flags.
func (f *machineFlags) machine() (recipe.Machine, error) {
	m := recipe.ThisMachine()
	m.Threads = f.threads
	if f.isa != "" {
		m.ISA = f.isa
		if _, err := m.Kernels(); err != nil {
			if known := recipe.ISAs(); !slices.Contains(known, f.isa) {
				return m, unknown("instruction set", f.isa, known)
			}
			return m, usage(err)
		}
	}
	return m, usage(m.Validate())
}

// override gives a recipe the settings of the flags that were given.
func (f *machineFlags) override(cmd *cobra.Command, m *recipe.Machine) error {
	chosen, err := f.machine()
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("threads") {
		m.Threads = chosen.Threads
	}
	if cmd.Flags().Changed("isa") {
		m.ISA = chosen.ISA
	}
	return nil
}
