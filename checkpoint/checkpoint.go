package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/format/safetensors"
)

// Version is that of the files' format. It goes up when an older program would
// misread a file.
const Version = 1

// ErrNewer is wrapped by the error for a file of a later Version.
var ErrNewer = errors.New("written by a newer version of this program")

// A Checkpoint is the state of a run between two steps.
type Checkpoint struct {
	Step   int
	Values []safetensors.Named // of the store, by key
	State  []byte              // of the trainer, as JSON
	Score  *float64            // by which the best are kept; nil when none is known
	Time   time.Time           // of writing
	Pinned bool                // kept for good
}

// The keys of the files' metadata.
const (
	formatKey  = "format"
	versionKey = "version"
	stepKey    = "step"
	stateKey   = "state"
	scoreKey   = "score"
	timeKey    = "time"
	pinnedKey  = "pinned"
	sumKey     = "crc32c"

	format = "gradus.checkpoint"
)

// metadata is everything but the values.
func (c *Checkpoint) metadata() map[string]string {
	m := map[string]string{
		formatKey: format, versionKey: strconv.Itoa(Version),
		stepKey: strconv.Itoa(c.Step), stateKey: string(c.State), timeKey: c.Time.Format(time.RFC3339Nano),
		sumKey: fmt.Sprintf("%08x", checksum(c.Values)),
	}
	if c.Score != nil {
		m[scoreKey] = strconv.FormatFloat(*c.Score, 'g', -1, 64)
	}
	if c.Pinned {
		m[pinnedKey] = "true"
	}
	return m
}

// checksum is the CRC-32C of names and bytes, in the order of the names.
func checksum(values []safetensors.Named) uint32 {
	byName := slices.SortedFunc(slices.Values(values), func(a, b safetensors.Named) int { return cmp.Compare(a.Name, b.Name) })
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := uint32(0)
	for _, v := range byName {
		sum = crc32.Update(sum, table, []byte(v.Name))
		sum = crc32.Update(sum, table, v.Tensor.Bytes())
	}
	return sum
}

// parse reads metadata.
func (c *Checkpoint) parse(m map[string]string) error {
	if m[formatKey] != format {
		return errors.New("this is no checkpoint")
	}
	version, err := strconv.Atoi(m[versionKey])
	if err != nil {
		return fmt.Errorf("version %q is no number", m[versionKey])
	}
	if version > Version {
		return fmt.Errorf("%w (format %d, this one reads up to %d): use that version, or train anew", ErrNewer, version, Version)
	}
	if c.Step, err = strconv.Atoi(m[stepKey]); err != nil || c.Step < 0 {
		return fmt.Errorf("step %q is no count", m[stepKey])
	}
	if c.Time, err = time.Parse(time.RFC3339Nano, m[timeKey]); err != nil {
		return fmt.Errorf("time %q: %w", m[timeKey], err)
	}
	if text, ok := m[scoreKey]; ok {
		score, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("score %q is no number", text)
		}
		c.Score = &score
	}
	c.State, c.Pinned = []byte(m[stateKey]), m[pinnedKey] == "true"
	return nil
}

// name is the file of a step.
func name(step int) string { return fmt.Sprintf("step-%09d.safetensors", step) }

// Load reads a file. Every byte is checked: a file that was cut short or
// changed is an error that names it.
func Load(path string) (*Checkpoint, error) {
	return load(os.DirFS(filepath.Dir(path)), filepath.Base(path), path, true)
}

// load reads a file of a file system, without the values unless they are asked
// for.
func load(fsys fs.FS, name, path string, values bool) (*Checkpoint, error) {
	f, err := safetensors.OpenFS(fsys, name, path)
	if err == nil {
		defer f.Close()
		var c *Checkpoint
		if c, err = read(f, values); err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("checkpoint %s: %w", path, err)
}

func read(f *safetensors.File, values bool) (*Checkpoint, error) {
	c := &Checkpoint{}
	m := f.Metadata()
	if err := c.parse(m); err != nil {
		return nil, err
	}
	if !values {
		return c, nil
	}
	for _, key := range f.Names() {
		t, err := f.Tensor(key)
		if err != nil {
			return nil, err
		}
		c.Values = append(c.Values, safetensors.Named{Name: key, Tensor: t})
	}
	if got := fmt.Sprintf("%08x", checksum(c.Values)); got != m[sumKey] {
		return nil, fmt.Errorf("its checksum is %s, the file says %q: it has been changed", got, m[sumKey])
	}
	return c, nil
}

// Latest loads the newest checkpoint of a folder that is whole, and says what
// is wrong with those that are newer and not. fs.ErrNotExist is wrapped by the
// error when there is none. A checkpoint of a newer version ends the search:
// going back behind it would undo work.
func Latest(dir string) (c *Checkpoint, damaged []error, err error) {
	return LatestFS(os.DirFS(dir), dir)
}

// LatestFS is Latest in a file system, whose files must be such as
// safetensors.OpenFS reads. The folder's path serves messages.
func LatestFS(fsys fs.FS, dir string) (c *Checkpoint, damaged []error, err error) {
	names, err := list(fsys, dir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range slices.Backward(names) {
		c, err := load(fsys, name, filepath.Join(dir, name), true)
		switch {
		case err == nil:
			return c, damaged, nil
		case errors.Is(err, ErrNewer):
			return nil, damaged, err
		}
		damaged = append(damaged, err)
	}
	return nil, damaged, fmt.Errorf("%s holds no checkpoint to go on from: %w", dir, errors.Join(append(damaged, fs.ErrNotExist)...))
}

// list returns the names of the checkpoints of a folder, by step.
func list(fsys fs.FS, dir string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %s: %w", dir, err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "step-") && strings.HasSuffix(e.Name(), ".safetensors") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
