package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Setting is an option of a regime or of its network that may be set by itself.
type Setting struct {
	spec.Option
	Network bool // an option of the network, else of the regime
}

// Settings are all options with a flag, those of the regime first.
func Settings() []Setting { return slices.Clone(settings()) }

var settings = sync.OnceValue(func() (all []Setting) {
	for _, o := range spec.RegimeOptions() {
		all = append(all, Setting{o, false})
	}
	for _, o := range spec.NetworkOptions() {
		all = append(all, Setting{o, true})
	}
	return slices.DeleteFunc(all, func(s Setting) bool { return s.Flag == "" })
})

// Change is a setting with a value, of the option's FlagType, in place of the regime's own.
type Change struct {
	Setting
	Value reflect.Value
}

// ChangeError says that a setting can't have a value.
type ChangeError struct {
	Setting
	Err error
}

func (e *ChangeError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *ChangeError) Unwrap() error { return e.Err }

// Apply makes the changes in a regime and a network. An empty word for an option of the
// network restores the authors' choice for its backbone, if it has one. Class weights alone
// switch a class weighting off, and the reverse. An error is a *ChangeError.
func Apply(changes []Change, r *spec.Regime, n *spec.Network) error {
	var weights, weighting bool
	for _, c := range changes {
		weights, weighting = weights || c.Flag == classWeights, weighting || c.Flag == classWeighting
		var err error
		switch {
		case !c.Network:
			err = c.Set(r, c.Value)
		case c.Value.Kind() == reflect.String && c.Value.IsZero() && n.Backbone != "":
			var authors spec.Network
			if authors, err = skinattn.AuthorsNetwork(n.Backbone, r.Variant); err == nil {
				c.In(n).Set(c.In(&authors))
			}
		default:
			err = c.Set(n, c.Value)
		}
		if err != nil {
			return &ChangeError{c.Setting, err}
		}
	}
	switch {
	case weights && !weighting:
		r.ClassWeighting = ""
	case weighting && !weights && r.ClassWeighting != "":
		r.ClassWeights = nil
	}
	return nil
}

// Flags of the options that exclude each other.
const (
	classWeights   = "class-weights"
	classWeighting = "class-weighting"
)

// Named returns the regime of that name for a backbone with changes, and its network without
// those changes that the network has: they are applied once size and cut are known. Changes of
// the regime come before, as its variant decides about the network.
func Named(backbone, regime string, changes []Change) (reg spec.Regime, net spec.Network, err error) {
	if reg, err = spec.For(regime, backbone); err != nil {
		return reg, net, err
	}
	resolved := reg
	if err := Apply(changes, &resolved, &spec.Network{}); err != nil {
		return reg, net, err
	}
	if err := resolved.Check(ham10000.NumClasses); err != nil {
		return reg, net, err
	}
	net, err = skinattn.Resolve(backbone, resolved)
	return reg, net, err
}

// Begin is what a new run begins with: the words and numbers that a user gives. The zero
// values of all fields but Backbone stand for the defaults.
type Begin struct {
	Backbone, Regime, Protocol string
	Split                      split.Options // Seed is the run's, too
	Size                       int           // pixels; 0: the network's own
	Cut                        string
	Weights                    string // ImageNetWeights, RandomWeights or a file
	FeatureCache, FastDevRun   bool
	Changes                    []Change
}

// ImageNetWeights, as the first weights of a run, stands for the backbone's file as it was
// fetched.
const ImageNetWeights = imagenetInit

// Options returns the training that b asks for, without data and run folder. Weights stays
// the word if it is one. A wrong value is a *ChangeError, a *split.OptionError,
// a *spec.ValueError or a *backbone.SizeError where one of them can tell.
func (b Begin) Options() (o TrainOptions, err error) {
	o = TrainOptions{
		Protocol: cmp.Or(b.Protocol, split.Grouped), Weights: cmp.Or(b.Weights, ImageNetWeights), FeatureCache: b.FeatureCache, FastDevRun: b.FastDevRun,
		Seed: b.Split.Seed, TestShare: b.Split.TestShare, Arm: b.Split.Arm, Folds: b.Split.Folds, Fold: b.Split.Fold, AsRun: b.Split.AsRun,
	}
	if err := b.Split.Check(o.Protocol); err != nil {
		return o, err
	}
	if o.Regime, o.Network, err = Named(b.Backbone, cmp.Or(b.Regime, spec.Default), b.Changes); err != nil {
		return o, err
	}
	if err := o.Change(b.Size, b.Cut, b.Changes); err != nil {
		return o, err
	}
	return o, o.CheckInput()
}

// Change sets size and cut, if they are not zero, and makes changes, then checks regime and
// network.
func (o *TrainOptions) Change(size int, cut string, changes []Change) error {
	o.Network.Size = cmp.Or(size, o.Network.Size)
	o.Network.Cut = cmp.Or(cut, o.Network.Cut)
	if err := Apply(changes, &o.Regime, &o.Network); err != nil {
		return err
	}
	return cmp.Or(o.Regime.Check(ham10000.NumClasses), o.Network.Check())
}

// CheckInput returns a *backbone.SizeError for an input whose map leaves Soft-Attention no
// choice, or that is too small for the network.
func (o *TrainOptions) CheckInput() error {
	b, err := backbone.Find(o.Network.Backbone)
	if err != nil {
		return err
	}
	small, ok := errors.AsType[*backbone.SizeError](b.CheckSize(o.Network.Size, o.Network.Cut))
	if ok && (o.Network.SoftAttention || small.Err != nil) {
		return small
	}
	return nil
}
