package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/recipe"
)

func newTrainMNIST() *cobra.Command {
	r := recipe.DefaultMNIST(recipe.ThisMachine())
	var flags runFlags
	var machine machineFlags
	var dir string
	var detectAnomaly bool
	cmd := &cobra.Command{
		Use:   "mnist",
		Short: "Train a convolutional network to read digits",
		Long: "Train a convolutional network on MNIST, which is in the program: 60,000 images of\n" +
			"handwritten digits to learn from and 10,000 to test on.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if r.Machine, err = machine.machine(); err != nil {
				return err
			}
			if cmd.Flags().Changed("data") {
				r.Data.Dir = &dir
			}
			return trainMNIST(cmd, r, flags, detectAnomaly)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&r.Epochs, "epochs", r.Epochs, "passes over the training images")
	f.IntVar(&r.Data.Batch, "batch", r.Data.Batch, "images a step")
	f.Float64Var(&r.Optimizer.LR, "lr", r.Optimizer.LR, "highest learning rate")
	f.Uint64Var(&r.Seed, "seed", r.Seed, "seed of weights and order")
	f.StringVar(&dir, "data", "", "`folder` of your own IDX files (default the images in the program)")
	f.BoolVar(&detectAnomaly, "detect-anomaly", false, "stop at the first value that is not finite and say where it came from (slow)")
	machine.add(cmd)
	flags.add(cmd, "mnist")
	return cmd
}

func trainMNIST(cmd *cobra.Command, r recipe.MNIST, flags runFlags, detectAnomaly bool) error {
	if err := r.Validate(); err != nil {
		return usage(err)
	}
	run, err := flags.create("mnist", r, r.Machine)
	if err != nil {
		return err
	}
	defer run.Close()
	t, err := r.Trainer()
	if err != nil {
		if r.Data.Dir != nil {
			err = usage(err) // the user's files
		}
		return err
	}
	defer t.Store.Close()
	t.DetectAnomaly = detectAnomaly
	if !flags.json {
		params := int64(0)
		for _, p := range t.Store.Params() {
			params += int64(p.Shape.Size())
		}
		fmt.Fprintf(cmd.OutOrStdout(), "MNIST: %s parameters, %d threads, %s, run folder %s\n", count(params), r.Machine.Threads, r.Machine.ISA, run.Dir())
	}
	return fit(cmd, t, run, flags, "MNIST", func(w io.Writer) error { return model.WriteConfig(w, model.LeNet{Config: r.Model}) }, r.LogEvery)
}
