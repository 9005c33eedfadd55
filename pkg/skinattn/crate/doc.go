// Package crate packs run folders as an RO-Crate, the form in which repositories such as
// Zenodo and WorkflowHub take research data with a description that programs read: a
// folder or a zip archive with the files of the runs and, beside them,
// ro-crate-metadata.json.
//
// [Write] makes a crate of RO-Crate 1.2 that conforms to the profile Process Run Crate 0.5:
// each training is an action with its program, data, options and results. docs/ro-crate.md
// says what the description has, what it leaves out, and how it was validated.
//
// Sources: https://w3id.org/ro/crate/1.2 and https://w3id.org/ro/wfrun/process/0.5.
package crate
