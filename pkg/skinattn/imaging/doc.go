// Package imaging turns photo files into the pixels that a network is fed.
//
// [DecodeFile] decodes a photo to 8-bit RGB and applies its EXIF orientation.
// [SmartResize] (metadata regime) or [StretchResize] (augmented-data regime) makes it
// square. Both steps give the pixels of the authors' Python stack (OpenCV or Pillow for
// decoding, Keras 2 for resizing); the tests compare them with values made by that stack.
// Package internal/jpeg decodes JPEG, the format of the photos, to the last bit as
// libjpeg does, which OpenCV and Pillow use.
//
// Resizing 10,015 photos takes a minute or two, so a [Cache] keeps the resized pixels
// in one memory-mapped file. Cached pixels are RGB 0..255. Package skinattn hands them
// to the engine as bytes; there the network changes the channel order ([Order]) and
// scales them ([Preprocess]), so one cache serves every regime with the same size and
// resize mode.
//
// # Deviation from the authors' pipeline
//
// The authors keep resized photos as floating-point arrays. The cache rounds them to
// whole numbers (0..255, half up), an error of at most 0.5 grey levels or 0.004 after
// scaling to [-1, 1], for a quarter of the memory. [SmartResize] itself does not round.
package imaging
