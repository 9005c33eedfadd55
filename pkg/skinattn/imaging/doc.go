// Package imaging turns photo files into the numbers that the networks see.
//
// The way of a photo is: decode ([DecodeFile]: 8-bit RGB, EXIF orientation
// applied), resize ([SmartResize] as in the metadata regime or [StretchResize]
// as in the augmented-data regime), put the channels in an order ([Order]),
// scale ([Preprocess]). Each step gives what the Python stack of the paper's
// authors gives (OpenCV or Pillow for decoding, Keras 2 for the rest); the
// tests hold it against values made by that stack.
//
// JPEG, the format of the photos, is decoded to the last bit as OpenCV and Pillow
// decode it, which are both libjpeg. Package internal/jpeg decodes the planes with
// libjpeg's integer inverse DCT; this package upsamples them ("fancy upsampling")
// and converts them to RGB with libjpeg's rounding. image/jpeg of the standard
// library transforms and upsamples in another way: a few grey levels apart, tens
// at coloured edges.
//
// Resizing 10,015 photos takes a minute or two, so a [Cache] keeps the resized
// pixels in one memory-mapped file. The channel order and the scaling are
// applied when an image is read from the cache: one cache serves every regime.
//
// # Deviation from the authors' pipeline
//
// The authors keep resized photos as floating-point arrays. The cache rounds
// them to whole numbers (0..255, half up), an error of at most 0.5 grey levels
// or 0.004 after scaling to [-1, 1], for a quarter of the memory. [SmartResize]
// itself does not round.
package imaging
