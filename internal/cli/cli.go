// Package cli is the command gradus: one file a command. It parses flags,
// prints, and leaves the work to the library.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/recipe/bundle"
)

// Exit codes of the command.
const (
	exitFailed      = 1   // the work failed: a full disk, a lost file
	exitUsage       = 2   // the user's input is at fault
	exitInterrupted = 130 // Ctrl-C, as shells have it
)

// A usageError is the fault of what the user gave: flags, names, files.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usage marks an error as the fault of the user's input.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// interrupted is the error of a command that Ctrl-C ended cleanly.
type interrupted struct{ message string }

func (e interrupted) Error() string { return e.message }

// Main runs the command and returns its exit code, or that of the program that a
// bundled model makes of it. The first Ctrl-C, request to end or closed terminal
// cancels the command's context, the second ends the process at once. A command
// that has a use for the closed terminal's signal, SIGHUP, gets it: see hangupsOf.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	h := &hangups{signals: signals, c: make(chan struct{}, 1)}
	ctx = context.WithValue(ctx, hangupsKey{}, h)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		for told := false; ; {
			switch s := <-signals; {
			case s == syscall.SIGHUP && h.wanted.Load():
				select {
				case h.c <- struct{}{}:
				default: // one is waiting already
				}
			case told:
				os.Exit(exitInterrupted)
			default:
				told = true
				cancel()
			}
		}
	}()
	path, err := os.Executable()
	if err != nil {
		return Run(ctx, args, stdout, stderr)
	}
	b, err := bundle.Open(path)
	switch {
	case err == nil:
		defer b.Close()
		return execute(ctx, newBundled(b), args, stdout, stderr)
	case !errors.Is(err, bundle.ErrNone) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
		return finish(ctx, err, stderr)
	}
	code := Run(ctx, args, stdout, stderr)
	if (code == exitUsage || len(args) == 0) && bundle.Damaged(path) {
		return finish(ctx, usagef("%s is %s", path, bundle.DamagedText), stderr)
	}
	return code
}

// hangups are the SIGHUPs of a command that wants to know of them.
type hangups struct {
	signals chan os.Signal // that the process gets
	wanted  atomic.Bool
	c       chan struct{}
}

type hangupsKey struct{}

// hangupsOf gives a command the signal SIGHUP, which ends it otherwise, or is
// ignored, as under nohup. Without Main there are none.
func hangupsOf(ctx context.Context) <-chan struct{} {
	h, ok := ctx.Value(hangupsKey{}).(*hangups)
	if !ok {
		return nil
	}
	h.wanted.Store(true)
	signal.Notify(h.signals, syscall.SIGHUP)
	return h.c
}

// Run runs the command under a context of the caller's.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return execute(ctx, newRoot(), args, stdout, stderr)
}

func execute(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return finish(ctx, root.ExecuteContext(ctx), stderr)
}

// finish says what went wrong, and gives the exit code.
func finish(ctx context.Context, err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	stopped := errors.As(err, new(interrupted))
	if !stopped && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err, stopped = interrupted{"interrupted"}, true
	}
	fmt.Fprintf(stderr, "gradus: %s\n", printable(oneLine(err)))
	switch {
	case stopped:
		return exitInterrupted
	case errors.As(err, new(usageError)):
		return exitUsage
	}
	return exitFailed
}

// printable takes from a text what a terminal would obey: messages quote files
// that anybody may have written.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s) // and what is not UTF-8 becomes the same
}

// oneLine joins the lines of an error: joined errors come one a line. Mistakes
// in settings keep their lines, which show the places.
func oneLine(err error) string {
	if errors.As(err, new(config.Errors)) {
		return err.Error()
	}
	return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
}

func newRoot() *cobra.Command {
	root := asRoot(&cobra.Command{
		Use:   "gradus",
		Short: "Train and serve neural networks",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	})
	root.AddCommand(newTrain(), newEval(), newPredict(), newServe(), newExport(), newBundle(), newFind(), newRecipe(), newData(), newBench(), newInspect(), newDoctor(), newVersion())
	return root
}

// asRoot gives a command what the first of all has.
func asRoot(cmd *cobra.Command) *cobra.Command {
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.PersistentPreRunE = noEmptyFlags
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetHelpCommand(newHelp())
	return cmd
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return usage(err)
			}
			if err := about.ValidateArgs(rest); about.HasSubCommands() && err != nil {
				return err
			}
			return about.Help()
		},
	}
}

// noArgs refuses arguments as a mistake of the user's.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no argument %q", cmd.CommandPath(), args[0])
	}
	return nil
}
