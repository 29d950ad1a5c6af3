package cli

import (
	"net"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve"
	"github.com/gradus-ml/gradus/serve/engine"
)

func newServe() *cobra.Command {
	var machine machineFlags
	var listen string
	cmd := &cobra.Command{
		Use:   "serve [NAME=]RUN...",
		Short: "Serve trained models over HTTP and gRPC",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 {
				return usagef("serve wants run folders")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := machine.machine()
			if err != nil {
				return err
			}
			e := engine.New(m)
			defer e.Close()
			for _, arg := range args {
				name, dir, ok := strings.Cut(arg, "=")
				if !ok {
					name, dir = filepath.Base(arg), arg
				}
				open := func(m recipe.Machine) (*recipe.Saved, error) { return recipe.OpenRun(dir, m) }
				if err := e.Add(cmd.Context(), engine.Spec{Name: name, Version: "1", Weight: 1, Open: open}); err != nil {
					return usage(err)
				}
			}
			l, err := net.Listen("tcp", listen)
			if err != nil {
				return usage(err)
			}
			return serve.New(e).Serve(cmd.Context(), l)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "`address` to listen on")
	machine.add(cmd)
	return cmd
}
