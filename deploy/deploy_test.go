// Package deploy holds what runs the server elsewhere, and here to what it says:
// flags are there, settings are valid, manifests are what Kubernetes takes, names
// in one file are those of the others, and the program needs nothing of a system.
package deploy

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gradus-ml/gradus/internal/cli"
	"github.com/gradus-ml/gradus/serve"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/serve/telemetry"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// An object is a manifest.
type object map[string]any

// at follows keys, and numbers of lists; nil where there is nothing.
func (o object) at(path ...any) any {
	var v any = map[string]any(o)
	for _, p := range path {
		switch key := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[key]
		case int:
			l, _ := v.([]any)
			if key >= len(l) {
				return nil
			}
			v = l[key]
		}
	}
	return v
}

// list is a list, or none.
func list(v any) []any { l, _ := v.([]any); return l }

// parse reads the documents of a file.
func parse(t *testing.T, name string) []object {
	t.Helper()
	var all []object
	for _, text := range strings.Split(read(t, name), "\n---\n") {
		b, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var o object
		if err := json.Unmarshal(b, &o); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, o)
	}
	return all
}

// manifests are all of Kubernetes, by kind and name.
func manifests(t *testing.T) map[string]object {
	t.Helper()
	files, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]object{}
	for _, f := range files {
		for _, o := range parse(t, f) {
			name, _ := o.at("metadata", "name").(string)
			kind, _ := o["kind"].(string)
			if all[kind+" "+name] != nil {
				t.Errorf("%s: a second %s %s", f, kind, name)
			}
			all[kind+" "+name] = o
		}
	}
	return all
}

