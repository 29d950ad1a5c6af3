package runlog

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// An Env says with what and where a run was made.
type Env struct {
	Version   string    `json:"version"`    // of this program
	GoVersion string    `json:"go_version"` // "go1.26.8"
	OS        string    `json:"os"`         // "linux"
	Arch      string    `json:"arch"`       // "amd64"
	CPU       string    `json:"cpu"`        // the processor's own name
	ISA       string    `json:"isa"`        // the instruction set of the kernels: "avx2"
	Threads   int       `json:"threads"`    // that computed
	Time      time.Time `json:"time"`       // of the start
}

// NewEnv returns an Env with what the Go runtime and the clock know filled in.
func NewEnv() Env {
	return Env{
		GoVersion: runtime.Version(),
		OS:        runtime.GOOS,
		Arch:      runtime.GOARCH,
		Time:      time.Now().Round(time.Second),
	}
}

// ReadEnv reads the env.json of a folder.
func ReadEnv(dir string) (env Env, err error) {
	text, err := os.ReadFile(filepath.Join(dir, EnvFile))
	if err == nil {
		err = json.Unmarshal(text, &env)
	}
	if err != nil {
		err = fmt.Errorf("run folder: %s: %w", EnvFile, err)
	}
	return env, err
}

// WriteEnv writes env.json.
func (r *Run) WriteEnv(env Env) error {
	return r.WriteFile(EnvFile, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(env)
	})
}
