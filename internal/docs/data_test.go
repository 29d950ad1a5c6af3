package docs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/internal/cli"
	"github.com/gradus-ml/gradus/recipe"
)

// text is what a block holds.
func (b block) text() string { return strings.Join(b.lines, "\n") + "\n" }

// Every block of YAML in docs/data.md is the section data of a recipe, or a
// recipe.
func TestDataBlocksAreRecipes(t *testing.T) {
	seen := 0
	for _, b := range read(t, "docs/data.md").blocks {
		if b.language != "yaml" {
			continue
		}
		seen++
		if strings.HasPrefix(b.lines[0], "name:") {
			if _, err := recipe.Parse([]byte(b.text()), "data.md"); err != nil {
				t.Errorf("docs/data.md:%d: %v", b.line, err)
			}
			continue
		}
		section := struct {
			Data recipe.Data `yaml:"data"`
		}{recipe.Default().Data}
		err := config.Decode([]byte(b.text()), "data.md", &section, recipe.Kinds())
		if err == nil {
			err = section.Data.Validate()
		}
		if err != nil {
			t.Errorf("docs/data.md:%d: %v", b.line, err)
		}
	}
	if seen < 3 {
		t.Errorf("only %d blocks of YAML", seen)
	}
}

// All types of sources and features are named in the tables of docs/data.md.
func TestDataTypesAreNamed(t *testing.T) {
	named := map[string]bool{}
	for _, s := range read(t, "docs/data.md").spans {
		named[s.text] = true
	}
	for _, kinds := range [][]config.Kind{source.Kinds(), feature.Kinds()} {
		for _, k := range kinds {
			if !named[k.Name] {
				t.Errorf("docs/data.md does not name %s", k.Name)
			}
		}
	}
}

// gradus data check prints what docs/data.md says that it prints.
func TestDataCheckPrints(t *testing.T) {
	blocks := map[string]block{}
	for _, b := range read(t, "docs/data.md").blocks {
		if b.language != "yaml" || strings.HasPrefix(b.lines[0], "name: homes") {
			blocks[b.language] = b
		}
	}
	dir := t.TempDir()
	for name, b := range map[string]block{"homes.csv": blocks["csv"], "homes.yaml": blocks["yaml"]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b.text()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var out, errs bytes.Buffer
	if code := cli.Run(t.Context(), []string{"data", "check", "homes.yaml"}, &out, &errs); code != 1 {
		t.Errorf("exit code %d: %s", code, &errs)
	}
	if want := blocks["text"].text(); filepath.ToSlash(out.String()) != want {
		t.Errorf("docs/data.md says\n%s\nthe command prints\n%s", want, &out)
	}
}
