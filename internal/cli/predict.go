package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/recipe"
)

func newPredict() *cobra.Command {
	var machine machineFlags
	var batch int
	cmd := &cobra.Command{
		Use:   "predict RUN FILE...",
		Short: "Apply a trained model to files",
		Long: "Apply the model of a run folder to images, texts, or the rows of tables (CSV, TSV, JSON\n" +
			"lines, Parquet), and print a JSON object a line: for classes the class and the\n" +
			"probability of each, for numbers the number in its own unit.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("predict wants a run folder and files")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := machine.machine()
			if err != nil {
				return err
			}
			if err := atLeast("batch", batch, 1); err != nil {
				return usage(err)
			}
			s, err := recipe.OpenRun(args[0], m)
			if err != nil {
				return usage(err)
			}
			defer s.Close()
			return predict(cmd.Context(), cmd, s, args[1:], batch)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().IntVar(&batch, "batch", 32, "examples that are computed at a time; no influence on results")
	machine.add(cmd)
	return cmd
}

// A line of predict's output: where the example comes from, then the results
// under the names of the targets.
func predict(ctx context.Context, cmd *cobra.Command, s *recipe.Saved, paths []string, batch int) error {
	files, err := newFiles()
	if err != nil {
		return err
	}
	table, err := s.Table(ctx, files, paths)
	if err != nil {
		return usage(err)
	}
	defer table.Close()
	if table.Len() == 0 {
		return usagef("%s: no rows to predict", strings.Join(paths, ", "))
	}
	lines := json.NewEncoder(cmd.OutOrStdout())
	lines.SetEscapeHTML(false)
	for p, err := range s.Predict(ctx, table, batch) {
		if err != nil {
			return usage(err)
		}
		line := map[string]any{"file": p.Where}
		for name, result := range p.Results {
			line[name] = result
		}
		if err := lines.Encode(line); err != nil {
			return fmt.Errorf("output: %w", err)
		}
	}
	return nil
}
