// Package bench measures how fast a network trains and predicts on an engine:
// images a second, the length of each step, the time to compile and the peak
// memory of the process.
//
// A measurement covers training steps of package training or predictions of
// skinattn.Model, on the whole network (backbone to the cut, Soft-Attention, metadata
// branch and head), from generated photos in the host's memory to the loss or the
// probabilities there. It leaves out reading and decoding images, for which package
// imaging has benchmarks.
//
// The peak memory belongs to the whole process, so a process should make one
// measurement; 'skinattn bench' starts a process for each.
package bench
