// Package weights brings Keras weights in and out: it finds and fetches ImageNet
// weights of Keras applications, recognises which network a Keras HDF5 file or npy
// folder holds, pairs its tensors with a network's variables, makes run folders of
// trained Keras networks, and writes networks as files that Keras loads.
package weights
