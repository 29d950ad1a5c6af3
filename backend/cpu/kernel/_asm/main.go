// Command _asm writes the assembly of package kernel, one pair of files a
// unit: UNIT_ARCH.s and UNIT_stub_ARCH.go. For amd64 avo does the work, for
// arm64 package neon.
//
//	go run . [-o dir] [unit ...]
//
// Without names it writes every unit.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gradus-ml/gradus/backend/cpu/kernel/_asm/neon"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// A unit is one generated pair of files, for amd64 or arm64.
type unit struct {
	name  string
	amd64 func(c *build.Context)
	arm64 func(f *neon.File)
}

// units lists what there is to generate.
var units = []unit{
	{name: "attention", amd64: attention},
	{name: "attention_neon", arm64: attentionNEON},
	{name: "cell", amd64: cell},
	{name: "cell_neon", arm64: cellNEON},
	{name: "half", amd64: half},
	{name: "tile", amd64: tile},
	{name: "tile_neon", arm64: tileNEON},
	{name: "vec_avx2", amd64: vecAVX2},
	{name: "vec_avx512", amd64: vecAVX512},
	{name: "vec_neon", arm64: vectorsNEON},
	{name: "winograd", amd64: winograd},
}

// files returns the generated files of a unit by name.
func (u unit) files() (map[string][]byte, error) {
	if u.arm64 != nil {
		f := neon.NewFile()
		u.arm64(f)
		command := "go run . " + u.name
		return map[string][]byte{
			u.name + "_arm64.s":       f.Text(command),
			u.name + "_stub_arm64.go": f.Stubs(command),
		}, nil
	}
	c := build.NewContext()
	c.ConstraintExpr("amd64,!purego")
	u.amd64(c)
	f, err := c.Result()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.name, err)
	}
	if err := pass.Compile.Execute(f); err != nil {
		return nil, fmt.Errorf("%s: %w", u.name, err)
	}
	cfg := printer.Config{Argv: []string{"go", "run", ".", u.name}, Pkg: "kernel"}
	text, err := printer.NewGoAsm(cfg).Print(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.name, err)
	}
	stubs, err := printer.NewStubs(cfg).Print(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.name, err)
	}
	return map[string][]byte{
		u.name + "_amd64.s":       text,
		u.name + "_stub_amd64.go": stubs,
	}, nil
}

func main() {
	dir := flag.String("o", "..", "folder to write to")
	flag.Parse()
	if err := run(*dir, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir string, names []string) error {
	wanted := map[string]bool{}
	for _, n := range names {
		wanted[n] = true
	}
	for _, u := range units {
		if len(names) > 0 && !wanted[u.name] {
			continue
		}
		delete(wanted, u.name)
		files, err := u.files()
		if err != nil {
			return err
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				return err
			}
		}
	}
	for n := range wanted {
		return fmt.Errorf("no unit %q", n)
	}
	return nil
}
