// Proto writes the Go code of the repository's .proto files, without protoc:
//
//	cd tools/proto && go run . ../../serve/inference/pb
//
// It takes folders and writes NAME.pb.go beside each NAME.proto. Files import
// each other, and are known to reflection, by their paths from the repository's
// root. Without folders it does all that hold .proto files. Services get no code:
// their handlers are made by hand, since what protoc-gen-go-grpc writes brings
// the whole of grpc-go along.
package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "proto:", err)
		os.Exit(1)
	}
}

const root = "../.." // the repository, from the folder of this module

func run(folders []string) error {
	if len(folders) == 0 {
		var err error
		if folders, err = find(); err != nil {
			return err
		}
	}
	for _, folder := range folders {
		files, err := generate(folder)
		if err != nil {
			return err
		}
		for name, text := range files {
			if err := os.WriteFile(name, text, 0o666); err != nil {
				return err
			}
			fmt.Println(name)
		}
	}
	return nil
}

// find lists the folders of the repository that hold .proto files.
func find() ([]string, error) {
	var folders []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case filepath.Ext(p) == ".proto" && (len(folders) == 0 || folders[len(folders)-1] != filepath.Dir(p)):
			folders = append(folders, filepath.Dir(p))
		}
		return nil
	})
	return folders, err
}

// generate makes the code of a folder's .proto files, by the name of its file.
func generate(folder string) (map[string][]byte, error) {
	protos, err := filepath.Glob(filepath.Join(folder, "*.proto"))
	if err != nil {
		return nil, err
	}
	if len(protos) == 0 {
		return nil, fmt.Errorf("%s holds no .proto file", folder)
	}
	req := &pluginpb.CodeGeneratorRequest{Parameter: proto.String("paths=source_relative")}
	for _, p := range protos {
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return nil, err
		}
		req.FileToGenerate = append(req.FileToGenerate, filepath.ToSlash(rel))
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{root}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	compiled, err := compiler.Compile(context.Background(), req.FileToGenerate...)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, f := range compiled {
		req.ProtoFile = withImports(req.ProtoFile, f, seen)
	}
	plugin, err := protogen.Options{}.New(req)
	if err != nil {
		return nil, err
	}
	for _, f := range plugin.Files {
		if f.Generate {
			internal_gengo.GenerateFile(plugin, f)
		}
	}
	resp := plugin.Response()
	if resp.Error != nil {
		return nil, fmt.Errorf("%s", resp.GetError())
	}
	files := map[string][]byte{}
	for _, f := range resp.File {
		files[filepath.Join(folder, path.Base(f.GetName()))] = []byte(f.GetContent())
	}
	return files, nil
}

// withImports appends a file, after those that it imports.
func withImports(list []*descriptorpb.FileDescriptorProto, f protoreflect.FileDescriptor, seen map[string]bool) []*descriptorpb.FileDescriptorProto {
	if seen[f.Path()] {
		return list
	}
	seen[f.Path()] = true
	for i := range f.Imports().Len() {
		list = withImports(list, f.Imports().Get(i).FileDescriptor, seen)
	}
	return append(list, protoutil.ProtoFromFileDescriptor(f))
}
