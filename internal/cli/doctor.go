package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/bench"
	"github.com/gradus-ml/gradus/internal/machine"
	"github.com/gradus-ml/gradus/recipe"
)

func newDoctor() *cobra.Command {
	var flags machineFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Tell what this machine offers and what it reaches",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := flags.machine()
			if err != nil {
				return err
			}
			return doctor(cmd.Context(), cmd.OutOrStdout(), m)
		},
	}
	flags.add(cmd)
	return cmd
}

func doctor(ctx context.Context, out io.Writer, m recipe.Machine) error {
	set, err := m.Kernels()
	if err != nil {
		return usage(err)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("program", "gradus %s, %s", version(), runtime.Version())
	line("system", "%s/%s", runtime.GOOS, runtime.GOARCH)
	line("processor", "%s", machine.Processor())
	line("processors", "%d usable, %d threads", runtime.NumCPU(), m.Threads)
	line("features", "%s", strings.Join(machine.Features(), " "))
	var sets []string
	for _, s := range kernel.Sets() {
		switch {
		case s == set:
			sets = append(sets, s.Name+" (chosen)")
		case s.Available:
			sets = append(sets, s.Name)
		default:
			sets = append(sets, s.Name+" (not on this processor)")
		}
	}
	line("kernels", "%s", strings.Join(sets, ", "))
	if err := w.Flush(); err != nil {
		return err
	}
	session := &bench.Session{Threads: m.Threads, Set: set, Seconds: 4}
	rate, err := session.Rate(ctx)
	if err != nil {
		return err
	}
	line("matmul", "%s/s, the best of 512 and 1024", scaled(rate, "FLOP"))
	line("memory", "%s/s, read and written by copying", scaled(bench.Bandwidth(m.Threads), "B"))
	return w.Flush()
}
