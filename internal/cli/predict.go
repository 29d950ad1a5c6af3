package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/recipe/bundle"
	"github.com/gradus-ml/gradus/tensor"
)

func newPredict() *cobra.Command {
	var f predictFlags
	cmd := &cobra.Command{
		Use:   "predict RUN FILE...",
		Short: "Apply a trained model to files",
		Long:  "Apply the model of a run folder " + aboutPredict + "gradus inspect RUN lists the paths.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("predict wants a run folder and files")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.predict(cmd, args[1:], func(m recipe.Machine) (*recipe.Saved, error) { return recipe.OpenRun(args[0], m) })
		},
	}
	f.add(cmd)
	return cmd
}

// newBundledPredict applies the model that the program holds.
func newBundledPredict(b *bundle.Bundle) *cobra.Command {
	var f predictFlags
	cmd := &cobra.Command{
		Use:   "predict FILE...",
		Short: "Apply the model to files",
		Long:  "Apply the model in this program " + aboutPredict + "config.json names the layers.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 {
				return usagef("predict wants files")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := b.FS()
			if err != nil {
				return err
			}
			return f.predict(cmd, args, func(m recipe.Machine) (*recipe.Saved, error) { return recipe.OpenRunFS(files, b.Path, m) })
		},
	}
	f.add(cmd)
	return cmd
}

const aboutPredict = "to images, texts, or the rows of tables (CSV, TSV, JSON\n" +
	"lines, Parquet), and print a JSON object a line: for classes the class and the\n" +
	"probability of each, for numbers the number in its own unit.\n\n" +
	"With --capture PATH a line also has what the module of that path gives, as lists of\n" +
	"numbers: \"captured\": {\"fc1\": [...]}. PATH may have *, which stands for any text;\n"

// predictFlags are the flags of predict.
type predictFlags struct {
	machine machineFlags
	batch   int
	capture []string
}

func (f *predictFlags) add(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	cmd.Flags().IntVar(&f.batch, "batch", 32, "examples that are computed at a time; no influence on results")
	cmd.Flags().StringArrayVar(&f.capture, "capture", nil, "also print what the modules of this `path` give; may be repeated")
	f.machine.add(cmd)
}

// predict opens the model and applies it to files.
func (f *predictFlags) predict(cmd *cobra.Command, paths []string, open func(recipe.Machine) (*recipe.Saved, error)) error {
	m, err := f.machine.machine()
	if err != nil {
		return err
	}
	if err := atLeast("batch", f.batch, 1); err != nil {
		return usage(err)
	}
	s, err := open(m)
	if err != nil {
		return usage(err)
	}
	defer s.Close()
	s.Capture(f.capture...)
	return predict(cmd.Context(), cmd, s, paths, f.batch)
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
		if p.Captured != nil {
			captured := map[string]any{}
			for name, t := range p.Captured {
				captured[name] = nested(t.Shape().Dims()[1:], func(i int) any { return element(t, i) })
			}
			line["captured"] = captured
		}
		if err := lines.Encode(line); err != nil {
			return fmt.Errorf("output: %w", err)
		}
	}
	return nil
}

// nested makes lists of lists of the elements of a tensor.
func nested(dims []int, element func(i int) any) any {
	if len(dims) == 0 {
		return element(0)
	}
	step := 1
	for _, d := range dims[1:] {
		step *= d
	}
	list := make([]any, dims[0])
	for i := range list {
		list[i] = nested(dims[1:], func(k int) any { return element(i*step + k) })
	}
	return list
}

// element is a number as JSON has it; what is not finite is a text.
func element(t *tensor.Tensor, i int) any {
	if !t.DType().IsFloat() {
		return t.Int(i)
	}
	switch v := t.Float(i); {
	case v-v != 0:
		return fmt.Sprint(v)
	case t.DType() == dtype.Float64:
		return v
	default:
		return float32(v)
	}
}
