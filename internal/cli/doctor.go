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
		Long: "Tell what this machine offers and what it reaches.\n\n" +
			"peak is the rate of multiply-adds (two operations each) that read and write\n" +
			"registers alone, with the chosen kernels' instructions: the limit of all that\n" +
			"multiplies. matmul is the best rate of a large matrix product, which also has to\n" +
			"bring its operands: what the arithmetic of a net can hope for. memory is the rate\n" +
			"at which threads go through a gigabyte, reading each number and writing it where it\n" +
			"was, bytes read and written both counted: the limit of what computes little, as an\n" +
			"optimizer does (gradus bench update-adamw measures one).",
		Args: noArgs,
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
	line("peak", "%s/s by one thread, %s/s by %d: multiply-adds in registers",
		scaled(bench.Peak(set, 1), "FLOP"), scaled(bench.Peak(set, m.Threads), "FLOP"), m.Threads)
	session := &bench.Session{Threads: m.Threads, Set: set, Seconds: 4}
	rate, err := session.Rate(ctx)
	if err != nil {
		return err
	}
	line("matmul", "%s/s, the best of 512 and 1024", scaled(rate, "FLOP"))
	memory, err := bench.Bandwidth(set, m.Threads)
	if err != nil {
		return err
	}
	line("memory", "%s/s, a gigabyte read and written in place", scaled(memory, "B"))
	return w.Flush()
}
