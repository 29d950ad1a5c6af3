package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/internal/machine"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/train"
)

func newTrain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train a model",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTrainMNIST())
	return cmd
}

// runFlags are the flags of every command that trains.
type runFlags struct {
	dir       string
	overwrite bool
	json      bool
}

func (f *runFlags) add(cmd *cobra.Command, name string) {
	cmd.Flags().StringVar(&f.dir, "run", "", "run `folder` (default runs/"+name+", with a number if that holds a run)")
	cmd.Flags().BoolVar(&f.overwrite, "overwrite", false, "replace the run that the folder holds")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the lines of metrics.jsonl")
}

// create makes the run folder and writes what is known before the run.
func (f *runFlags) create(name string, r any, m recipe.Machine) (*runlog.Run, error) {
	dir := f.dir
	if dir == "" {
		dir = freeFolder(filepath.Join("runs", name))
	}
	var options []runlog.Option
	if f.overwrite {
		options = append(options, runlog.WithOverwrite())
	}
	run, err := runlog.Create(dir, options...)
	if errors.Is(err, runlog.ErrExists) {
		return nil, usagef("run folder %s holds a run already; --overwrite replaces it, --run takes another folder", dir)
	}
	if err != nil {
		return nil, usage(err)
	}
	env := runlog.NewEnv()
	env.Version, env.CPU, env.ISA, env.Threads = version(), machine.Processor(), m.ISA, m.Threads
	text, err := config.Encode(r, nil)
	if err == nil {
		err = errors.Join(run.WriteEnv(env), run.WriteFile(train.RecipeFile, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		}))
	}
	if err != nil {
		run.Close()
		return nil, err
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

// fit runs a trainer, shows how it goes and keeps it in its folder. config
// writes config.json.
func fit(cmd *cobra.Command, t *train.Trainer, run *runlog.Run, flags runFlags, title string, config func(io.Writer) error, logEvery int) error {
	out := cmd.OutOrStdout()
	t.Recorder = &train.Recorder{Run: run, Files: map[string]func(io.Writer) error{train.ConfigFile: config}, Title: title}
	t.LogEvery = logEvery
	if flags.json {
		lines := json.NewEncoder(out)
		t.Callbacks = append(t.Callbacks, func(e train.Event) error {
			if e, ok := e.(*train.Logged); ok {
				return lines.Encode(e.Record)
			}
			return nil
		})
	} else {
		t.Callbacks = append(t.Callbacks, newProgress(out).handle)
	}
	result, err := t.Fit(cmd.Context())
	if cmd.Context().Err() != nil && errors.Is(err, cmd.Context().Err()) {
		if !t.Recorder.Saved() {
			return fmt.Errorf("interrupted after step %d, and the model is not saved: %v", result.Step, err)
		}
		return interrupted{fmt.Sprintf("interrupted after step %d; the model as it was then is in %s", result.Step, run.Path("model"))}
	}
	if errors.As(err, new(*shape.Error)) {
		return usage(err)
	}
	return err
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
