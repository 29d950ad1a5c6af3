package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gradus-ml/gradus/config"
)

// unknownCommand refuses the arguments of a command that only has others
// below it, and names the nearest of them.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return unknown("command", args[0], names)
}

// flagError says in one line what is wrong with a flag: the nearest to one that
// does not exist, the kind of value that one wants.
func flagError(cmd *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		return usagef("--%s wants %s, got %q", value.GetFlag().Name, valueKind(value.GetFlag()), value.GetValue())
	}
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return usage(err)
	}
	if missing.GetSpecifiedShortnames() != "" {
		return usagef("unknown flag -%s; %s --help lists the flags", missing.GetSpecifiedName(), cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return unknown("flag", "--"+missing.GetSpecifiedName(), names)
}

// valueKind says what a flag takes.
func valueKind(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "int":
		return "a whole number"
	case "uint64":
		return "a whole number from 0 up"
	case "float64":
		return "a number"
	}
	return "a " + f.Value.Type()
}

// noEmptyFlags refuses a flag that is given without content, as by a shell
// variable that is not set: the default would come as a surprise.
func noEmptyFlags(cmd *cobra.Command, _ []string) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if err == nil && f.Value.String() == "" {
			err = usagef("--%s wants a value, got an empty one", f.Name)
		}
	})
	return err
}

// unknown says that a name is none of the known ones, and which is nearest.
func unknown(kind, name string, known []string) error {
	if n, ok := config.Nearest(name, known); ok {
		return usagef("unknown %s %s; did you mean %s?", kind, name, n)
	}
	return usagef("unknown %s %s; there are %s", kind, name, strings.Join(known, ", "))
}

// atLeast checks a flag whose value has a smallest one.
func atLeast[T int | float64](flag string, value, least T) error {
	if !(value >= least) {
		return fmt.Errorf("--%s must be at least %v, got %v", flag, least, value)
	}
	return nil
}
