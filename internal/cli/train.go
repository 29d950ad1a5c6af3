package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

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
	r, other, err := f.machine.loadRun(cmd, f.resume, nil)
	if err != nil {
		return err
	}
	if other {
		return usagef("%s was computed with kernels that are not to be had here; to go on with others, which differ in the last bits: gradus train --resume %s --isa %s", f.resume, f.resume, r.Machine.ISA)
	}
	c, err := f.checkpoint(cmd)
	if err != nil {
		return err
	}
	var state train.State
	if c != nil {
		if err := json.Unmarshal(c.State, &state); err != nil {
			return usagef("checkpoint of step %d: its state can't be read: %w; begin a new run: %s", c.Step, err, f.anew())
		}
	}
	x, err := openRecipe(cmd.Context(), r, filepath.Join(f.resume, train.RecipeFile), nil)
	if err != nil {
		return err
	}
	defer x.Close()
	run, err := runlog.Resume(f.resume, state.MetricsBytes)
	if err != nil {
		return usage(err)
	}
	defer run.Close()
	if c == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "gradus: %s has no checkpoint yet: it begins with the first step\n", f.resume)
		return f.fit(cmd, x, run, x.Trainer.Fit)
	}
	if env, err := runlog.ReadEnv(f.resume); err == nil && env.ISA != r.Machine.ISA {
		fmt.Fprintf(cmd.ErrOrStderr(), "gradus: goes on with %s kernels after %s: the last bits will differ from those of an unbroken run\n", r.Machine.ISA, env.ISA)
	}
	err = f.fit(cmd, x, run, func(ctx context.Context) (train.Result, error) { return x.Trainer.Resume(ctx, c) })
	if errors.Is(err, train.ErrForeign) {
		return usagef("%w; bring back what it was, or begin a new run: %s", err, f.anew())
	}
	return err
}

// checkpoint is the newest that is whole, and nil for a run that ended before
// it had one.
func (f *trainFlags) checkpoint(cmd *cobra.Command) (*checkpoint.Checkpoint, error) {
	c, damaged, err := checkpoint.Latest(filepath.Join(f.resume, train.CheckpointsDir))
	for _, d := range damaged {
		fmt.Fprintf(cmd.ErrOrStderr(), "gradus: passed over: %s\n", oneLine(d))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return c, usage(err)
	}
	if _, err := os.Stat(filepath.Join(f.resume, train.WeightsFile)); len(damaged) == 0 && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return nil, usagef("%s has no whole checkpoint to go on from; begin a new run: %s", f.resume, f.anew())
}

// anew is the command that begins a new run like the one to go on with.
func (f *trainFlags) anew() string {
	return "gradus train " + filepath.Join(f.resume, train.RecipeFile)
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
	var options []runlog.Option
	if f.overwrite {
		options = append(options, runlog.WithOverwrite())
	}
	dir := f.dir
	if dir == "" {
		dir = filepath.Join("runs", r.Name)
	}
	run, err := runlog.Create(dir, options...)
	for n := 2; f.dir == "" && (errors.Is(err, runlog.ErrExists) || errors.Is(err, runlog.ErrInUse)); n++ {
		run, err = runlog.Create(fmt.Sprintf("%s-%d", dir, n), options...)
	}
	if errors.Is(err, runlog.ErrExists) {
		return nil, usagef("run folder %s holds a run already; --overwrite replaces it, --run takes another folder, --resume goes on with it", dir)
	}
	if err != nil {
		return nil, usage(err)
	}
	if f.overwrite {
		// They are of the run that is replaced: nobody shall take them for the new one's.
		err = errors.Join(os.RemoveAll(run.Path(train.CheckpointsDir)), os.RemoveAll(run.Path("model")))
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

// fit runs a trainer, shows how it goes and keeps it in its folder.
func (f *trainFlags) fit(cmd *cobra.Command, x *recipe.Experiment, run *runlog.Run, start func(context.Context) (train.Result, error)) error {
	out, r, t := cmd.OutOrStdout(), x.Recipe, x.Trainer
	signal.Ignore(syscall.SIGPIPE) // a closed output is an error here, not the end of the process
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	var lost error // of the output: then the run ends as if interrupted
	show := func(print train.Callback) {
		t.Callbacks = append(t.Callbacks, func(e train.Event) error {
			if lost == nil {
				if lost = print(e); lost != nil {
					cancel()
				}
			}
			return nil
		})
	}
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
		show(func(e train.Event) error {
			if e, ok := e.(*train.Logged); ok {
				return lines.Encode(e.Record)
			}
			return nil
		})
	} else {
		fmt.Fprintf(out, "%s: %s, %s parameters, %s rows, %d threads, %s, run folder %s\n",
			r.Name, x.Network.Type, count(parameters(t.Store)), count(int64(x.Tables.Train.Len())), r.Machine.Threads, r.Machine.ISA, run.Dir())
		show(newProgress(out).handle)
	}
	result, err := start(ctx)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		if !t.Recorder.Saved() {
			return fmt.Errorf("interrupted after step %d, and the model is not saved: %v", result.Step, err)
		}
		message := fmt.Sprintf("interrupted after step %d; the model as it was then is in %s; to go on: gradus train --resume %s", result.Step, run.Path("model"), run.Dir())
		if lost != nil {
			return fmt.Errorf("output: %w; %s", lost, message)
		}
		return interrupted{message}
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

// loadRun reads the recipe of a run folder, with the machine of the flags that
// were given. Where this machine has not the kernels of the run and no others are
// asked for, the recipe has the machine's own, and other is true.
func (f *machineFlags) loadRun(cmd *cobra.Command, dir string, settings []string) (r recipe.Recipe, other bool, err error) {
	if _, err := f.machine(); err != nil {
		return r, false, err
	}
	settings = slices.Clone(settings)
	if cmd.Flags().Changed("threads") {
		settings = append(settings, fmt.Sprintf("machine.threads=%d", f.threads))
	}
	if f.isa != "" {
		settings = append(settings, "machine.isa="+f.isa)
	}
	path := filepath.Join(dir, train.RecipeFile)
	if _, err := os.Stat(path); err != nil {
		return r, false, usagef("%s is no run folder: %w", dir, err)
	}
	r, err = recipe.Read(path, settings...)
	if err != nil && f.isa == "" {
		own := "machine.isa=" + recipe.ThisMachine().ISA
		if r, err := recipe.Read(path, append(settings, own)...); err == nil {
			return r, true, nil
		}
	}
	return r, false, usage(err)
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
