package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gradus-ml/gradus/train"
)

// Fingerprint tells one state of a run folder's model from another without
// reading it: by size, time of writing and, where files have one, inode of each
// file that OpenRun would read. Equal fingerprints are the same model; another
// one may be. It is a text to compare, of no other meaning.
//
// A model that is replaced file by file has a fingerprint of its own after each.
// Whoever loads on a change takes the fingerprint before OpenRun, and looks again
// afterwards: if it is another, so may be what was read.
func Fingerprint(dir string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("%s is no run folder: %w", dir, reason(err))
	}
	defer root.Close()
	fsys := root.FS()
	names := []string{train.PreprocessFile, train.ConfigFile, train.WeightsFile}
	_, err = fs.Stat(fsys, train.WeightsFile)
	if errors.Is(err, fs.ErrNotExist) {
		names = names[:2]
		// Not all that is there is a checkpoint; what comes and goes beside them
		// does no harm.
		entries, err := fs.ReadDir(fsys, train.CheckpointsDir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s: %w", dir, err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				names = append(names, train.CheckpointsDir+"/"+e.Name())
			}
		}
	}
	var b strings.Builder
	for _, name := range names {
		st, err := fs.Stat(fsys, name)
		if err != nil {
			return "", fmt.Errorf("%s is no run folder with a model: %s: %w", dir, filepath.Join(dir, filepath.FromSlash(name)), reason(err))
		}
		fmt.Fprintf(&b, "%s %d %d %d\n", name, st.Size(), st.ModTime().UnixNano(), inode(st))
	}
	return b.String(), nil
}
