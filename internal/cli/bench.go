package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/bench"
	"github.com/gradus-ml/gradus/internal/atomicfile"
)

func newBench() *cobra.Command {
	var machine machineFlags
	var asJSON bool
	seconds := 10.0
	var profile, all bool
	var trace string
	cmd := &cobra.Command{
		Use:   "bench [WORKLOAD ...]",
		Short: "Measure fixed workloads",
		Long: "Measure fixed workloads on random data: training steps, and forward passes of\n" +
			"one sample. Without names, the first six of these; with --all, all:\n" +
			strings.Join(bench.Names(), ", ") + ".\n\n" +
			"Other matrix products have names such as matmul-512, matmul-64x784x128 (rows,\n" +
			"inner size, columns) and matmul-1024-tn (the first operand lies transposed).\n" +
			"update-adamw, and so on for the other optimizers of recipes, is the step of an\n" +
			"optimizer alone over 100 million parameters; a line behind it compares the bytes\n" +
			"it must read and write with the memory's rate, see gradus doctor --help.\n\n" +
			"Efficiency is the rate (GFLOP/s) over the best that a matrix product of 512 and\n" +
			"up reached in this run; \"of peak\" is the rate over that of multiply-adds in\n" +
			"registers alone, see gradus doctor --help. \"first ms\" is the time until the first\n" +
			"step was done: from the start of the program, or from the end of the workload\n" +
			"before. Memory is the most that the process held while the workload ran.",
		ValidArgs: bench.Names(),
		RunE: func(cmd *cobra.Command, names []string) error {
			m, err := machine.machine()
			if err != nil {
				return err
			}
			if err := atLeast("seconds", seconds, 0); err != nil {
				return usage(err)
			}
			if all && len(names) > 0 {
				return usage(errors.New("--all goes without names"))
			}
			if all {
				names = bench.Names()
			}
			workloads, err := findWorkloads(names)
			if err != nil {
				return err
			}
			set, err := m.Kernels()
			if err != nil {
				return usage(err)
			}
			s := &bench.Session{Threads: m.Threads, Set: set, Seconds: seconds}
			if profile || trace != "" {
				if asJSON {
					return usage(errors.New("--json goes with times alone; a profile is a table, or a file with --trace"))
				}
				if trace != "" && len(workloads) != 1 {
					return usage(errors.New("--trace writes one workload: name it"))
				}
				return profileBench(cmd, s, workloads, trace)
			}
			return runBench(cmd, s, workloads, asJSON)
		},
	}
	machine.add(cmd)
	cmd.Flags().Float64Var(&seconds, "seconds", seconds, "time for each workload")
	cmd.Flags().BoolVar(&all, "all", false, "measure all workloads")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	cmd.Flags().BoolVar(&profile, "profile", false, "print where the time goes, by op and by module")
	cmd.Flags().StringVar(&trace, "trace", "", "write the kernels of one workload to `file`, for chrome://tracing or ui.perfetto.dev")
	return cmd
}

// profileBench prints the profile of each workload, and writes that of the one
// workload to a file if there is a name for it.
func profileBench(cmd *cobra.Command, s *bench.Session, workloads []bench.Workload, trace string) error {
	out := cmd.OutOrStdout()
	for i, w := range workloads {
		p, err := s.Profile(cmd.Context(), w)
		if err != nil {
			return err
		}
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s, %d threads, %s\n\n", w.Name, s.Threads, s.Set.Name)
		if err := p.WriteTable(out); err != nil {
			return err
		}
		if trace == "" {
			continue
		}
		if err := atomicfile.Write(trace, p.WriteTrace); err != nil {
			return err
		}
		fmt.Fprintf(out, "trace in %s\n", trace)
	}
	return nil
}

// findWorkloads returns the workloads of the names, matmul first: its rate is
// what the others are compared with.
func findWorkloads(names []string) ([]bench.Workload, error) {
	if len(names) == 0 {
		return bench.Core(), nil
	}
	var found []bench.Workload
	for _, name := range names {
		w, ok := bench.Find(name)
		if !ok {
			return nil, unknown("workload", name, bench.Names())
		}
		found = append(found, w)
	}
	slices.SortStableFunc(found, func(a, b bench.Workload) int {
		return slices.Index(bench.Names(), a.Name) - slices.Index(bench.Names(), b.Name)
	})
	return found, nil
}

func runBench(cmd *cobra.Command, s *bench.Session, workloads []bench.Workload, asJSON bool) error {
	out := cmd.OutOrStdout()
	if !asJSON {
		fmt.Fprintf(out, "%d threads, %s\n%-14s %10s %10s %10s %10s %11s %8s %11s %10s %9s %9s\n", s.Threads, s.Set.Name,
			"workload", "median ms", "p10 ms", "p90 ms", "GFLOP/s", "efficiency", "of peak", "first loss", "last loss", "memory", "first ms")
	}
	lines := json.NewEncoder(out)
	for _, w := range workloads {
		r, err := s.Run(cmd.Context(), w)
		if err != nil {
			return err
		}
		if asJSON {
			err = lines.Encode(r)
		} else {
			_, err = fmt.Fprintf(out, "%-14s %10.3f %10.3f %10.3f %10.1f %11.2f %8.2f %11s %10s %9s %9.0f\n", r.Workload,
				r.MedianMS, r.P10MS, r.P90MS, r.GFLOPS, r.Efficiency, r.GFLOPS/r.PeakGFLOPS,
				lossText(r.FirstLoss), lossText(r.LastLoss), size(r.PeakBytes), r.FirstMS)
			if err == nil && r.MemoryGBPS > 0 {
				_, err = fmt.Fprintf(out, "%-14s %10.1f GB/s, %.2f of the memory's %.1f\n", "", r.GBPS, r.GBPS/r.MemoryGBPS, r.MemoryGBPS)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func lossText(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.5f", *v)
}
