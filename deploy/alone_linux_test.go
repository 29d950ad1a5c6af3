package deploy

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// runAlone runs the program in a root of its own.
func runAlone(t *testing.T, root string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Log("not root: not run alone")
		return
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/gradus", "version")
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "gradus ") {
		t.Errorf("%v: %s", err, out)
	}
}
