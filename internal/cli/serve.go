package cli

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

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
			c := serve.Default()
			c.Listen = listen
			for _, arg := range args {
				model := serve.DefaultModel()
				var ok bool
				if model.Name, model.Run, ok = strings.Cut(arg, "="); !ok {
					model.Name, model.Run = filepath.Base(arg), arg
				}
				c.Models = append(c.Models, model)
			}
			e := engine.New(m)
			defer e.Close()
			s, err := serve.New(e, c)
			if err != nil {
				return usage(err)
			}
			if err := s.Listen(); err != nil {
				return usage(err)
			}
			if err := s.Load(cmd.Context()); err != nil {
				return usage(err)
			}
			return s.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "`address` to listen on")
	machine.add(cmd)
	return cmd
}
