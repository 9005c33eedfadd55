//go:build unix

package atomicfile

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
)

// nonBlocking is a flag of opening.
const nonBlocking = syscall.O_NONBLOCK

// descriptorPath matches paths of files that this process has open.
var descriptorPath = regexp.MustCompile(fmt.Sprintf(`^(?:/dev|/proc/self|/proc/%d)/fd/(\d+)$`, os.Getpid()))

// descriptor returns the file that path stands for if it is one that this process has open,
// such as /dev/stdout; nil for other paths. It shares its place with the open one.
func descriptor(path string) *os.File {
	path, err := filepath.Abs(path)
	for range 10 { // links, of which there may be a loop
		if err != nil {
			return nil
		}
		if match := descriptorPath.FindStringSubmatch(path); match != nil {
			number, err := strconv.Atoi(match[1])
			if err != nil {
				return nil
			}
			copied, err := syscall.Dup(number)
			if err != nil {
				return nil
			}
			return os.NewFile(uintptr(copied), path)
		}
		var target string
		if target, err = os.Readlink(path); err == nil && !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return nil
}
