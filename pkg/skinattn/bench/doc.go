// Package bench measures how fast a network trains and predicts on an engine:
// images a second, the length of each step, the time to compile and the peak
// memory of the process.
//
// What is measured is what users get: training steps of package training and
// predictions of skinattn.Model, on the whole network (backbone to the cut,
// Soft-Attention, metadata branch and head), from generated photos in the
// host's memory to the loss or the probabilities there. Reading and decoding
// images is not part of it; package imaging has benchmarks of its own.
//
// The peak memory is that of the process, so a process should make one
// measurement; 'skinattn bench' starts one for each.
package bench
