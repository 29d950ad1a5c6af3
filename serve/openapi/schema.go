package openapi

import (
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/predict"
)

// values are the schemas of what columns take in JSON: what package columns
// takes, and no more. A list of one value is that value.
func values() object {
	with := func(name string, missing bool, schemas ...any) (string, object) {
		if missing {
			name += "OrNull"
			schemas = append(schemas, object{"type": "null"})
		}
		one := object{"type": "array", "minItems": 1, "maxItems": 1, "items": ref("schemas/" + name)}
		return name, object{"anyOf": append(schemas, one)}
	}
	m := object{}
	add := func(name string, schema object) { m[name] = schema }
	const digits = `[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?`
	number := object{"type": "number", "minimum": -math.MaxFloat32, "maximum": math.MaxFloat32}
	for _, missing := range []bool{false, true} {
		text := `^\s*` + digits + `\s*$`
		if missing {
			text = `^\s*(` + digits + `)?\s*$`
		}
		add(with("NumberValue", missing, number, object{"type": "boolean"}, object{"type": "string", "pattern": text, "description": "A number"}))
		add(with("CategoryValue", missing, object{"type": "string"}, object{"type": "integer", "minimum": math.MinInt64, "maximum": math.MaxInt64},
			object{"type": "boolean"}, ref("schemas/File")))
		add(with("TextValue", missing, object{"type": "string"}, ref("schemas/File")))
	}
	pixel := object{"type": "integer", "minimum": 0, "maximum": 255}
	pixels := object{"type": "array", "minItems": 1, "items": pixel}
	for range 2 {
		pixels = object{"type": "array", "minItems": 1, "items": object{"anyOf": list(pixel, pixels)}}
	}
	pixels["description"] = "Levels from 0 to 255: all in one list, or nested as [Y X], [C Y X] or [Y X C]"
	m["ImageValue"] = object{"anyOf": list[any](ref("schemas/File"), pixels)}
	return m
}

// value is the schema of a column's value in a row of JSON.
func value(c feature.Raw) object {
	name := ""
	switch c.Kind {
	case feature.RawNumber:
		name = "NumberValue"
	case feature.RawCategory:
		name = "CategoryValue"
	case feature.RawText, feature.RawTime:
		name = "TextValue"
	case feature.RawImage:
		return ref("schemas/ImageValue")
	case feature.RawAudio:
		return ref("schemas/File")
	default:
		v := object{"type": "number"}
		if c.DType.IsInt() {
			v["type"] = "integer"
		}
		for _, n := range slices.Backward(c.Shape.Dims()) {
			v = object{"type": "array", "minItems": n, "maxItems": n, "items": v}
		}
		return v
	}
	if c.Missing {
		name += "OrNull"
	}
	v := ref("schemas/" + name)
	if len(c.Choices) > 0 {
		v["description"] = "One of " + strings.Join(c.Choices[:min(len(c.Choices), 20)], ", ")
		if len(c.Choices) > 20 {
			v["description"] = v["description"].(string) + ", ..."
		}
		v["examples"] = list(c.Choices[:min(len(c.Choices), 20)]...)
	}
	return v
}

// row is the schema of a row.
func row(sig *engine.Signature) object {
	properties := object{}
	required := []any{}
	closed := true
	for _, c := range sig.Columns {
		properties[c.Name] = value(c)
		if !c.Missing {
			required = append(required, c.Name)
		}
		closed = closed && !strings.Contains(c.Name, ".") // user.name may also be the name of a user
	}
	s := object{"type": "object", "properties": properties, "additionalProperties": !closed}
	if closed && len(required) > 0 {
		s["required"] = required
	}
	return s
}

// rows are the schemas of a row, and of a body of rows, of a model.
func rows(sig *engine.Signature, rowRef object) object {
	one := list[any](rowRef)
	if len(sig.Columns) == 1 {
		one = append(one, value(sig.Columns[0]))
	}
	item := object{"anyOf": one}
	byColumn := object{}
	for _, c := range sig.Columns {
		byColumn[c.Name] = object{"type": "array", "minItems": 1, "items": value(c)}
	}
	columns := object{"type": "object", "properties": byColumn, "minProperties": 1, "additionalProperties": false}
	many := object{"type": "array", "minItems": 1, "items": item}
	all := append(slices.Clone(one), many,
		object{"type": "object", "required": list("rows"), "properties": object{"rows": many}, "additionalProperties": false},
		object{"type": "object", "required": list("columns"), "properties": object{"columns": columns}, "additionalProperties": false})
	return object{"anyOf": all}
}

