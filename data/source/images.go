package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Images reads a folder of images: a folder below it for each class, or a
// table of labels beside them, or a folder of masks. Columns are image, the
// content of the file as it is, and path, its name from Path on with slashes; then
// label, the name of the folder right below Path, or the columns of the table, or
// mask, the content of a file of the same name but for the ending.
//
// A Table keeps the names alone, and reads a file when its image is asked for.
// Whether that is an image is found out by who decodes it.
type Images struct {
	// Path names the folder: local, or s3://bucket/folder; with Labels also
	// http://host/folder.
	Path string `yaml:"path" json:"path"`
	// Endings are those of the files to take, in either case. Empty takes
	// all.
	Endings []string `yaml:"endings" json:"endings"`
	// Labels is the table, with a row for each image to take. Without one,
	// folders are classes.
	Labels Config `yaml:"labels" json:"labels"`
	// Column is the one of Labels that names the files, from Path on. It
	// becomes path.
	Column string `yaml:"column" json:"column"`
	// Masks is a folder with a PNG file for each image, under the name that
	// the image has below Path: cats/a.png for cats/a.jpg. Folders below Path
	// are no classes then.
	Masks *string `yaml:"masks" json:"masks"`
}

// DefaultImages takes the usual endings; a table of labels names files in its
// column "path".
func DefaultImages() Images {
	return Images{
		Endings: []string{".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"},
		Column:  "path",
	}
}

// The columns of Images.
const (
	imageColumn = "image"
	pathColumn  = "path"
	labelColumn = "label"
	maskColumn  = "mask"
)

// Validate tells all that is wrong with the settings.
func (c Images) Validate() error {
	var errs []error
	if c.Path == "" {
		errs = append(errs, errors.New("images: path is empty, want a folder"))
	}
	for _, e := range c.Endings {
		if !strings.HasPrefix(e, ".") {
			errs = append(errs, fmt.Errorf("images: ending %q, want one with its dot, such as .png", e))
		}
	}
	if c.Masks != nil && *c.Masks == "" {
		errs = append(errs, errors.New("images: masks is empty, want a folder, or null"))
	}
	if c.Masks != nil && c.Labels != nil {
		errs = append(errs, errors.New("images: masks and labels are given; want one of them"))
	}
	if c.Labels != nil {
		if c.Column == "" {
			errs = append(errs, errors.New("images: column is empty, want the one of labels that names the files"))
		}
		errs = append(errs, c.Labels.Validate())
	} else if strings.HasPrefix(c.Path, "http://") || strings.HasPrefix(c.Path, "https://") {
		errs = append(errs, fmt.Errorf("images: %s: folders of a web server can't be listed: give labels, a table that names the files", c.Path))
	}
	return errors.Join(errs...)
}

// takes tells whether a name has one of the endings.
func (c Images) takes(name string) bool {
	return len(c.Endings) == 0 || slices.ContainsFunc(c.Endings, func(e string) bool {
		return len(name) >= len(e) && strings.EqualFold(name[len(name)-len(e):], e)
	})
}

// root is Path as it begins names of files.
func (c Images) root() string { return below(c.Path) }

// below is a folder as it begins names of files.
func below(folder string) string {
	if root := strings.TrimRight(filepath.ToSlash(folder), "/"); root != "" {
		return root + "/"
	}
	return "/"
}

// Open lists the files, and looks whether those that labels name are there.
func (c Images) Open(ctx context.Context, files Files) (Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Labels == nil {
		return c.folders(ctx, files)
	}
	labels, err := c.Labels.Open(ctx, files)
	if err != nil {
		return nil, err
	}
	t, err := c.labelled(ctx, files, labels)
	if err != nil {
		return nil, errors.Join(err, labels.Close())
	}
	return t, nil
}

// Stream finds the files of folders, or opens the stream of labels.
func (c Images) Stream(ctx context.Context, files Files) (Stream, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Labels == nil {
		t, err := c.folders(ctx, files)
		if err != nil {
			return nil, err
		}
		return Sequence(t), nil
	}
	labels, err := c.Labels.Stream(ctx, files)
	if err != nil {
		return nil, err
	}
	columns, at, err := c.join(labels.Columns())
	if err != nil {
		return nil, err
	}
	return &labelledStream{c, files, labels, columns, at}, nil
}

// A folderTable is images in the folders of their classes, or with masks.
type folderTable struct {
	files Files
	root  string
	names []string // as files opens them
	masks []string // of each, nil without masks
}

