package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/internal/machine"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/train"
)

func newFind() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "find",
		Short: "Find a learning rate or a size of batches",
		Long: "Find a setting of a recipe by trying it in a few steps that leave no trace. The first\n" +
			"line of the output is what to give to gradus train; a table and a picture show why.",
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newFindLR(), newFindBatch())
	return cmd
}

// findFlags are what both searches take.
type findFlags struct {
	machine machineFlags
	picture string
}

func (f *findFlags) add(cmd *cobra.Command, picture string) {
	cmd.Flags().StringVar(&f.picture, "picture", picture, "`file` to draw the search to, as PNG")
	f.machine.add(cmd)
}

// open makes the experiment of a recipe, without a run folder.
func (f *findFlags) open(cmd *cobra.Command, args []string) (*recipe.Experiment, error) {
	if len(args) == 0 {
		return nil, usagef("%s wants a recipe: %s, or the path of a file", cmd.CommandPath(), strings.Join(builtinNames(), ", "))
	}
	r, err := loadRecipe(args[0], args[1:])
	if err != nil {
		return nil, err
	}
	if err := f.machine.override(cmd, &r.Machine); err != nil {
		return nil, err
	}
	x, err := openRecipe(cmd.Context(), r, args[0], args[1:])
	if err == nil {
		x.Trainer.Callbacks = append(x.Trainer.Callbacks, newProgress(cmd.OutOrStdout()).handle)
	}
	return x, err
}

// draw writes the picture and says where it is.
func (f *findFlags) draw(cmd *cobra.Command, s *runlog.Search) error {
	var b bytes.Buffer
	if err := s.WritePNG(&b); err != nil {
		return err
	}
	if err := os.WriteFile(f.picture, b.Bytes(), 0o666); err != nil {
		return err
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "picture: %s\n", f.picture)
	return err
}

func newFindLR() *cobra.Command {
	var f findFlags
	cfg := train.DefaultRateFinder()
	cmd := &cobra.Command{
		Use:   "lr RECIPE [KEY=VALUE ...]",
		Short: "Find a learning rate",
		Long: "Train for a few steps while the learning rate grows exponentially, and choose the one\n" +
			"at which the running mean of the losses falls fastest. The first line of the output\n" +
			"is the setting:\n\n" +
			"  gradus train my.yaml $(gradus find lr my.yaml | head -1)\n\n" +
			"The rate is a good first one, not the best; with a schedule it is the highest.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cfg.Validate(); err != nil {
				return usage(err)
			}
			x, err := f.open(cmd, args)
			if err != nil {
				return err
			}
			defer x.Close()
			found, err := x.Trainer.FindRate(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			setting := rateSetting(x.Recipe, found.Tried[found.Best].Rate)
			fmt.Fprintln(cmd.OutOrStdout(), setting)
			if err := printRates(cmd, found); err != nil {
				return err
			}
			points := make([]runlog.RatePoint, len(found.Tried))
			for i, t := range found.Tried {
				points[i] = runlog.RatePoint(t)
			}
			return f.draw(cmd, runlog.NewRateSearch("Learning rate of "+x.Recipe.Name, points, found.Best, setting))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Float64Var(&cfg.Min, "min", cfg.Min, "`rate` of the first step")
	flags.Float64Var(&cfg.Max, "max", cfg.Max, "`rate` of the last step")
	flags.IntVar(&cfg.Steps, "steps", cfg.Steps, "`number` of steps")
	f.add(cmd, "find-lr.png")
	return cmd
}

// rateSetting is what gives a recipe a learning rate, of two digits. Where there
// are several optimizers they keep their ratios.
func rateSetting(r recipe.Recipe, rate float64) string {
	short := func(v float64) string { return strconv.FormatFloat(v, 'g', 2, 64) }
	if len(r.Optimizer) == 1 {
		return "optimizer.lr=" + short(rate)
	}
	var settings []string
	for i, o := range r.Optimizer {
		settings = append(settings, fmt.Sprintf("optimizer.%d.lr=%s", i, short(rate*o.Config.Shared().LR/r.Optimizer[0].Config.Shared().LR)))
	}
	return strings.Join(settings, " ")
}

// printRates prints every fifth of the rates, and the chosen one.
func printRates(cmd *cobra.Command, found *train.Rates) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "rate\tloss\tmean\t")
	const every = 5
	for i, t := range found.Tried {
		mark := ""
		if i == found.Best {
			mark = "falls fastest"
		}
		if i%every == 0 || mark != "" {
			fmt.Fprintf(w, "%.2e\t%.4g\t%.4g\t%s\n", t.Rate, t.Loss, t.Mean, mark)
		}
	}
	return w.Flush()
}