// Manifests are what Kubernetes takes, to the last key.
func TestManifestsAreValid(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(read(t, "testdata/kubernetes.json")))
	if err != nil {
		t.Fatal(err)
	}
	schemas := jsonschema.NewCompiler()
	if err := schemas.AddResource("kubernetes.json", doc); err != nil {
		t.Fatal(err)
	}
	validate := func(o object) error {
		kind := o["apiVersion"].(string) + " " + o["kind"].(string)
		s, err := schemas.Compile("kubernetes.json#/properties/" + strings.NewReplacer("/", "~1", " ", "%20").Replace(kind))
		if err != nil {
			return err
		}
		var text bytes.Buffer
		if err := json.NewEncoder(&text).Encode(o); err != nil {
			return err
		}
		v, err := jsonschema.UnmarshalJSON(&text)
		if err != nil {
			return err
		}
		return s.Validate(v)
	}
	seen := 0
	for name, o := range manifests(t) {
		if o["kind"] == "Kustomization" || o["kind"] == "ServiceMonitor" { // not Kubernetes' own
			continue
		}
		seen++
		if err := validate(o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if seen < 9 {
		t.Errorf("only %d manifests were checked", seen)
	}
	// The schema finds mistakes.
	for _, c := range []struct {
		path  []any
		key   string
		value any
	}{
		{[]any{"spec"}, "replica", 2.0},
		{[]any{"spec", "template", "spec", "containers", 0, "readinessProbe"}, "periodSecond", 1.0},
		{[]any{"spec", "template", "spec", "containers", 0, "securityContext"}, "runAsUser", "nobody"},
	} {
		o := manifests(t)["Deployment gradus"]
		o.at(c.path...).(map[string]any)[c.key] = c.value
		if validate(o) == nil {
			t.Errorf("%s %v is not found", c.key, c.value)
		}
	}
}

// What one manifest says of another is so.
func TestManifestsAgree(t *testing.T) {
	all := manifests(t)
	d := all["Deployment gradus"]
	pod := object(d.at("spec", "template").(map[string]any))
	labels := pod.at("metadata", "labels").(map[string]any)
	selects := func(what string, v any) {
		t.Helper()
		for key, value := range v.(map[string]any) {
			if labels[key] != value {
				t.Errorf("%s selects %s %v, the pods have %v", what, key, value, labels[key])
			}
		}
	}
	selects("Deployment", d.at("spec", "selector", "matchLabels"))
	selects("Service gradus", all["Service gradus"].at("spec", "selector"))
	selects("Service gradus-admin", all["Service gradus-admin"].at("spec", "selector"))
	selects("PodDisruptionBudget", all["PodDisruptionBudget gradus"].at("spec", "selector", "matchLabels"))
	selects("NetworkPolicy", all["NetworkPolicy gradus"].at("spec", "podSelector", "matchLabels"))

	ports := map[any]any{}
	for _, p := range list(pod.at("spec", "containers", 0, "ports")) {
		ports[object(p.(map[string]any))["name"]] = object(p.(map[string]any))["containerPort"]
	}
	for _, name := range []string{"Service gradus", "Service gradus-admin"} {
		for _, p := range list(all[name].at("spec", "ports")) {
			if to := p.(map[string]any)["targetPort"]; ports[to] == nil {
				t.Errorf("%s: the pods have no port %v", name, to)
			}
		}
	}
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		path, port := pod.at("spec", "containers", 0, probe, "httpGet", "path"), pod.at("spec", "containers", 0, probe, "httpGet", "port")
		if want := map[bool]string{true: "/livez", false: "/readyz"}[probe == "livenessProbe"]; path != want || port != "http" {
			t.Errorf("%s asks %v at port %v", probe, path, port)
		}
	}
	for _, rule := range list(all["NetworkPolicy gradus"].at("spec", "ingress")) {
		for _, p := range list(rule.(map[string]any)["ports"]) {
			if port := p.(map[string]any)["port"]; ports[port] == nil {
				t.Errorf("NetworkPolicy: the pods have no port %v", port)
			}
		}
	}
	monitor := all["ServiceMonitor gradus"]
	for key, value := range monitor.at("spec", "selector", "matchLabels").(map[string]any) {
		if all["Service gradus-admin"].at("metadata", "labels", key) != value || all["Service gradus"].at("metadata", "labels", "app.kubernetes.io/component") != nil {
			t.Errorf("ServiceMonitor selects %s %v", key, value)
		}
	}
	if port := monitor.at("spec", "endpoints", 0, "port"); port != all["Service gradus-admin"].at("spec", "ports", 0, "name") {
		t.Errorf("ServiceMonitor: there is no port %v", port)
	}
	if target := all["HorizontalPodAutoscaler gradus"].at("spec", "scaleTargetRef", "name"); target != "gradus" {
		t.Errorf("HorizontalPodAutoscaler of %v", target)
	}

	// Mounts, and what they are of.
	volumes := map[any]object{}
	for _, v := range list(pod.at("spec", "volumes")) {
		volumes[v.(map[string]any)["name"]] = v.(map[string]any)
	}
	mounts := map[any]any{}
	for _, m := range list(pod.at("spec", "containers", 0, "volumeMounts")) {
		m := object(m.(map[string]any))
		if volumes[m["name"]] == nil || m["readOnly"] != true {
			t.Errorf("mount %v", m)
		}
		mounts[m["mountPath"]] = m["name"]
	}
	for what, name := range map[string]any{
		"ConfigMap ":             volumes["settings"].at("configMap", "name"),
		"Secret ":                volumes["keys"].at("secret", "secretName"),
		"PersistentVolumeClaim ": volumes["models"].at("persistentVolumeClaim", "claimName"),
	} {
		if all[what+name.(string)] == nil {
			t.Errorf("there is no %s%v", what, name)
		}
	}

	// The settings are valid, and those of the manifests around them.
	c, err := serve.Read([]byte(all["ConfigMap gradus"].at("data", "serve.yaml").(string)), "serve.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{c.Listen + " http", c.Admin + " admin"} {
		at, name, _ := strings.Cut(address, " ")
		if number, _ := ports[name].(float64); at != ":"+jsonText(number) {
			t.Errorf("the server listens at %s, the pods have port %v for %s", at, ports[name], name)
		}
	}
	if dir, file := filepath.Split(c.Keys.File); mounts[filepath.Clean(dir)] == nil || !strings.Contains(all["Secret gradus-keys"].at("stringData", file).(string), ":sha256:") {
		t.Errorf("keys are looked for in %s", c.Keys.File)
	}
	for _, m := range c.Models {
		if mounts[filepath.Dir(m.Run)] == nil {
			t.Errorf("model %s is looked for in %s", m.Name, m.Run)
		}
	}
	grace, _ := pod.at("spec", "terminationGracePeriodSeconds").(float64)
	if need := c.Timeouts.Delay + c.Timeouts.Drain + 5*time.Second; time.Duration(grace)*time.Second < need {
		t.Errorf("pods have %v s to end, the server needs %v", grace, need)
	}
	// Until all know that a pod is going, it must have been seen not to be ready.
	period, _ := pod.at("spec", "containers", 0, "readinessProbe", "periodSeconds").(float64)
	failures, _ := pod.at("spec", "containers", 0, "readinessProbe", "failureThreshold").(float64)
	if seen := time.Duration(period*failures) * time.Second; c.Timeouts.Delay < seen {
		t.Errorf("the server waits for %v, and is seen to be going after %v", c.Timeouts.Delay, seen)
	}

	// All that is there is applied, but for the example of the secrets.
	files, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var applied []string
	for _, r := range list(parse(t, "kubernetes/kustomization.yaml")[0]["resources"]) {
		applied = append(applied, r.(string))
	}
	for _, f := range files {
		if base := filepath.Base(f); slices.Contains(applied, base) == (base == "kustomization.yaml" || base == "secret.yaml") {
			t.Errorf("%s: applied or not, it should be the other way", base)
		}
	}
}