func (c Images) folders(ctx context.Context, files Files) (*folderTable, error) {
	root := c.root()
	names, err := files.Find(ctx, literal(root)+"**")
	if err != nil {
		return nil, fmt.Errorf("%s is no folder with images: %w", c.Path, err)
	}
	t := &folderTable{files: files, root: root}
	masks, err := c.masks(ctx, files)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !c.takes(name) {
			continue
		}
		rel, ok := strings.CutPrefix(filepath.ToSlash(name), root)
		if c.Masks != nil {
			mask, ok := masks[stem(rel)]
			if !ok {
				return nil, fmt.Errorf("%s: the image has no mask: want %s%s.png", name, below(*c.Masks), stem(rel))
			}
			t.names, t.masks = append(t.names, name), append(t.masks, mask)
			continue
		}
		if class, _, below := strings.Cut(rel, "/"); !ok || !below || class == "" {
			return nil, fmt.Errorf("%s: the file is in no class: want a folder for each class below %s, or labels, a table that names the files", name, c.Path)
		}
		t.names = append(t.names, name)
	}
	if len(t.names) == 0 {
		return nil, fmt.Errorf("%s: none of its files, %d in all, ends in %s", c.Path, len(names), strings.Join(c.Endings, ", "))
	}
	return t, nil
}

// masks are the PNG files of masks by their names without the ending.
func (c Images) masks(ctx context.Context, files Files) (map[string]string, error) {
	if c.Masks == nil {
		return nil, nil
	}
	root := below(*c.Masks)
	names, err := files.Find(ctx, literal(root)+"**")
	if err != nil {
		return nil, fmt.Errorf("%s is no folder with masks: %w", *c.Masks, err)
	}
	masks := map[string]string{}
	for _, name := range names {
		if rel, ok := strings.CutPrefix(filepath.ToSlash(name), root); ok && strings.EqualFold(path.Ext(rel), ".png") {
			masks[stem(rel)] = name
		}
	}
	return masks, nil
}

// stem is a name without its ending.
func stem(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

func (t *folderTable) Columns() []Column {
	if t.masks != nil {
		return []Column{{imageColumn, Binary}, {pathColumn, Text}, {maskColumn, Binary}}
	}
	return []Column{{imageColumn, Binary}, {pathColumn, Text}, {labelColumn, Text}}
}

func (t *folderTable) Len() int { return len(t.names) }

func (t *folderTable) Read(dst []any, i int, columns []int) error {
	rel := filepath.ToSlash(t.names[i])[len(t.root):]
	for k, c := range columns {
		switch c {
		case 0:
			content, err := readLocal(context.Background(), t.files, t.names[i])
			if err != nil {
				return err
			}
			dst[k] = content
		case 1:
			dst[k] = rel
		case 2:
			if t.masks != nil {
				content, err := readLocal(context.Background(), t.files, t.masks[i])
				if err != nil {
					return err
				}
				dst[k] = content
				continue
			}
			dst[k], _, _ = strings.Cut(rel, "/")
		}
	}
	return nil
}

func (t *folderTable) Where(i int) string { return t.names[i] }

func (t *folderTable) Close() error { return nil }

// join gives the columns of images with a table of labels, and the place of
// the files' names in it.
func (c Images) join(labels []Column) (columns []Column, at int, err error) {
	index, err := Index(labels, c.Column)
	if err != nil {
		return nil, 0, fmt.Errorf("images: labels: %w", err)
	}
	at = index[0]
	if labels[at].Kind != Text {
		return nil, 0, fmt.Errorf("images: labels: column %s is %v, want text, the names of files", c.Column, labels[at].Kind)
	}
	columns = []Column{{imageColumn, Binary}, {pathColumn, Text}}
	for i, l := range labels {
		if i == at {
			continue
		}
		if l.Name == imageColumn || l.Name == pathColumn {
			return nil, 0, fmt.Errorf("images: labels: column %s has the name of the images' own: rename it", l.Name)
		}
		columns = append(columns, l)
	}
	return columns, at, nil
}

// labelsAt is the column of labels that column number c, from 2 on, of a join
// is.
func labelsAt(c, at int) int {
	if c-2 < at {
		return c - 2
	}
	return c - 1
}

// find looks for the file that a row of labels names.
func (c Images) find(ctx context.Context, files Files, name any, where string) (string, error) {
	rel, ok := name.(string)
	if !ok {
		return "", fmt.Errorf("%s: column %s: no value, want the name of a file", where, c.Column)
	}
	if !fs.ValidPath(path.Clean(rel)) {
		return "", fmt.Errorf("%s: column %s: %q leads out of %s", where, c.Column, rel, c.Path)
	}
	root := c.root()
	if strings.HasPrefix(root, "http://") || strings.HasPrefix(root, "https://") {
		return root + (&url.URL{Path: rel}).EscapedPath(), nil
	}
	found, err := files.Find(ctx, literal(root+rel))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%s%s names %d files", root, rel, len(found))
	}
	if err != nil {
		return "", fmt.Errorf("%s: column %s: %w", where, c.Column, err)
	}
	return found[0], nil
}

