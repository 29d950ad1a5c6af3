package inference

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/inference/pb"
)

// statistics counts what was asked for through this protocol, by model and
// version.
type statistics struct {
	counts sync.Map // of [2]string to *counts
}

type counts struct {
	last               atomic.Int64 // of the last request, milliseconds since 1970
	examples           atomic.Uint64
	success, fail      count64
	queue              count64
	input, run, output count64
}

// count64 counts, and adds up times.
type count64 struct{ n, ns atomic.Uint64 }

func (c *count64) add(d time.Duration) {
	c.n.Add(1)
	c.ns.Add(uint64(max(d, 0)))
}

// add counts a request.
func (s *statistics) add(model, version string, r *engine.Response, err error, took time.Duration) {
	key := [2]string{model, version}
	v, ok := s.counts.Load(key)
	if !ok {
		v, _ = s.counts.LoadOrStore(key, new(counts))
	}
	c := v.(*counts)
	c.last.Store(time.Now().UnixMilli())
	if err != nil {
		c.fail.add(took)
		return
	}
	c.examples.Add(uint64(r.N))
	c.success.add(took)
	c.queue.add(r.Times.Queue)
	c.input.add(r.Times.Encode)
	c.run.add(r.Times.Compute)
	c.output.add(r.Times.Decode)
}

// The forms of an answer over REST.
type (
	statisticsAnswer struct {
		Models []modelStatistics `json:"model_stats"`
	}
	modelStatistics struct {
		Name           string              `json:"name"`
		Version        string              `json:"version"`
		LastInference  uint64              `json:"last_inference"`
		InferenceCount uint64              `json:"inference_count"`
		ExecutionCount uint64              `json:"execution_count"`
		InferenceStats inferenceStatistics `json:"inference_stats"`
		BatchStats     []struct{}          `json:"batch_stats"`
	}
	inferenceStatistics struct {
		Success       total `json:"success"`
		Fail          total `json:"fail"`
		Queue         total `json:"queue"`
		ComputeInput  total `json:"compute_input"`
		ComputeInfer  total `json:"compute_infer"`
		ComputeOutput total `json:"compute_output"`
	}
	total struct {
		Count uint64 `json:"count"`
		NS    uint64 `json:"ns"`
	}
)

// of tells what was counted. An execution is a request that was computed, also
// where several shared a batch.
func (s *statistics) of(i *engine.Info) modelStatistics {
	m := modelStatistics{Name: i.Name, Version: i.Version, BatchStats: []struct{}{}}
	v, ok := s.counts.Load([2]string{i.Name, i.Version})
	if !ok {
		return m
	}
	c := v.(*counts)
	m.LastInference = uint64(c.last.Load())
	m.InferenceCount = c.examples.Load()
	m.ExecutionCount = c.success.n.Load()
	for _, t := range []struct {
		dst *total
		src *count64
	}{
		{&m.InferenceStats.Success, &c.success}, {&m.InferenceStats.Fail, &c.fail}, {&m.InferenceStats.Queue, &c.queue},
		{&m.InferenceStats.ComputeInput, &c.input}, {&m.InferenceStats.ComputeInfer, &c.run}, {&m.InferenceStats.ComputeOutput, &c.output},
	} {
		*t.dst = total{t.src.n.Load(), t.src.ns.Load()}
	}
	return m
}

// proto is the form of gRPC.
func (m modelStatistics) proto() *pb.ModelStatistics {
	d := func(t total) *pb.StatisticDuration { return &pb.StatisticDuration{Count: t.Count, Ns: t.NS} }
	s := m.InferenceStats
	return &pb.ModelStatistics{
		Name: m.Name, Version: m.Version, LastInference: m.LastInference, InferenceCount: m.InferenceCount, ExecutionCount: m.ExecutionCount,
		InferenceStats: &pb.InferStatistics{
			Success: d(s.Success), Fail: d(s.Fail), Queue: d(s.Queue),
			ComputeInput: d(s.ComputeInput), ComputeInfer: d(s.ComputeInfer), ComputeOutput: d(s.ComputeOutput),
		},
	}
}
