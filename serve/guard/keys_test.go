package guard

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	var lines, tokens []string
	for _, name := range []string{"one", "two", "three"} {
		key, line, err := NewKey(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, key) || len(key) < 43 {
			t.Fatalf("key %q, line %q", key, line)
		}
		tokens, lines = append(tokens, key), append(lines, line)
	}
	_, line, err := NewKey("boss", Admin, Metrics)
	if err != nil || !strings.HasSuffix(line, ":admin,metrics") {
		t.Fatalf("%q, %v", line, err)
	}
	file := filepath.Join(t.TempDir(), "keys")
	text := "# keys\n\n  " + lines[0] + "  \n" + lines[1] + ":predict:models=a,b:rate=5\n" + line
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ring, err := Keys{File: file, List: []string{lines[2] + ":metrics"}}.read()
	if err != nil {
		t.Fatal(err)
	}
	one, two := ring.find(tokens[0]), ring.find(tokens[1])
	if one == nil || one.Name != "one" || !one.May(Predict) || one.May(Metrics) || one.May(Admin) || one.Models != nil || one.Rate != nil {
		t.Errorf("the first is %+v", one)
	}
	if two == nil || !two.May(Predict) || two.May(Metrics) || two.May(Admin) || len(two.Models) != 2 || two.Rate.PerSecond != 5 {
		t.Errorf("the second is %+v", two)
	}
	if k := ring.find(tokens[2]); k == nil || k.Name != "three" || k.May(Predict) || !k.May(Metrics) || k.May(Admin) || k.Models != nil {
		t.Errorf("the third is %+v", k)
	}
	for _, wrong := range []string{"", "x", tokens[0] + "x", tokens[0][:len(tokens[0])-1], lines[0], strings.Split(lines[0], ":")[2]} {
		if k := ring.find(wrong); k != nil {
			t.Errorf("%q is the key of %s", wrong, k.Name)
		}
	}
}

func TestKeyErrors(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for line, want := range map[string]string{
		"":                                               "NAME:sha256:HEX",
		"a:md5:" + hash:                                  "NAME:sha256:HEX",
		"a b:sha256:" + hash:                             "the name of a key",
		"a:sha256:" + hash[2:]:                           "64 hexadecimal digits",
		"a:sha256:x" + hash[1:]:                          "not hexadecimal",
		"a:sha256:" + hash + ":root":                     "no scope",
		"a:sha256:" + hash + ":admin:":                   "after the hash",
		"a:sha256:" + hash + ":models=":                  "no name of a model",
		"a:sha256:" + hash + ":models=..":                "no name of a model",
		"a:sha256:" + hash + ":rate=x":                   "not a number",
		"a:sha256:" + hash + ":rate=NaN":                 "not above 0",
		"a:sha256:" + hash + ":rate=-1":                  "not above 0",
		"a:sha256:" + hash + ":x=1":                      "after the hash",
		"a:sha256:" + hash + ":admin:models=a":           "the scope predict alone",
		"a:sha256:" + hash + ":models=a:admin":           "the scope predict alone",
		"a:sha256:" + hash + ":models=a:metrics":         "the scope predict alone",
		"a:sha256:" + hash + ":predict,metrics:models=a": "the scope predict alone",
	} {
		if _, err := ParseKey(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q in it", line, err, want)
		}
	}
	dir := t.TempDir()
	for text, want := range map[string]string{
		"":    "has no key",
		"\nb": "keys:2: a key is",
		"a:sha256:" + hash + "\na:sha256:" + hash:               "keys:2: there is a key a before",
		strings.Repeat("x", 1<<20):                              "too long",
		"a:sha256:" + hash + strings.Repeat("\n#", keysBytes/2): "more than 4194304 bytes",
	} {
		file := filepath.Join(dir, "keys")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (Keys{File: file}).read(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %q in it", text, err, want)
		}
	}
	if _, err := (Keys{File: dir + "/none"}).read(); err == nil {
		t.Error("a file that isn't there")
	}
}

func FuzzParseKey(f *testing.F) {
	_, line, err := NewKey("name", Predict, Admin)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add(line + ":models=a,b:rate=1e3")
	f.Fuzz(func(t *testing.T, line string) {
		k, err := ParseKey(line)
		if err != nil {
			return
		}
		if k.Name == "" || len(k.Scopes) == 0 || k.Rate != nil && k.Rate.Burst < 1 || k.Models != nil && (k.May(Admin) || k.May(Metrics)) || strings.ContainsAny(k.Name, ":\n ") {
			t.Errorf("%q is %+v", line, k)
		}
	})
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