// A labelledTable is images that a table names.
type labelledTable struct {
	files   Files
	names   []string
	paths   []string
	labels  Table
	columns []Column
	at      int
}

func (c Images) labelled(ctx context.Context, files Files, labels Table) (*labelledTable, error) {
	columns, at, err := c.join(labels.Columns())
	if err != nil {
		return nil, err
	}
	t := &labelledTable{files: files, labels: labels, columns: columns, at: at}
	var row [1]any
	for i := range labels.Len() {
		if err := labels.Read(row[:], i, []int{at}); err != nil {
			return nil, err
		}
		name, err := c.find(ctx, files, row[0], labels.Where(i))
		if err != nil {
			return nil, err
		}
		t.names = append(t.names, name)
		t.paths = append(t.paths, row[0].(string))
	}
	return t, nil
}

func (t *labelledTable) Columns() []Column { return t.columns }

func (t *labelledTable) Len() int { return len(t.names) }

func (t *labelledTable) Read(dst []any, i int, columns []int) error {
	var places, rest []int
	for k, c := range columns {
		switch c {
		case 0:
			content, err := readLocal(context.Background(), t.files, t.names[i])
			if err != nil {
				return fmt.Errorf("%s: %w", t.labels.Where(i), err)
			}
			dst[k] = content
		case 1:
			dst[k] = t.paths[i]
		default:
			places, rest = append(places, k), append(rest, labelsAt(c, t.at))
		}
	}
	if len(rest) == 0 {
		return nil
	}
	values := make([]any, len(rest))
	if err := t.labels.Read(values, i, rest); err != nil {
		return err
	}
	for n, k := range places {
		dst[k] = values[n]
	}
	return nil
}

// Where names the file, which messages are mostly about.
func (t *labelledTable) Where(i int) string { return t.names[i] }

func (t *labelledTable) Close() error { return t.labels.Close() }

// A labelledStream is images that a stream names.
type labelledStream struct {
	config  Images
	files   Files
	labels  Stream
	columns []Column
	at      int
}

func (s *labelledStream) Columns() []Column { return s.columns }

func (s *labelledStream) Rows(ctx context.Context, columns []int, from int) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		wanted := []int{s.at}
		for _, c := range columns {
			if c >= 2 {
				wanted = append(wanted, labelsAt(c, s.at))
			}
		}
		row := Row{Values: make([]any, len(columns))}
		for l, err := range s.labels.Rows(ctx, wanted, from) {
			if err == nil {
				err = s.fill(ctx, &row, columns, l)
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// fill makes a row of one of labels, whose first value is the file's name.
func (s *labelledStream) fill(ctx context.Context, row *Row, columns []int, labels Row) (err error) {
	if row.Where, err = s.config.find(ctx, s.files, labels.Values[0], labels.Where); err != nil {
		return err
	}
	rest := labels.Values[1:]
	for k, c := range columns {
		switch c {
		case 0:
			if row.Values[k], err = readAll(ctx, s.files, row.Where); err != nil {
				return fmt.Errorf("%s: %w", labels.Where, err)
			}
		case 1:
			row.Values[k] = labels.Values[0]
		default:
			row.Values[k], rest = rest[0], rest[1:]
		}
	}
	return nil
}

// maxFile is the most bytes that one value may have.
const maxFile = 1 << 30

// readLocal reads a file by its local copy, which is made at the first time.
func readLocal(ctx context.Context, files Files, name string) ([]byte, error) {
	local, err := files.Local(ctx, name)
	if err != nil {
		return nil, err
	}
	if st, err := os.Stat(local); err == nil && st.Size() > maxFile {
		return nil, fmt.Errorf("%s: %d bytes, at most %d are taken as one value", name, st.Size(), maxFile)
	}
	return os.ReadFile(local)
}

// readAll reads a file from where it is.
func readAll(ctx context.Context, files Files, name string) ([]byte, error) {
	f, err := files.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("%s: at most %d bytes are taken as one value", name, maxFile)
	}
	return content, err
}

// literal is the pattern that names just this file.
func literal(name string) string { return literals.Replace(name) }

var literals = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]", "{", "[{]", "}", "[}]")
