package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu/kernel/_asm/neon"
)

// TestEncodings gives every instruction that the arm64 units encode, as its
// comment has it, to the GNU assembler and compares the words.
func TestEncodings(t *testing.T) {
	const as, objcopy = "aarch64-linux-gnu-as", "aarch64-linux-gnu-objcopy"
	for _, tool := range []string{as, objcopy} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs binutils for aarch64")
		}
	}
	line := regexp.MustCompile(`(?m)^\tWORD \$(0x[0-9a-f]{8}) // (.*)$`)
	words := map[string]uint32{}
	var list []string
	for _, u := range units {
		if u.arm64 == nil {
			continue
		}
		files, err := u.files()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(files[u.name+"_arm64.s"]), -1) {
			w, err := strconv.ParseUint(m[1], 0, 32)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := words[m[2]]; !ok {
				words[m[2]] = uint32(w)
				list = append(list, m[2])
			}
		}
	}
	if len(list) < 100 {
		t.Fatalf("found %d instructions", len(list))
	}
	dir := t.TempDir()
	source, object, binaryFile := filepath.Join(dir, "a.s"), filepath.Join(dir, "a.o"), filepath.Join(dir, "a.bin")
	var b bytes.Buffer
	for _, text := range list {
		fmt.Fprintln(&b, text)
	}
	if err := os.WriteFile(source, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range [][]string{{as, "-o", object, source}, {objcopy, "-O", "binary", object, binaryFile}} {
		if out, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
	code, err := os.ReadFile(binaryFile)
	if err != nil {
		t.Fatal(err)
	}
	if len(code) < 4*len(list) {
		t.Fatalf("%d bytes for %d instructions", len(code), len(list))
	}
	for i, text := range list {
		if want := binary.LittleEndian.Uint32(code[4*i:]); words[text] != want {
			t.Errorf("%s is %#08x, want %#08x", text, words[text], want)
		}
	}
	t.Logf("%d instructions", len(list))
}

// TestRegisters shows what the numbering of registers notices.
func TestRegisters(t *testing.T) {
	write := func(body func(f *neon.Func)) (text string, failed any) {
		defer func() { failed = recover() }()
		file := neon.NewFile()
		f := file.Func("f", "func(p *float32)", "f is a test.")
		body(f)
		f.Return()
		return string(file.Text("test")), nil
	}
	for _, c := range []struct {
		want string
		body func(f *neon.Func)
	}{
		{"neon: f: a register is read before it is set", func(f *neon.Func) { f.Store4(f.V(), f.Param("p"), 0) }},
		{"neon: f: no label there", func(f *neon.Func) { f.Branch("B", "there") }},
		{"neon: f: too few registers", func(f *neon.Func) {
			p := f.Param("p")
			v := make([]neon.V, 33)
			for i := range v {
				v[i] = f.V()
				f.Load4(v[i], p, 0)
			}
			for i := range v {
				f.Store4(v[i], p, 0)
			}
		}},
	} {
		if _, failed := write(c.body); failed != c.want {
			t.Errorf("%v, want %s", failed, c.want)
		}
	}
	// The value that is read in the loop keeps its register from others in the
	// loop; a copy of what is read no more needs no instruction.
	text, failed := write(func(f *neon.Func) {
		p, kept := f.Param("p"), f.V()
		f.Load4(kept, p, 0)
		f.Label("loop")
		a, b := f.V(), f.V()
		f.Three(neon.FADD, a, kept, kept)
		f.Copy(b, a)
		f.Store4(b, p, 16)
		f.BranchZero("CBNZ", p, "loop")
	})
	const want = `
	MOVD p+0(FP), R0
	WORD $0x3dc00000 // ldr q0, [x0]

loop:
	WORD $0x4e20d401 // fadd v1.4s, v0.4s, v0.4s
	WORD $0x3d800401 // str q1, [x0, #16]
	CBNZ R0, loop
	RET
`
	if failed != nil || !bytes.HasSuffix([]byte(text), []byte(want)) {
		t.Errorf("%v; wrote %s", failed, text)
	}
}
