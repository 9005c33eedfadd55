// Package kubernetes checks what 'skinattn sweep kubernetes' prints against the types of the
// version of Kubernetes that tools/go.mod pins.
package kubernetes

import (
	"bytes"
	"os"
	"testing"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Both documents of the manifest have no field that Kubernetes does not know, none with a
// value of another type, and none twice.
func TestManifest(t *testing.T) {
	text, err := os.ReadFile("../../pkg/skinattn/sweep/testdata/job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	first, second, ok := bytes.Cut(text, []byte("\n---\n"))
	if !ok {
		t.Fatal("the manifest is not two documents")
	}
	var config core.ConfigMap
	if err := yaml.UnmarshalStrict(first, &config); err != nil {
		t.Fatal(err)
	}
	var job batch.Job
	if err := yaml.UnmarshalStrict(second, &job); err != nil {
		t.Fatal(err)
	}
	spec, pod := job.Spec, job.Spec.Template.Spec
	if config.Kind != "ConfigMap" || job.Kind != "Job" || job.APIVersion != "batch/v1" || len(config.Data) != 2 {
		t.Errorf("%s, %s %s, %d files", config.Kind, job.APIVersion, job.Kind, len(config.Data))
	}
	// What the API server demands of a job with a limit for each index and a policy for failed
	// pods (k8s.io/kubernetes/pkg/apis/batch/validation, ValidateJobSpec).
	if *spec.CompletionMode != batch.IndexedCompletion || pod.RestartPolicy != core.RestartPolicyNever || spec.BackoffLimitPerIndex == nil ||
		*spec.MaxFailedIndexes > *spec.Completions || *spec.Parallelism > *spec.Completions {
		t.Errorf("%+v", spec)
	}
	rules := spec.PodFailurePolicy.Rules
	if len(rules) != 2 || rules[0].OnPodConditions[0].Type != core.DisruptionTarget || rules[1].Action != batch.PodFailurePolicyActionFailIndex ||
		*rules[1].OnExitCodes.ContainerName != pod.Containers[0].Name {
		t.Errorf("%+v", rules)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range pod.Containers[0].VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("%s is mounted and no volume", m.Name)
		}
	}
	env := pod.Containers[0].Env[0]
	if env.Name != "CELL" || env.ValueFrom.FieldRef.FieldPath != "metadata.annotations['"+batch.JobCompletionIndexAnnotation+"']" {
		t.Errorf("%+v", env)
	}
	if gpus := pod.Containers[0].Resources.Limits["nvidia.com/gpu"]; gpus.Value() != 1 {
		t.Errorf("%s GPUs", gpus.String())
	}
	if memory := pod.Containers[0].Resources.Requests[core.ResourceMemory]; memory.Value() != 16<<30 {
		t.Errorf("%d bytes", memory.Value())
	}
}
