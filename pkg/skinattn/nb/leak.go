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

// Only has the rows of p, by number, for which keep holds.
func Only(p *eval.Predictions, keep func(i int) bool) *eval.Predictions {
	q := &eval.Predictions{Classes: p.Classes}
	for i := range p.Len() {
		if keep(i) {
			q.ImageIDs, q.Truth, q.Probs = append(q.ImageIDs, p.ImageIDs[i]), append(q.Truth, p.Truth[i]), append(q.Probs, p.Probs[i])
			if len(p.LesionIDs) > 0 {
				q.LesionIDs = append(q.LesionIDs, p.LesionIDs[i])
			}
		}
	}
	return q
}
