package cli

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/runlog"
)

func newEval() *cobra.Command {
	var machine machineFlags
	var split string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "eval RUN [KEY=VALUE ...]",
		Short: "Score a trained model on data",
		Long: "Score the model of a run folder on its test data, or on others: settings of the run's\n" +
			"recipe can be changed, such as data.test.source.path=new.csv.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("eval wants a run folder")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			if splits := []string{"test", "validation", "train"}; !slices.Contains(splits, split) {
				return unknown("split", split, splits)
			}
			r, _, err := machine.loadRun(cmd, dir, args[1:])
			if err != nil {
				return err
			}
			s, err := recipe.OpenRun(dir, r.Machine)
			if err != nil {
				return usage(err)
			}
			defer s.Close()
			files, err := newFiles()
			if err != nil {
				return err
			}
			score, err := s.Score(cmd.Context(), r, files, split)
			if err != nil {
				return usage(err)
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(out).Encode(runlog.Record{Split: split, Metrics: score.Values})
			}
			_, err = fmt.Fprintf(out, "%s: %s examples%s\n", split, count(int64(score.Samples)), values(score))
			return err
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&split, "split", "test", "the data to score: test, validation or train")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	machine.add(cmd)
	return cmd
}
