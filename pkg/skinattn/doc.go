// Package skinattn is the network of "Diagnostic support of skin lesion
// classification using CNN and Soft Attention" (Sensors 2022): an ImageNet
// backbone cut as the authors cut it, the Soft-Attention block, the patient's
// metadata through a dense branch, and a softmax over the seven classes of
// HAM10000. It equals the authors' Keras network tensor for tensor.
//
// [spec.Network] says which network; [NewNetwork] describes it layer by layer; [Model]
// holds its weights on an engine and predicts [Images]. Every graph that runs over images
// is a [Program]. Training lives in package training, run folders in package run.
package skinattn