func newFindBatch() *cobra.Command {
	var f findFlags
	var gigabytes float64
	cfg := train.DefaultBatchFinder(1)
	cmd := &cobra.Command{
		Use:   "batch RECIPE [KEY=VALUE ...]",
		Short: "Find a size of batches",
		Long: "Double the recipe's batch until training handles hardly more examples a second, or a\n" +
			"step would take more memory than there is. The first line of the output is the\n" +
			"setting. Measure on a machine that does nothing else, and look for a learning rate\n" +
			"after it: larger batches bear higher ones.",
		RunE: func(cmd *cobra.Command, args []string) error {
			x, err := f.open(cmd, args)
			if err != nil {
				return err
			}
			defer x.Close()
			cfg.First = x.Recipe.Data.Batch
			if limit := machine.AvailableBytes(); limit > 0 {
				cfg.Bytes = &limit
			}
			if cmd.Flags().Changed("memory") {
				cfg.Bytes = new(int64(1e9 * gigabytes))
			}
			if err := cfg.Validate(); err != nil {
				return usage(err)
			}
			found, err := findBatch(cmd.Context(), x, cfg)
			if err != nil {
				return err
			}
			setting := fmt.Sprintf("data.batch=%d", found.Tried[found.Best].Batch)
			fmt.Fprintln(cmd.OutOrStdout(), setting)
			if err := printBatches(cmd, found); err != nil {
				return err
			}
			points := make([]runlog.BatchPoint, len(found.Tried))
			for i, t := range found.Tried {
				points[i] = runlog.BatchPoint{Batch: t.Batch, PerSecond: t.PerSecond}
			}
			return f.draw(cmd, runlog.NewBatchSearch("Batches of "+x.Recipe.Name, points, found.Best, setting))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Float64Var(&cfg.Gain, "gain", cfg.Gain, "`share` of examples a second that a doubling must bring")
	flags.Float64Var(&cfg.Seconds, "seconds", cfg.Seconds, "`seconds` that each size is measured for")
	flags.Float64Var(&gigabytes, "memory", 0, "most memory to plan with, in `GB` (default what is free)")
	f.add(cmd, "find-batch.png")
	return cmd
}

// findBatch searches with the training data of an experiment.
func findBatch(ctx context.Context, x *recipe.Experiment, cfg train.BatchFinder) (*train.Batches, error) {
	return x.Trainer.FindBatch(ctx, cfg, func(n int) (data.Feed, error) {
		d := x.Recipe.Data
		d.Batch = n
		return d.Feed(ctx, x.Set, x.Tables.Train, x.Recipe.Seed)
	})
}

func printBatches(cmd *cobra.Command, found *train.Batches) error {
	out := cmd.OutOrStdout()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "batch\texamples/s\tstep\tmemory\t")
	for i, t := range found.Tried {
		mark := ""
		if i == found.Best {
			mark = "chosen"
		}
		fmt.Fprintf(w, "%d\t%s\t%v\t%s\t%s\n", t.Batch, count(int64(t.PerSecond)), t.Step.Round(10*time.Microsecond), size(t.Bytes), mark)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "no larger: %s\n", found.End)
	return err
}
