// Package serve answers over HTTP what a network says of a photo: a JSON API, which
// openapi.json describes, and a page for teaching.
//
// A [Server] keeps nothing: photos live in memory until they are answered, no file is
// written, and no line of a log and no metric holds anything of a photo or a patient.
// Photos that come at the same time are predicted together ([Options].Wait), in the batches
// that package skinattn predicts with, of which the server takes only those that give the
// bits of a photo by itself: an answer does not depend on what else was asked.
//
// What a server takes is bounded: bytes and pixels of a photo, both before memory is
// spent on them, photos that wait, and the time of every step. Beyond the bounds it answers
// with a problem (RFC 9457), the table of which is in problem.go.
package serve
