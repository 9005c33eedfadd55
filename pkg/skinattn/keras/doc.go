// Package keras reads and writes the HDF5 weight files of Keras and hands their
// tensors to a network by layer and weight name.
//
// Three forms are read: the weight files of Keras applications (with or
// without top), files of Model.save_weights, and whole models saved as
// .h5/.hdf5. All keep a group per layer, whose attribute weight_names lists the
// layer's tensors; the attribute layer_names lists the layers (Keras 2.15,
// keras/src/saving/legacy/hdf5_format.py).
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
