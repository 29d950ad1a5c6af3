package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/recipe/bundle"
	"github.com/gradus-ml/gradus/recipe/export"
)

func newExport() *cobra.Command {
	var name string
	var overwrite bool
	cmd := &cobra.Command{
		Use:   "export RUN DIR",
		Short: "Write a trained model, its preprocessing and a model card to a folder",
		Long: "Write what others need of a run to a folder: weights, network and preprocessing, the\n" +
			"recipe, and a model card for the Hugging Face Hub. Paths of this machine are left out.\n" +
			"The folder serves, predicts and bundles as the run does. Read the card before you give\n" +
			"it away: the licence, and what the model is meant for, are yours to fill in.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("export wants a run folder and the folder to write, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := openModel(args[0], name)
			if err != nil {
				return usage(err)
			}
			defer m.Saved.Close()
			files, err := m.Files()
			if err != nil {
				return err
			}
			return exportTo(cmd, args[1], files, overwrite)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&name, "name", "", "`name` of the model (default that of the run folder)")
	addOverwrite(cmd, &overwrite)
	return cmd
}

// newBundledExport is the export of the model that the program holds.
func newBundledExport(b *bundle.Bundle) *cobra.Command {
	var overwrite bool
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write the model, its preprocessing and its card to a folder",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("export wants the folder to write, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := b.Files()
			if err != nil {
				return err
			}
			return exportTo(cmd, args[0], files, overwrite)
		},
	}
	addOverwrite(cmd, &overwrite)
	return cmd
}

func addOverwrite(cmd *cobra.Command, overwrite *bool) {
	cmd.Flags().BoolVar(overwrite, "overwrite", false, "replace the exported model that the folder holds")
}

// exportTo writes files to a folder, and says so.
func exportTo(cmd *cobra.Command, dir string, files []export.File, overwrite bool) error {
	if err := export.Write(dir, files, overwrite); err != nil {
		return usage(err)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s says what it is\n", dir, filepath.Join(dir, export.CardFile))
	return err
}

// openModel opens the model of a run folder, by the folder's name unless there
// is another.
func openModel(dir, name string) (*export.Model, error) {
	if name == "" {
		name = modelName(dir)
	}
	return export.Open(dir, name)
}
