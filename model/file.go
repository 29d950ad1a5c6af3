package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/model/layers"
)

// typeKey is the key of config.json that names the family.
const typeKey = "model_type"

// read reads the fields of a family's config: a struct with a field for the
// family, and those of the config beside it. A key that is missing, since the file
// is of an earlier version, has the family's default.
func read(family string, text []byte, path string) (Config, error) {
	var all []string
	for _, k := range Kinds() {
		if k.Name != family {
			all = append(all, k.Name)
			continue
		}
		file := reflect.New(reflect.StructOf([]reflect.StructField{
			{Name: "Type", Type: reflect.TypeFor[string](), Tag: `yaml:"` + typeKey + `"`},
			{Name: "Config", Type: reflect.TypeOf(k.Default), Tag: `yaml:",inline"`},
		}))
		file.Elem().Field(1).Set(reflect.ValueOf(k.Default))
		err := config.Decode(text, path, file.Interface(), kinds())
		return file.Elem().Field(1).Interface().(Config), err
	}
	return nil, fmt.Errorf("%s: there is no model family %q; there are %s", path, family, strings.Join(all, ", "))
}

// kinds are those of all that a config holds.
func kinds() config.Kinds {
	all := layers.Nested()
	all[reflect.TypeFor[Config]()] = Kinds()
	return all
}

// WriteConfig writes config.json for a complete config: the family under
// "model_type", then the config's fields.
func WriteConfig(w io.Writer, cfg Config) error {
	n, err := Complete(cfg)
	if err != nil {
		return err
	}
	text, err := config.EncodeJSON(cfg, kinds())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "{\n  %q: %q,%s", typeKey, n.Type, bytes.TrimPrefix(text, []byte("{")))
	return err
}

// ReadConfig makes the model that a config.json describes.
func ReadConfig(path string) (*Network, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return ParseConfig(text, path)
}

// ParseConfig makes the model that the text of a config.json describes. The path
// serves messages.
func ParseConfig(text []byte, path string) (*Network, error) {
	n, err := decode(text, path)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return n, nil
}

func decode(text []byte, path string) (*Network, error) {
	if _, err := config.Parse(text, path); err != nil {
		return nil, err
	}
	var named map[string]json.RawMessage
	var family string
	if json.Unmarshal(text, &named) != nil || json.Unmarshal(named[typeKey], &family) != nil {
		return nil, fmt.Errorf("%s: want the name of a model family under %q", path, typeKey)
	}
	cfg, err := read(family, text, path)
	if err != nil {
		return nil, err
	}
	n, err := Complete(cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}
