package nb

import (
	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// Split reads the split of a run.
func Split(folder *run.Folder) *split.Split {
	return Must(folder.Split())
}

// Audit counts what a split leaks.
func Audit(parts *split.Split) *eval.LeakAudit {
	return Must(eval.AuditLeakage(parts.Images(), string(split.Train)))
}
