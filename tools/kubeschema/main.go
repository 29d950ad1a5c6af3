// Command kubeschema makes, of Kubernetes' api/openapi-spec/swagger.json, a JSON
// Schema of the kinds that deploy/kubernetes has, without descriptions, and strict:
// a key that a kind lacks is a mistake. The test of deploy/ holds the manifests to
// it.
//
//	go mod download k8s.io/kubernetes@v1.34.4   # in a folder with any go.mod
//	go run ./tools/kubeschema $(go env GOMODCACHE)/k8s.io/kubernetes@v1.34.4/api/openapi-spec/swagger.json 1.34.4 > deploy/testdata/kubernetes.json
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
)

// kinds are the definitions that manifests may be, by apiVersion and kind.
var kinds = map[string]string{
	"v1 Namespace":                           "io.k8s.api.core.v1.Namespace",
	"v1 ConfigMap":                           "io.k8s.api.core.v1.ConfigMap",
	"v1 Secret":                              "io.k8s.api.core.v1.Secret",
	"v1 Service":                             "io.k8s.api.core.v1.Service",
	"v1 PersistentVolumeClaim":               "io.k8s.api.core.v1.PersistentVolumeClaim",
	"apps/v1 Deployment":                     "io.k8s.api.apps.v1.Deployment",
	"autoscaling/v2 HorizontalPodAutoscaler": "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
	"policy/v1 PodDisruptionBudget":          "io.k8s.api.policy.v1.PodDisruptionBudget",
	"networking.k8s.io/v1 NetworkPolicy":     "io.k8s.api.networking.v1.NetworkPolicy",
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("kubeschema wants swagger.json and its version")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var swagger struct {
		Definitions map[string]map[string]any
	}
	if err := json.Unmarshal(text, &swagger); err != nil {
		log.Fatal(err)
	}
	out := map[string]any{}
	var add func(name string)
	var strict func(v any) any
	strict = func(v any) any {
		switch v := v.(type) {
		case []any:
			for i := range v {
				v[i] = strict(v[i])
			}
		case map[string]any:
			if to, ok := v["$ref"].(string); ok {
				name := strings.TrimPrefix(to, "#/definitions/")
				add(name)
				return map[string]any{"$ref": "#/$defs/" + name}
			}
			s := map[string]any{}
			for key, inner := range v {
				switch _, text := inner.(string); {
				case key == "description" && text, strings.HasPrefix(key, "x-kubernetes"):
				case key == "properties":
					properties := map[string]any{}
					for name, p := range inner.(map[string]any) {
						properties[name] = strict(p)
					}
					s[key], s["additionalProperties"] = properties, false
				default:
					s[key] = strict(inner)
				}
			}
			if s["format"] == "int-or-string" {
				return map[string]any{"type": []any{"integer", "string"}}
			}
			delete(s, "format")
			return s
		}
		return v
	}
	add = func(name string) {
		if out[name] == nil {
			out[name] = true // under way
			out[name] = strict(swagger.Definitions[name])
		}
	}
	refs := map[string]any{}
	for kind, name := range kinds {
		add(name)
		refs[kind] = map[string]any{"$ref": "#/$defs/" + name}
	}
	b, err := json.Marshal(map[string]any{
		"$comment":   "Of api/openapi-spec/swagger.json of Kubernetes " + os.Args[2] + ", Apache-2.0, Copyright The Kubernetes Authors. Made by tools/kubeschema: some kinds, without descriptions, strict.",
		"$defs":      out,
		"properties": refs,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(b))
}
