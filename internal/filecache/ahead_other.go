//go:build !linux && !darwin

package filecache

// Ahead does nothing: the system is not asked to read ahead.
func (f *File) Ahead(begin, end int) {}
