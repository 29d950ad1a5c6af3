package recipe

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/train"
)

// savedFolder makes a run folder of a small model for texts.
func savedFolder(t *testing.T, dir string, seed uint64) {
	t.Helper()
	texts := "../serve/engine/enginetest/testdata/mail/"
	if err := os.MkdirAll(filepath.Join(dir, "model"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{train.ConfigFile, train.PreprocessFile} {
		text, err := os.ReadFile(texts + filepath.Base(name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	network, err := model.ReadConfig(filepath.Join(dir, train.ConfigFile))
	if err != nil {
		t.Fatal(err)
	}
	b, err := oneThread().Backend()
	if err != nil {
		t.Fatal(err)
	}
	store, err := exec.NewStore(b, network.Module, exec.Seed(seed))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := train.SaveModel(filepath.Join(dir, train.WeightsFile), store, ""); err != nil {
		t.Fatal(err)
	}
}

func oneThread() Machine {
	m := ThisMachine()
	m.Threads = 1
	return m
}

// weights lists the values of a model, as text.
func weights(t *testing.T, s *Saved) string {
	t.Helper()
	values, err := s.Store.Export("")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, key := range s.Store.Model() {
		b.WriteString(key)
		b.Write(values[key].Bytes())
	}
	return b.String()
}

// A folder, the same in a file system, and one that has a checkpoint alone are
// one model.
func TestOpenRun(t *testing.T) {
	dir := t.TempDir()
	savedFolder(t, dir, 3)
	s, err := OpenRun(dir, oneThread())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := weights(t, s)

	files := fstest.MapFS{}
	for _, name := range []string{train.ConfigFile, train.PreprocessFile, train.WeightsFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: b}
	}
	inside, err := OpenRunFS(files, "archive", oneThread())
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	if weights(t, inside) != want {
		t.Error("the model of a file system is another one")
	}

	if err := os.Remove(filepath.Join(dir, train.WeightsFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRun(dir, oneThread()); err == nil || !strings.Contains(err.Error(), dir+" has no weights yet") {
		t.Errorf("without weights: %v", err)
	}
	d, err := checkpoint.Open(filepath.Join(dir, train.CheckpointsDir), checkpoint.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	c := checkpoint.Checkpoint{Step: 1}
	values, err := s.Store.Export("")
	if err != nil {
		t.Fatal(err)
	}
	for key, v := range values {
		c.Values = append(c.Values, safetensors.Named{Name: key, Tensor: v})
	}
	if err := d.Save(c); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(); err != nil {
		t.Fatal(err)
	}
	kept, err := OpenRun(dir, oneThread())
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	if weights(t, kept) != want {
		t.Error("the model of a checkpoint is another one")
	}
}

// No name in a run folder leads out of it, whatever stands behind the name; a
// link that stays inside is one of the user's.
func TestSecurityRow1RunFolder(t *testing.T) {
	secret := t.TempDir()
	savedFolder(t, secret, 1)
	for _, name := range []string{train.PreprocessFile, train.ConfigFile, train.WeightsFile, "model"} {
		for _, target := range []string{filepath.Join(secret, name), "../" + strings.Repeat("../", strings.Count(name, "/")) + filepath.Base(secret) + "/" + name} {
			dir := filepath.Join(filepath.Dir(secret), strings.ReplaceAll(name, "/", "-")+filepath.Base(secret))
			savedFolder(t, dir, 2)
			path := filepath.Join(dir, name)
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, path); err != nil {
				t.Skip(err) // not everybody may, on Windows
			}
			if _, err := os.Stat(path); err != nil {
				t.Fatalf("the link leads nowhere: %v", err)
			}
			s, err := OpenRun(dir, oneThread())
			if err == nil {
				s.Close()
				t.Errorf("%s -> %s was followed", name, target)
			} else if !strings.Contains(err.Error(), "escapes") {
				t.Errorf("%s -> %s: %v", name, target, err)
			}
			if _, err := Fingerprint(dir); err == nil {
				t.Errorf("%s -> %s: has a fingerprint", name, target)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}

	dir := t.TempDir()
	savedFolder(t, dir, 2)
	if err := os.Rename(filepath.Join(dir, "model"), filepath.Join(dir, "second")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("second", filepath.Join(dir, "model")); err != nil {
		t.Fatal(err)
	}
	s, err := OpenRun(dir, oneThread())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// What is no file is told, and not waited for or taken as one.
func TestOpenRunWantsFiles(t *testing.T) {
	for _, name := range []string{train.PreprocessFile, train.ConfigFile, train.WeightsFile} {
		dir := t.TempDir()
		savedFolder(t, dir, 1)
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenRun(dir, oneThread()); err == nil || !strings.Contains(err.Error(), path+": not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRun(path, oneThread()); err == nil || !strings.Contains(err.Error(), path+" is no run folder") {
		t.Errorf("a file: %v", err)
	}
}

// A fingerprint changes with each file that is read, and with nothing else.
func TestFingerprint(t *testing.T) {
	dir := t.TempDir()
	savedFolder(t, dir, 1)
	fingerprint := func() string {
		t.Helper()
		f, err := Fingerprint(dir)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	before := fingerprint()
	write := func(name string) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		b, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".new", append(b, ' '), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"report.md", train.RecipeFile, train.CheckpointsDir + "/step-000000001.safetensors"} {
		write(name)
		if fingerprint() != before {
			t.Errorf("%s changes the fingerprint", name)
		}
	}
	for _, name := range []string{train.PreprocessFile, train.ConfigFile, train.WeightsFile} {
		write(name)
		now := fingerprint()
		if now == before {
			t.Errorf("%s does not change the fingerprint", name)
		}
		before = now
	}
	if err := os.Remove(filepath.Join(dir, train.WeightsFile)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"step-000000001.safetensors", "step-000000002.safetensors"} {
		write(train.CheckpointsDir + "/" + name)
		now := fingerprint()
		if now == before {
			t.Errorf("%s does not change the fingerprint of a run without weights", name)
		}
		before = now
	}
	if _, err := Fingerprint(filepath.Join(dir, "nowhere")); err == nil || !strings.Contains(err.Error(), "nowhere is no run folder") {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, train.ConfigFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Fingerprint(dir); err == nil || !strings.Contains(err.Error(), "is no run folder with a model") {
		t.Error(err)
	}
}

// A file system that can't read from any place is told so.
func TestOpenRunFSWantsReaderAt(t *testing.T) {
	dir := t.TempDir()
	savedFolder(t, dir, 1)
	_, err := OpenRunFS(onlyRead{os.DirFS(dir)}, "archive", oneThread())
	if err == nil || !strings.Contains(err.Error(), filepath.Join("archive", "model", "model.safetensors")+": its file system reads from the beginning only") {
		t.Error(err)
	}
}

type onlyRead struct{ fs.FS }

func (o onlyRead) Open(name string) (fs.File, error) {
	f, err := o.FS.Open(name)
	return struct{ fs.File }{f}, err
}
