package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/recipe"
)

func newRecipe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recipe",
		Short: "List, show and begin recipes",
		Long: "A recipe is a YAML file with every setting of a run: data, model, loss, optimizer,\n" +
			"schedule and so on. Some come with the program; gradus recipe new writes a first\n" +
			"one for data of your own.",
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRecipeList(), newRecipeShow(), newRecipeSummary(), newRecipeNew(), newRecipeSchema())
	return cmd
}

func newRecipeList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the recipes that come with the program",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listRecipes(cmd, "recipe", recipe.Builtins())
		},
	}
}

// listRecipes prints names and what they are for.
func listRecipes(cmd *cobra.Command, what string, all []recipe.Builtin) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tabout\n", what)
	for _, b := range all {
		fmt.Fprintf(w, "%s\t%s\n", b.Name, b.About)
	}
	return w.Flush()
}

func newRecipeShow() *cobra.Command {
	var resolved bool
	cmd := &cobra.Command{
		Use:   "show RECIPE [KEY=VALUE ...]",
		Short: "Print a recipe",
		Long: "Print a recipe, one that comes with the program or a file, as it was written.\n" +
			"With --resolved it is checked and printed with every setting, those that it leaves\n" +
			"out and those of KEY=VALUE among them: what gradus train would run.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s takes the name of a recipe or file", cmd.CommandPath())
			}
			if len(args) > 1 && !resolved {
				return usagef("%s prints a recipe as it was written; with --resolved it takes %s", cmd.CommandPath(), args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			text, _, err := recipe.Source(args[0])
			if err == nil && resolved {
				var r recipe.Recipe
				if r, err = recipe.Read(args[0], args[1:]...); err == nil {
					text, err = recipe.Encode(r)
				}
			}
			if err != nil {
				return usage(err)
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().BoolVar(&resolved, "resolved", false, "with all settings that are left out")
	return cmd
}

func newRecipeSummary() *cobra.Command {
	return &cobra.Command{
		Use:   "summary RECIPE [KEY=VALUE ...]",
		Short: "Print the layers of a recipe's model",
		Long: "Print the layers of a recipe's model, for one example of its data: path, type, output,\n" +
			"parameters, whether they are trained or frozen, floating-point operations, and the\n" +
			"sums. The data are opened, since sizes follow from them; nothing is trained.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s takes the name of a recipe or file", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := recipe.Read(args[0], args[1:]...)
			if err != nil {
				return usage(err)
			}
			files, err := newFiles()
			if err != nil {
				return err
			}
			s, err := r.Summary(cmd.Context(), files)
			if err != nil {
				return usage(err)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), s)
			return err
		},
	}
}

func newRecipeNew() *cobra.Command {
	var data, target string
	var kinds []string
	for _, s := range recipe.Starters() {
		kinds = append(kinds, s.Name)
	}
	cmd := &cobra.Command{
		Use:   "new KIND --data PATH",
		Short: "Print a first recipe for data of your own",
		Long: "Print a recipe with comments for a kind of data: " + strings.Join(kinds, ", ") + ".\n\n" +
			"  gradus recipe new images --data photos > my.yaml\n" +
			"  gradus recipe new table --data houses.csv --target price > my.yaml\n" +
			"  gradus train my.yaml",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%s takes one kind of data, got %d", cmd.CommandPath(), len(args))
			}
			if target != "" && (len(args) == 0 || args[0] != "table") {
				return usagef("--target is for the kind table")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listRecipes(cmd, "kind of data", recipe.Starters())
			}
			s := recipe.Starter{Data: data}
			if target != "" {
				files, err := file.New()
				if err != nil {
					return err
				}
				defer files.Close()
				if s.Columns, err = recipe.ReadColumns(cmd.Context(), files, data, target); err != nil {
					return usage(err)
				}
			}
			text, err := recipe.New(args[0], s)
			if err != nil {
				return usage(err)
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", "DATA", "`path` of your data: a folder, a file, or an address")
	cmd.Flags().StringVar(&target, "target", "", "`column` of a table that is to be found; the others are read from the file")
	return cmd
}

func newRecipeSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of recipes, for editors",
		Long: "Print the JSON Schema of recipes, by which an editor completes keys, shows what\n" +
			"they are for and marks mistakes. Editors with yaml-language-server find it by a line\n" +
			"at the top of a recipe:\n\n" +
			"  gradus recipe schema > recipe.schema.json\n\n" +
			"  # yaml-language-server: $schema=recipe.schema.json",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := recipe.Schema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}
