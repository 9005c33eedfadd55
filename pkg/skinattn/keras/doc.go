// Package keras reads and writes the HDF5 weight files of Keras and hands their
// tensors to a network by layer and weight name.
//
// Three contents are read: weights of Keras applications (with or without top),
// weights of a model, and whole models. They come in two layouts. Files named .h5
// and .hdf5, of every version of Keras, keep a group per layer, whose attribute
// weight_names lists the layer's tensors; the attribute layer_names lists the layers
// (Keras 2.15, keras/src/saving/legacy/hdf5_format.py). Files named .weights.h5 and
// .keras archives number the variables of a layer (Keras 3, saving_lib.py).
//
// File.Write makes a file of Model.save_weights, File.WriteFolder a folder of
// .npy files with an index, which ReadFile reads as well.
//
// ReadFile reads and checks a whole file. A Loader hands out each tensor once, so that an
// import can insist that each tensor of the file is used once and each variable of the
// network is filled once.
//
// FillByName and FillImage make the numbers of the golden tests. They depend on a name
// alone and are the same here and in tools/golden.
package keras