func jsonText(v any) string { b, _ := json.Marshal(v); return string(b) }

// Pods keep to the profile "restricted" of Kubernetes' Pod Security Standards.
func TestPodsAreRestricted(t *testing.T) {
	spec := object(manifests(t)["Deployment gradus"].at("spec", "template", "spec").(map[string]any))
	for _, c := range []struct {
		path []any
		want any
	}{
		{[]any{"securityContext", "runAsNonRoot"}, true},
		{[]any{"securityContext", "seccompProfile", "type"}, "RuntimeDefault"},
		{[]any{"automountServiceAccountToken"}, false},
		{[]any{"hostNetwork"}, nil},
		{[]any{"hostPID"}, nil},
		{[]any{"hostIPC"}, nil},
		{[]any{"containers", 0, "securityContext", "allowPrivilegeEscalation"}, false},
		{[]any{"containers", 0, "securityContext", "readOnlyRootFilesystem"}, true},
		{[]any{"containers", 0, "securityContext", "privileged"}, nil},
		{[]any{"containers", 0, "securityContext", "capabilities", "drop"}, []any{"ALL"}},
		{[]any{"containers", 0, "securityContext", "capabilities", "add"}, nil},
		{[]any{"containers", 1}, nil},
		{[]any{"initContainers"}, nil},
	} {
		if got := spec.at(c.path...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v is %v, want %v", c.path, got, c.want)
		}
	}
	for _, v := range list(spec["volumes"]) {
		if v.(map[string]any)["hostPath"] != nil {
			t.Errorf("volume %v", v)
		}
	}
}

// helps wants the command to know all words and flags of a command line.
func helps(t *testing.T, where string, args []string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cli.Run(t.Context(), append(args, "--help"), &out, &errs); code != 0 {
		t.Errorf("%s: gradus %s: %s", where, strings.Join(args, " "), &errs)
	}
	if want := "gradus " + args[0]; !strings.Contains(out.String(), want) {
		t.Errorf("%s: gradus %s is not about %s:\n%s", where, strings.Join(args, " "), want, &out)
	}
}

// words are the command line that a list of YAML or JSON is.
func words(t *testing.T, where string, v any) []string {
	t.Helper()
	var all []string
	for _, w := range list(v) {
		all = append(all, w.(string))
	}
	if len(all) == 0 {
		t.Errorf("%s: no command", where)
	}
	return all
}

