// Package backbone has the ImageNet networks that the paper builds on.
//
// Table alone describes each network: its input size, preprocessing, the authors' cuts
// and its Keras weights file. Builders, tests, the command line and the documentation all
// come from it.
package backbone
