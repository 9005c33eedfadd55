package nb

import (
	"fmt"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce"
)

// Study is a committed experiment of several runs on HAM10000 (the folder studies), by its
// protocol: the ablation of "grouped" or "paper", or "leak-pair".
func Study(protocol string) reproduce.Study {
	studies := Must(Reproduction().Studies())
	i := slices.IndexFunc(studies, func(s reproduce.Study) bool { return s.Protocol == protocol })
	if i < 0 {
		Check(fmt.Errorf("no study of protocol %q is committed", protocol))
		return reproduce.Study{} // reached only if a test has replaced exit
	}
	return studies[i]
}

// StudyTable shows every effect of a study: a row for each, a column for each metric, and
// the p-values after Holm's adjustment.
func StudyTable(s reproduce.Study) {
	header := []string{"effect"}
	var rows [][]string
	for i, e := range s.Effects {
		row := []string{e.Name}
		for _, c := range e.Changes {
			if i == 0 {
				header = append(header, eval.Label(c.Metric))
			}
			row = append(row, fmt.Sprintf("%s, p %s", Change(c.Value, c.CI), eval.FormatP(c.P, c.PAtFloor)))
		}
		rows = append(rows, row)
	}
	Table(header, rows)
}

// StudyChange is the change of a metric by effect number i of a study. The cell ends if
// there is none.
func StudyChange(s reproduce.Study, i int, metric string) reproduce.StudyChange {
	if i < len(s.Effects) {
		changes := s.Effects[i].Changes
		if k := slices.IndexFunc(changes, func(c reproduce.StudyChange) bool { return c.Metric == metric }); k >= 0 {
			return changes[k]
		}
	}
	Check(fmt.Errorf("the study has no effect %d on %q", i, metric))
	return reproduce.StudyChange{} // reached only if a test has replaced exit
}
