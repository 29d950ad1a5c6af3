package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/recipe/bundle"
	"github.com/gradus-ml/gradus/serve"
	"github.com/gradus-ml/gradus/serve/engine"
)

func newBundle() *cobra.Command {
	var out, name, program string
	cmd := &cobra.Command{
		Use:   "bundle RUN -o FILE",
		Short: "Make one executable file of this program and a trained model",
		Long: "Make an executable file that holds this program and the model of a run folder. Started\n" +
			"without arguments it serves the model; FILE predict, FILE export and FILE version are\n" +
			"there too. It needs nothing else: no run folder, no gradus.\n\n" +
			"For another system give its gradus by --binary. Strip or sign the program before, not\n" +
			"the bundle: both would take the model off. Bundling a bundle replaces its model.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("bundle wants a run folder, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usagef("bundle wants the file to write: -o FILE")
			}
			if program == "" {
				var err error
				if program, err = os.Executable(); err != nil {
					return err
				}
			}
			m, err := openModel(args[0], name)
			if err != nil {
				return usage(err)
			}
			defer m.Saved.Close()
			files, err := m.Files()
			if err != nil {
				return err
			}
			if err := bundle.Write(out, program, m.Name, files); err != nil {
				return usage(err)
			}
			st, err := os.Stat(out)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s; started, it serves %s\n", out, size(st.Size()), m.Name)
			return err
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&out, "output", "o", "", "`file` to write")
	flags.StringVar(&name, "name", "", "`name` of the model (default that of the run folder)")
	flags.StringVar(&program, "binary", "", "gradus of another system or version, a `file`, to put the model into (default this one)")
	return cmd
}

// newBundled is the program that holds a model: it serves it, unless a command
// says otherwise.
func newBundled(b *bundle.Bundle) *cobra.Command {
	var f serveFlags
	cmd := asRoot(&cobra.Command{
		Use:   filepath.Base(b.Path),
		Short: "Serve the model in this program over HTTP and gRPC",
		Long:  "Make a service of the model that is in this program.\n\n" + aboutAddresses,
		Args:  unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			files, err := b.FS()
			if err != nil {
				return err
			}
			m := serve.DefaultModel()
			m.Run = b.Path
			if m.Name, err = b.Name(); err != nil {
				return err
			}
			return f.serve(cmd, []serve.Model{m}, func(m serve.Model) engine.Spec { return fromFS(m, files) })
		},
	})
	cmd.Flags().SortFlags = false
	f.add(cmd)
	cmd.AddCommand(newBundledPredict(b), newBundledExport(b), newServeKey(), newServeHealth(), newVersion())
	return cmd
}