// Commands and flags that stand here are those that gradus has.
func TestCommandsAreThere(t *testing.T) {
	helps(t, "deployment.yaml", words(t, "deployment.yaml", manifests(t)["Deployment gradus"].at("spec", "template", "spec", "containers", 0, "args")))
	helps(t, "compose.yaml", words(t, "compose.yaml", parse(t, "compose.yaml")[0].at("services", "gradus", "command")))

	seen := map[string]bool{}
	docker := regexp.MustCompile(`(?m)^(?:HEALTHCHECK .*)?(CMD|ENTRYPOINT) (\[.*\])$`)
	for _, m := range docker.FindAllStringSubmatch(read(t, "Dockerfile"), -1) {
		var args []string
		if err := json.Unmarshal([]byte(m[2]), &args); err != nil {
			t.Fatalf("Dockerfile: %s: %v", m[0], err)
		}
		seen[m[0][:3]] = true
		if m[1] == "ENTRYPOINT" {
			if !slices.Equal(args, []string{"/gradus"}) {
				t.Errorf("Dockerfile: %s", m[0])
			}
			continue
		}
		if args[0] == "/gradus" {
			args = args[1:]
		}
		helps(t, "Dockerfile", args)
	}
	if !seen["HEA"] || !seen["CMD"] || !seen["ENT"] {
		t.Errorf("Dockerfile has %v", seen)
	}

	exec := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/gradus (.*)$`).FindStringSubmatch(read(t, "gradus.service"))
	if exec == nil {
		t.Fatal("gradus.service starts nothing")
	}
	helps(t, "gradus.service", strings.Fields(exec[1]))

	// What the comments tell to type.
	typed := regexp.MustCompile(`(?m)^[# \t]+(?:go run \./cmd/)?gradus ([^\\\n]*[^\\\n ])`)
	lines := 0
	files, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("kubernetes/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, more...) {
		if st, err := os.Stat(name); err != nil || st.IsDir() || strings.HasSuffix(name, ".go") {
			continue
		}
		for _, m := range typed.FindAllStringSubmatch(read(t, name), -1) {
			command, _, _ := strings.Cut(m[1], "  #")
			command, _, _ = strings.Cut(command, " && ")
			if args := strings.Fields(command); args[0] == "serve" || args[0] == "train" {
				lines++
				helps(t, name, args)
			}
		}
	}
	if lines < 5 {
		t.Errorf("only %d command lines were found in comments", lines)
	}
}

// The settings of deploy/ are valid where a key file is given, as the unit does.
func TestSettings(t *testing.T) {
	c, err := serve.Read([]byte(read(t, "serve.yaml")+"\nkeys: {file: /keys}\n"), "serve.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stop := regexp.MustCompile(`(?m)^TimeoutStopSec=(\d+)s$`).FindStringSubmatch(read(t, "gradus.service"))
	if stop == nil {
		t.Fatal("no TimeoutStopSec")
	}
	limit, err := time.ParseDuration(stop[1] + "s")
	if err != nil || limit < c.Timeouts.Delay+c.Timeouts.Drain+5*time.Second {
		t.Errorf("systemd waits for %v, the server needs %v", limit, c.Timeouts.Delay+c.Timeouts.Drain)
	}
	grace, err := time.ParseDuration(parse(t, "compose.yaml")[0].at("services", "gradus", "stop_grace_period").(string))
	if d := serve.DefaultTimeouts(); err != nil || grace < d.Delay+d.Drain+5*time.Second {
		t.Errorf("compose waits for %v (%v), the server needs %v", grace, err, d.Delay+d.Drain)
	}
}

// The metric that decides on the number of pods is one that the server has.
func TestScalingMetric(t *testing.T) {
	name := manifests(t)["HorizontalPodAutoscaler gradus"].at("spec", "metrics", 0, "pods", "metric", "name").(string)
	told, err := telemetry.New()
	if err != nil {
		t.Fatal(err)
	}
	told.Watch(enginetest.Engine(t, enginetest.Mail))
	a := httptest.NewRecorder()
	told.Metrics().ServeHTTP(a, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(a.Body.String(), "\n"+name+"{") {
		t.Errorf("there is no metric %s in\n%s", name, a.Body)
	}
}

// systemd finds nothing wrong with the unit, and little that it could take away
// from it.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd-analyze here")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "gradus")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(dir, "gradus.service")
	text := strings.ReplaceAll(read(t, "gradus.service"), "/usr/local/bin/gradus", binary)
	if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit).CombinedOutput()
	if err != nil && !strings.Contains(string(out), "unrecognized option") { // before version 250
		t.Errorf("%v: %s", err, out)
	}
}

// The program of the image has no dynamic section, and runs where there is
// nothing else: no C library, no /etc, no /proc, and a user without a name.
func TestStatic(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	build := regexp.MustCompile(`(?m)^RUN CGO_ENABLED=0 .*go build (.*) -ldflags="([^"]*)" -o /gradus (\S+)$`).FindStringSubmatch(read(t, "Dockerfile"))
	if build == nil {
		t.Fatal("the Dockerfile builds nothing")
	}
	root := t.TempDir()
	binary := filepath.Join(root, "gradus")
	args := append([]string{"build"}, strings.Fields(build[1])...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, "-ldflags="+build[2], "-o", binary, build[3])...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.SectionByType(elf.SHT_DYNAMIC) != nil || slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC }) {
		t.Error("it is linked dynamically")
	}
	runAlone(t, root)
}
