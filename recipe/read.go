package recipe

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/gradus-ml/gradus/config"
)

// builtin holds a file NAME.yaml for each recipe that comes along. Its first
// line is a comment that says what it does. A file that is added here is a
// recipe.
//
//go:embed builtin/*.yaml
var builtin embed.FS

// A Builtin is a recipe that comes with the program.
type Builtin struct {
	Name  string
	About string // one line
	Text  []byte // YAML with comments
}

// Builtins lists the recipes that come with the program, by name.
func Builtins() []Builtin { return embedded(builtin, "builtin") }

// embedded lists the YAML files of a folder in the program.
func embedded(files embed.FS, dir string) []Builtin {
	entries, err := files.ReadDir(dir)
	if err != nil {
		panic("internal error: recipe: " + err.Error())
	}
	var all []Builtin
	for _, e := range entries {
		text, err := fs.ReadFile(files, path.Join(dir, e.Name()))
		if err != nil {
			panic("internal error: recipe: " + err.Error())
		}
		first, _, _ := strings.Cut(string(text), "\n")
		all = append(all, Builtin{strings.TrimSuffix(e.Name(), ".yaml"), strings.TrimPrefix(first, "# "), text})
	}
	return all
}

// An UnknownError is a name that is neither a recipe nor a file.
type UnknownError struct {
	Name  string
	Known []string // names of recipes
}

// Error names the nearest recipe.
func (e *UnknownError) Error() string {
	if n, ok := config.Nearest(e.Name, e.Known); ok {
		return fmt.Sprintf("unknown recipe %s; did you mean %s?", e.Name, n)
	}
	return fmt.Sprintf("unknown recipe %s; there are %s, and files such as my.yaml", e.Name, strings.Join(e.Known, ", "))
}

// Source returns the text of a recipe, a built-in name or a file, and the path
// that messages about it show.
func Source(name string) (text []byte, shown string, err error) {
	var known []string
	for _, b := range Builtins() {
		if b.Name == name {
			return b.Text, name + ".yaml", nil
		}
		known = append(known, b.Name)
	}
	if st, err := os.Stat(name); err == nil && st.IsDir() {
		return nil, "", fmt.Errorf("%s is a folder, and a recipe is a file: gradus recipe new images --data %s begins one for the images in a folder", name, name)
	}
	text, err = os.ReadFile(name)
	if err != nil && !strings.ContainsAny(name, `/\.`) {
		return nil, "", &UnknownError{name, known}
	}
	return text, name, err
}

// Read reads a recipe, a built-in name or a file, with some settings KEY=VALUE
// over it, and checks it. Keys that are missing have the settings of [Default].
// All mistakes are reported, with their places.
func Read(name string, set ...string) (Recipe, error) {
	text, shown, err := Source(name)
	if err != nil {
		return Recipe{}, err
	}
	return Parse(text, shown, set...)
}

// Parse is as [Read] with the text of a recipe, whose path only serves messages
// and gives a run its name where the recipe gives none.
func Parse(text []byte, shown string, set ...string) (Recipe, error) {
	d, err := document(text, shown, set)
	if err != nil {
		return Recipe{}, err
	}
	r := Default()
	r.Name = strings.TrimSuffix(filepath.Base(shown), filepath.Ext(shown))
	if err := d.Decode(&r, Kinds()); err != nil {
		return Recipe{}, err
	}
	if err := r.Validate(); err != nil {
		return Recipe{}, d.Locate(err)
	}
	return r, nil
}

// document parses a recipe, and sets what is to stand over it.
func document(text []byte, shown string, set []string) (*config.Document, error) {
	d, err := config.Parse(text, shown)
	if err != nil {
		return nil, err
	}
	if err := d.CheckFormat(Format); err != nil {
		return nil, err
	}
	for _, s := range set {
		if err := d.Set(s); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Locate adds to what [Recipe.Open] found wrong the places of the keys in the
// recipe, whose name and settings are those of [Read].
func Locate(err error, name string, set ...string) error {
	text, shown, failed := Source(name)
	if failed != nil {
		return err
	}
	d, failed := document(text, shown, set)
	if failed != nil {
		return err
	}
	return d.Locate(err)
}

// Encode writes a recipe with all its settings as YAML, which [Parse] reads.
func Encode(r Recipe) ([]byte, error) { return config.Encode(r, Kinds()) }
