package sweep

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// KubernetesOptions are the options of Kubernetes.
type KubernetesOptions struct {
	Name, Namespace string // Namespace may be empty
	Image           string
	// DataClaim and RunsClaim are persistent volume claims with the photos and for the run
	// folders; the latter must be one that several pods may write (ReadWriteMany).
	DataClaim, RunsClaim string
	AtOnce               int // pods that run at the same time
	GPUs                 int
	CPUs, Memory         string // 4, 16Gi
	Engine               string
	NodeSelector         map[string]string
	Retries              int // of a cell whose pod was lost, beside evictions, which do not count
	GraceSeconds         int // time between the signal to save and the end of a pod
}

// Paths in a pod.
const (
	podSweep = "/sweep"
	podData  = "/data"
	podRuns  = "/runs"
	podCache = "/cache"
)

// maxConfigMap is the most that Kubernetes takes in a ConfigMap, in bytes.
const maxConfigMap = 1 << 20

// ErrTooLarge says that a sweep does not fit a ConfigMap.
var ErrTooLarge = errors.New("the sweep's file and the names of its cells take more than the 1 MiB of a ConfigMap; divide the sweep")

// object is a part of a manifest; yaml writes its keys sorted.
type object = map[string]any

// Kubernetes returns a manifest with a ConfigMap, which has the sweep's file, and an Indexed
// Job with a pod for each cell, for Kubernetes from version 1.29 on. Whatever cells are done
// already in the volume of the runs stay as they are.
func Kubernetes(file *File, cells []Cell, opts KubernetesOptions) ([]byte, error) {
	text, err := os.ReadFile(file.Path)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%s is not in UTF-8, which a ConfigMap demands", file.Path)
	}
	list := names(cells)
	if len(text)+len(list) > maxConfigMap*9/10 { // the manifest is kept in an annotation, too
		return nil, ErrTooLarge
	}
	sweepName := "sweep.yaml"
	labels := object{"app.kubernetes.io/name": "skinattn", "app.kubernetes.io/instance": opts.Name}
	metadata := func() object {
		m := object{"name": opts.Name, "labels": labels}
		if opts.Namespace != "" {
			m["namespace"] = opts.Namespace
		}
		return m
	}
	resources := object{}
	add := func(name, value string) {
		if value != "" {
			resources[name] = value
		}
	}
	add("cpu", opts.CPUs)
	add("memory", opts.Memory)
	if opts.GPUs > 0 {
		resources["nvidia.com/gpu"] = opts.GPUs
	}
	container := object{
		"name":  "train",
		"image": opts.Image,
		"args": []string{"sweep", "run", path.Join(podSweep, sweepName), "--runs=" + podRuns, "--data=" + podData, "--engine=" + opts.Engine,
			"--cells=" + path.Join(podSweep, "cells"), "--task=$(CELL)"},
		"env": []object{
			{"name": "CELL", "valueFrom": object{"fieldRef": object{"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}},
			{"name": "XDG_CACHE_HOME", "value": podCache},
		},
		"volumeMounts": []object{
			{"name": "sweep", "mountPath": podSweep, "readOnly": true},
			{"name": "data", "mountPath": podData, "readOnly": true},
			{"name": "runs", "mountPath": podRuns},
			{"name": "cache", "mountPath": podCache},
		},
		"resources": object{"requests": resources, "limits": resources},
	}
	pod := object{
		"restartPolicy":                 "Never",
		"terminationGracePeriodSeconds": opts.GraceSeconds,
		"containers":                    []object{container},
		"volumes": []object{
			{"name": "sweep", "configMap": object{"name": opts.Name}},
			{"name": "data", "persistentVolumeClaim": object{"claimName": opts.DataClaim, "readOnly": true}},
			{"name": "runs", "persistentVolumeClaim": object{"claimName": opts.RunsClaim}},
			{"name": "cache", "emptyDir": object{}},
		},
	}
	if len(opts.NodeSelector) > 0 {
		pod["nodeSelector"] = opts.NodeSelector
	}
	atOnce := len(cells)
	if opts.AtOnce > 0 {
		atOnce = min(opts.AtOnce, atOnce)
	}
	job := object{
		"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata(),
		"spec": object{
			"completionMode": "Indexed", "completions": len(cells), "parallelism": atOnce,
			"backoffLimitPerIndex": opts.Retries,
			// One failed cell must not end the others.
			"maxFailedIndexes": len(cells),
			"podFailurePolicy": object{"rules": []object{
				// An eviction or a preemption is no failure: the cell goes on in another pod.
				{"action": "Ignore", "onPodConditions": []object{{"type": "DisruptionTarget", "status": "True"}}},
				// The training itself failed, or its command line is wrong: trying again is no use.
				{"action": "FailIndex", "onExitCodes": object{"containerName": "train", "operator": "In", "values": []int{exitFailed, exitUsage}}},
			}},
			"template": object{"metadata": object{"labels": labels}, "spec": pod},
		},
	}
	config := object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(), "data": object{sweepName: string(text), "cells": string(list)}}
	var manifest bytes.Buffer
	encoder := yaml.NewEncoder(&manifest)
	encoder.SetIndent(2)
	for _, document := range []object{config, job} {
		if err := encoder.Encode(document); err != nil {
			return nil, fmt.Errorf("writing the manifest: %w", err)
		}
	}
	return manifest.Bytes(), encoder.Close()
}

// Exit codes of 'train' that another try would not change.
const (
	exitFailed = 1
	exitUsage  = 2
)

// What Kubernetes takes as the name of a label, without its prefix, and as its value.
var labelWord = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)

// ParseSelector reads labels of nodes: KEY=VALUE.
func ParseSelector(texts []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("node label %q: want KEY=VALUE", text)
		}
		if name := key[strings.LastIndex(key, "/")+1:]; !labelWord.MatchString(name) || value != "" && !labelWord.MatchString(value) {
			return nil, fmt.Errorf("node label %q: name and value have letters and digits at their ends, and between them hyphens, points and underscores, too, at most 63", text)
		}
		labels[key] = value
	}
	return labels, nil
}
