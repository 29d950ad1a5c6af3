package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/serve/guard"
)

func newServeKey() *cobra.Command {
	var scopes []string
	var file string
	cmd := &cobra.Command{
		Use:   "key [NAME]",
		Short: "Make a key for a client of a server",
		Long: "Make a key for a client, and print it once, with the line that lets it in: the server\n" +
			"knows the line alone, a hash. With --key-file the line is added to that file. A client\n" +
			"sends the key in a header: Authorization: Bearer KEY.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("key wants one name, got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "client"
			if len(args) == 1 {
				name = args[0]
			}
			var list []guard.Scope
			for _, s := range scopes {
				list = append(list, guard.Scope(s))
			}
			key, line, err := guard.NewKey(name, list...)
			if err != nil {
				return usage(err)
			}
			where := "a line for the file of --key-file"
			if file != "" {
				if err := addLine(file, line); err != nil {
					return usage(err)
				}
				where = "added to " + file
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\n", key, line)
			if err == nil {
				_, err = fmt.Fprintf(cmd.ErrOrStderr(), "gradus: first the key, for the client; then what the server knows of it, %s\n", where)
			}
			return err
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringSliceVar(&scopes, "scope", nil, "what the key is good for: predict, metrics, admin; may be repeated (default predict)")
	cmd.Flags().StringVar(&file, "key-file", "", "`file` to add the line to")
	return cmd
}

// addLine adds a line to a file that nobody else may read.
func addLine(path, line string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	name, _, _ := strings.Cut(line, ":")
	for old := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(old), name+":") {
			return fmt.Errorf("%s has a key of the name %s already", path, name)
		}
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		line = "\n" + line
	}
	_, err = f.WriteString(line + "\n")
	return err
}
