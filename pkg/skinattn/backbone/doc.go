// Package backbone has the ImageNet networks that the paper builds on.
//
// Table is the one place that says what each network is: its input size,
// preprocessing, where the authors cut it, its Keras weights file. Builders,
// tests, the command line and the documentation all come from it.
package backbone
