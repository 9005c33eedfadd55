package reproduce

import (
	"fmt"
	"slices"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/reproduce/internal/render"
)

// siteStudy is the experiment on what the ISIC Archive's coarser sites cost: runs on the
// published metadata, on the same with the archive's sites and, if all seeds have one,
// without metadata, with one or more seeds, that differ in nothing else.
type siteStudy struct {
	seeds     []uint64
	published []*Run // by seed
	archive   []*Run
	without   []*Run   // without metadata; empty if a seed has none
	effects   []effect // differences of the arms
	means     []effect // of each arm, over the seeds
	info      *eval.BootstrapInfo
}

// siteStudies finds the experiments among runs, and measures them.
func (r *Report) siteStudies(runs []*Run) ([]*siteStudy, error) {
	var found []*siteStudy
	same := func(run *Run) string {
		return run.identity("seed", "data.split_sha256", "data.coarse_sites", "network.metadata")
	}
	for _, group := range grouped(runs, same) {
		s := &siteStudy{}
		bySeed := grouped(group, func(run *Run) string { return fmt.Sprint(run.config.Seed, run.config.Data.SplitSHA256) })
		slices.SortFunc(bySeed, func(x, y []*Run) int { return int(x[0].config.Seed) - int(y[0].config.Seed) })
		for _, arms := range bySeed {
			arm := func(metadata, coarse bool) *Run {
				i := slices.IndexFunc(arms, func(run *Run) bool {
					return run.config.Network.Metadata == metadata && (run.config.Data.CoarseSites != "") == coarse
				})
				if i < 0 {
					return nil
				}
				return arms[i]
			}
			published, archive, without := arm(true, false), arm(true, true), arm(false, false)
			if published == nil || archive == nil {
				continue
			}
			s.seeds, s.published, s.archive = append(s.seeds, published.config.Seed), append(s.published, published), append(s.archive, archive)
			if without != nil {
				s.without = append(s.without, without)
			}
		}
		if len(s.seeds) == 0 {
			continue
		}
		if len(s.without) < len(s.seeds) {
			s.without = nil
		}
		if err := r.measureSites(s); err != nil {
			return nil, fmt.Errorf("measuring the sites by %s and %s: %w", s.published[0].Name, s.archive[0].Name, err)
		}
		found = append(found, s)
	}
	return found, nil
}

// measureSites measures the arms and their differences on the same resamples of lesions.
func (r *Report) measureSites(s *siteStudy) error {
	var tables []*eval.Table
	names := []string{"archive's sites less published", "published", "archive's sites"}
	weights := [][]float64{{-1, 1}, {1, 0}, {0, 1}}
	differences := 1
	if s.without != nil {
		names = []string{names[0], "no metadata less published", names[1], names[2], "no metadata"}
		weights = [][]float64{{-1, 1, 0}, {-1, 0, 1}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}}
		differences = 2
	}
	for seed := range s.seeds {
		arms := []*eval.Table{s.published[seed].predictions, s.archive[seed].predictions}
		if s.without != nil {
			arms = append(arms, s.without[seed].predictions)
		}
		aligned, err := eval.Align(arms...)
		if err != nil {
			return err
		}
		tables = append(tables, aligned...)
	}
	measured, info, err := r.contrasts(tables, len(s.seeds), names, weights)
	if err != nil {
		return err
	}
	s.effects, s.means, s.info = measured[:differences], measured[differences:], info
	var family []*effect
	for i := range s.effects {
		family = append(family, &s.effects[i])
	}
	return adjust(family...)
}

func (s *siteStudy) sentences() []string {
	subjects := []string{"Training and testing with the archive's sites in place of the published ones", "Leaving out all metadata"}
	var out []string
	for i, e := range s.effects {
		out = append(out, sentence(subjects[i], e))
	}
	return out
}

// siteView is one experiment on the archive's sites.
type siteView struct {
	Setting, Coarse string
	Sentences       []string
	Effects, Means  render.Grid
	How             string
}

func (r *Report) siteView(s *siteStudy) siteView {
	first := s.archive[0]
	var n []string
	for _, run := range s.archive {
		n = append(n, eval.FormatThousands(run.metrics.N))
	}
	return siteView{
		Setting: r.settingText(s.published[0]) + "; " + r.protocolText(first) + "; " + seedsText(s.seeds) + "; " + imagesText(n),
		Coarse:  render.Plain(first.config.Data.CoarseSites),
		Effects: effectGrid("difference", s.effects), Means: meanGrid("metadata", s.means),
		How: howText(s.info, s.seeds), Sentences: s.sentences(),
	}
}