// content is what one or several models take, by type.
func content(models ...*engine.Info) object {
	types := object{}
	for _, i := range models {
		for _, t := range predict.Takes(&i.Signature) {
			types[t] = object{"schema": object{"type": "string"}}
			if strings.HasPrefix(t, "image/") || strings.HasPrefix(t, "audio/") {
				types[t] = object{}
			}
		}
	}
	var bodies []any
	parts := object{}
	for _, i := range models {
		bodies = append(bodies, ref("schemas/"+component("Rows", i)))
		for _, c := range i.Signature.Columns {
			parts[c.Name] = object{"type": "string"}
			if c.Kind == feature.RawImage || c.Kind == feature.RawAudio {
				parts[c.Name] = object{}
			}
		}
	}
	types["application/json"] = object{"schema": bodies[0]}
	if len(bodies) > 1 {
		types["application/json"] = object{"schema": object{"anyOf": bodies}}
	}
	types["application/x-ndjson"] = object{"schema": object{"type": "string", "description": "A row of JSON a line"}}
	types["multipart/form-data"] = object{"schema": object{"type": "object", "properties": parts}}
	return types
}

// anyModel is what models take of which nothing is known.
func anyModel() object {
	types := object{"application/json": object{}}
	for _, t := range []string{"application/x-ndjson", "text/plain", "text/csv", "text/tab-separated-values"} {
		types[t] = object{"schema": object{"type": "string"}}
	}
	for _, t := range []string{"image/png", "image/jpeg", "image/webp", "image/gif", "audio/wav"} {
		types[t] = object{}
	}
	types["multipart/form-data"] = object{"schema": object{"type": "object"}}
	return types
}

var odd = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// component is the name of a schema of a model.
func component(kind string, i *engine.Info) string {
	return kind + "." + odd.ReplaceAllStringFunc(i.Name, func(s string) string { return url.QueryEscape(s) })
}

// model adds the path of a model, with what it reads and tells. It has the
// operations of every model otherwise.
func (s *Service) model(paths, schemas object, i *engine.Info) {
	sig := &i.Signature
	schemas[component("Row", i)] = row(sig)
	schemas[component("Rows", i)] = rows(sig, ref("schemas/"+component("Row", i)))
	schemas[component("Prediction", i)] = prediction(sig)

	of := paths["/v1/predict/{model}"].(object)["post"].(object)
	op := maps.Clone(of)
	op["operationId"] = "predict." + component("", i)[1:]
	op["summary"] = "Predictions of " + i.Name
	op["parameters"] = list(ref("parameters/top"))
	op["requestBody"] = object{"required": true, "content": content(i)}
	responses := maps.Clone(of["responses"].(object))
	responses["200"] = object{
		"description": "A prediction for each row",
		"content": object{
			"application/json": object{"schema": object{
				"type":     "object",
				"required": list("model", "version", "predictions", "time_ms"),
				"properties": object{
					"model":       object{"const": i.Name},
					"version":     object{"type": "string"},
					"predictions": object{"type": "array", "minItems": 1, "items": ref("schemas/" + component("Prediction", i))},
					"time_ms":     object{"type": "number", "minimum": 0},
				},
				"additionalProperties": false,
			}},
			"application/x-ndjson": object{"schema": object{"type": "string", "description": "A prediction a line"}},
			"text/csv":             object{"schema": object{"type": "string", "description": "A column for each part of a prediction"}},
		},
	}
	op["responses"] = responses
	get := maps.Clone(paths["/v1/predict/{model}"].(object)["get"].(object))
	get["operationId"] = "describe." + component("", i)[1:]
	delete(get, "parameters")
	paths["/v1/predict/"+url.PathEscape(i.Name)] = object{"get": get, "post": op}
}

// prediction is the schema of what is told of a row.
func prediction(sig *engine.Signature) object {
	properties := object{}
	var required []any
	for _, o := range sig.Outputs {
		if _, ok := properties[o.Target]; ok {
			continue // the first one is what the target is known by
		}
		required = append(required, o.Target)
		properties[o.Target] = result(o)
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// result is the schema of what is told of a target.
func result(o engine.Output) object {
	probabilities := func() object {
		p := object{}
		for _, l := range o.Labels {
			p[l] = ref("schemas/Probability")
		}
		return object{"type": "object", "properties": p, "additionalProperties": false}
	}
	switch o.Role {
	case engine.Class:
		return ref("schemas/ClassResult")
	case engine.Probabilities:
		return object{"type": "object", "required": list("classes", "probabilities"), "properties": object{
			"classes":       object{"type": "array", "items": object{"enum": list(o.Labels...)}},
			"probabilities": probabilities(),
		}, "additionalProperties": false}
	case engine.Value:
		if len(o.Labels) == 1 {
			return object{"type": "number", "description": "In its own unit"}
		}
		numbers := object{}
		for _, l := range o.Labels {
			numbers[l] = object{"type": "number"}
		}
		return object{"type": "object", "properties": numbers, "additionalProperties": false}
	}
	return ref("schemas/Result")
}
