package tensorflow

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
	"github.com/gradus-ml/gradus/serve/jsondoc"
	"github.com/gradus-ml/gradus/serve/tensorflow/pb"
)

// A route is what a path asks for:
//
//	MODEL[/versions/NUMBER|/labels/LABEL][/metadata|:predict|:classify|:regress]
type route struct {
	model, version string // the version is a number, a label, or ""
	call           string // "status", "metadata", "predict", "classify" or "regress"
}

// parseRoute reads what follows /v1/models/.
func parseRoute(rest string) (route, bool) {
	r := route{call: "status"}
	if head, call, ok := strings.Cut(rest, ":"); ok {
		if call != "predict" && call != "classify" && call != "regress" {
			return r, false
		}
		rest, r.call = head, call
	} else if head, ok := strings.CutSuffix(rest, "/metadata"); ok {
		rest, r.call = head, "metadata"
	}
	parts := strings.Split(rest, "/")
	r.model = parts[0]
	switch {
	case r.model == "":
		return r, false
	case len(parts) == 1:
		return r, true
	case len(parts) != 3 || parts[2] == "":
		return r, false
	}
	r.version = parts[2]
	number := strings.Trim(r.version, "0123456789") == ""
	return r, parts[1] == "versions" && number || parts[1] == "labels" && !number
}

// rest answers all requests below /v1/models/.
func (s *Service) rest(w http.ResponseWriter, r *http.Request) {
	to, ok := parseRoute(r.PathValue("rest"))
	if !ok {
		guard.Fail(w, r, engine.Errorf(engine.NotFound,
			"want /v1/models/MODEL, with /versions/NUMBER or /labels/LABEL, and then /metadata, :predict, :classify or :regress"))
		return
	}
	method := http.MethodPost
	if to.call == "status" || to.call == "metadata" {
		method = http.MethodGet
	}
	if r.Method != method && !(r.Method == http.MethodHead && method == http.MethodGet) {
		w.Header().Set("Allow", method)
		guard.Fail(w, r, engine.Errorf(engine.NoMethod, "%s is called by %s", to.call, method))
		return
	}
	answer, err := s.answer(r, to)
	if err != nil {
		guard.Fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write(answer)
}

// answer makes the body of an answer.
func (s *Service) answer(r *http.Request, to route) ([]byte, error) {
	if err := engine.Allowed(r.Context(), to.model); err != nil {
		return nil, err
	}
	switch to.call {
	case "status":
		return s.statusJSON(to)
	case "metadata":
		return s.metadataJSON(to)
	}
	body, free, err := guard.Body(r)
	if err != nil {
		return nil, err
	}
	defer free()
	doc, err := jsondoc.Parse(body, jsondoc.DefaultLimits())
	if err != nil {
		return nil, err
	}
	defer doc.Free()
	root := doc.Root()
	if root.Kind() != jsondoc.Object {
		return nil, root.Errorf("want an object, got %v", root.Kind())
	}
	name := ""
	if v, ok := root.Get("signature_name"); ok {
		if v.Kind() != jsondoc.String {
			return nil, v.Errorf("want a string, got %v", v.Kind())
		}
		name = v.Text()
	}
	if to.call == "predict" {
		return s.predictJSON(r.Context(), to, name, root)
	}
	examples, err := examplesOf(root)
	if err != nil {
		return nil, err
	}
	q := &question{to.model, to.version, name, examples}
	if to.call == "classify" {
		_, classes, err := s.classify(r.Context(), q)
		if err != nil {
			return nil, err
		}
		return classesJSON(classes), nil
	}
	_, values, err := s.regress(r.Context(), q)
	if err != nil {
		return nil, err
	}
	return valuesJSON(values), nil
}

// predictJSON is the answer to a predict call.
func (s *Service) predictJSON(ctx context.Context, to route, signature string, root jsondoc.Value) ([]byte, error) {
	r := &engine.Request{Model: to.model, Version: to.version}
	rows := false
	r.Fill = func(_ string, sig *engine.Signature) error {
		g, err := signatureOf(sig, signature)
		if err != nil {
			return err
		}
		rows, err = g.predict(root, r)
		return err
	}
	a, err := s.engine.Predict(ctx, r)
	if err != nil {
		return nil, err
	}
	if rows {
		return predictionsJSON(a), nil
	}
	return outputsJSON(a), nil
}

// statusJSON is GetModelStatusResponse, in the names and the order of its
// protocol buffer.
func (s *Service) statusJSON(to route) ([]byte, error) {
	type status struct {
		Code    string `json:"error_code"`
		Message string `json:"error_message"`
	}
	type version struct {
		Version string `json:"version"`
		State   string `json:"state"`
		Status  status `json:"status"`
	}
	infos, err := s.status(to.model, to.version)
	if err != nil {
		return nil, err
	}
	var list []version
	for _, i := range infos {
		state, problem := stateOf(i)
		list = append(list, version{i.Version, state.String(), status{problem.ErrorCode.String(), problem.ErrorMessage}})
	}
	return json.MarshalIndent(map[string]any{"model_version_status": list}, "", " ")
}

// metadataJSON is GetModelMetadataResponse, in the names and the order of its
// protocol buffer.
func (s *Service) metadataJSON(to route) ([]byte, error) {
	type dim struct {
		Size int64  `json:"size,string"`
		Name string `json:"name"`
	}
	type tensorShape struct {
		Dim     []dim `json:"dim"`
		Unknown bool  `json:"unknown_rank"`
	}
	type tensor struct {
		DType string      `json:"dtype"`
		Shape tensorShape `json:"tensor_shape"`
		Name  string      `json:"name"`
	}
	type def struct {
		Inputs  map[string]tensor `json:"inputs"`
		Outputs map[string]tensor `json:"outputs"`
		Method  string            `json:"method_name"`
	}
	type spec struct {
		Name      string `json:"name"`
		Signature string `json:"signature_name"`
		Version   string `json:"version"`
	}
	type defs struct {
		Defs map[string]def `json:"signature_def"`
	}
	type metadata struct {
		Defs defs `json:"signature_def"`
	}
	type response struct {
		Spec     spec     `json:"model_spec"`
		Metadata metadata `json:"metadata"`
	}
	info, err := s.engine.Info(to.model, to.version)
	if err != nil {
		return nil, err
	}
	tensors := func(infos map[string]*pb.TensorInfo) map[string]tensor {
		m := map[string]tensor{}
		for name, t := range infos {
			x := tensor{DType: t.Dtype.String(), Shape: tensorShape{Dim: []dim{}}, Name: t.GetName()}
			for _, d := range t.TensorShape.Dim {
				x.Shape.Dim = append(x.Shape.Dim, dim{Size: d.Size})
			}
			m[name] = x
		}
		return m
	}
	all := defs{map[string]def{}}
	for name, d := range signatureDefs(&info.Signature).SignatureDef {
		all.Defs[name] = def{tensors(d.Inputs), tensors(d.Outputs), d.MethodName}
	}
	return json.MarshalIndent(response{spec{info.Name, "", info.Version}, metadata{all}}, "", " ")
}
