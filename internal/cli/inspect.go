package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/train"
)

func newInspect() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect PATH",
		Short: "Tell what a safetensors file or a run folder holds",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("inspect takes one path, got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := os.Stat(args[0])
			if err != nil {
				return usage(err)
			}
			if st.IsDir() {
				return usage(inspectRun(cmd.OutOrStdout(), args[0]))
			}
			if !st.Mode().IsRegular() { // opening a pipe would wait for its writer
				return usagef("%s is neither a file nor a folder", args[0])
			}
			return usage(inspectFile(cmd.OutOrStdout(), args[0]))
		},
	}
}

// inspectFile prints the tensors of a file in the order of their bytes.
func inspectFile(out io.Writer, path string) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "tensor\ttype\tshape\tsize")
	var elements, bytes int64
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		n := int64(1)
		for _, d := range info.Shape {
			n *= int64(d)
		}
		elements += n
		bytes += info.SizeBytes
		fmt.Fprintf(w, "%s\t%s\t%v\t%s\n", name, info.DType, info.Shape, size(info.SizeBytes))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d tensors, %s elements, %s\n", len(f.Names()), count(elements), size(bytes))
	metadata := f.Metadata()
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		fmt.Fprintf(out, "%s: %s\n", key, metadata[key])
	}
	return nil
}

// inspectRun prints the layers of a run's model and how well it does.
func inspectRun(out io.Writer, dir string) error {
	n, err := model.ReadConfig(filepath.Join(dir, filepath.FromSlash(train.ConfigFile)))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is no run folder: it has no %s", dir, train.ConfigFile)
	}
	if err != nil {
		return err
	}
	s, err := n.Summary()
	if err != nil {
		return err
	}
	if err := freeze(s, dir); err != nil {
		return err
	}
	fmt.Fprint(out, s)
	var inputs []string
	for _, in := range n.Inputs {
		inputs = append(inputs, fmt.Sprintf("%s %v", in.Name, in.Item))
	}
	fmt.Fprintf(out, "%s: %s, %s parameters, %s an item forward\n", n.Type, strings.Join(inputs, ", "), count(int64(s.Params)), scaled(float64(s.Flops), "FLOP"))
	return inspectMetrics(out, filepath.Join(dir, runlog.MetricsFile))
}

// freeze marks what the run's recipe does not train.
func freeze(s *nn.Summary, dir string) error {
	path := filepath.Join(dir, train.RecipeFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	r, err := recipe.Read(path)
	if err != nil {
		return err
	}
	return s.Freeze(r.Strategy.Freeze...)
}

// inspectMetrics prints the last result on data that was not trained on, if
// there is one.
func inspectMetrics(out io.Writer, path string) error {
	records, err := runlog.ReadMetrics(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, r := range slices.Backward(records) {
		if r.Split != "test" && r.Split != "validation" {
			continue
		}
		fmt.Fprintf(out, "%s after step %d, epoch %d:", r.Split, r.Step, r.Epoch)
		for _, m := range r.Metrics {
			fmt.Fprintf(out, " %s %.4f", m.Name, m.Value)
		}
		fmt.Fprintln(out)
		break
	}
	return nil
}
