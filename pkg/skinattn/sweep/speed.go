package sweep

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/bench"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// stepWork is a step or a prediction of a batch.
type stepWork struct {
	mode, backbone, precision string
	size, batch               int
	structure                 string  // the words of bench.WorkOf about the layers that are computed
	extras                    string  // the other words: what is done beside, to photos or weights
	macs                      float64 // multiply-adds of one image's way through the network
}

// sample is work whose time is known.
type sample struct {
	stepWork
	seconds   float64
	published bool
	derived   bool
	result    *bench.Result // nil for a published one
}

// estimate is a time with what it rests on.
type estimate struct {
	seconds float64
	// differs says what differs between the work and what was measured: batch, size,
	// options, network; empty if nothing does.
	differs   []string
	published bool
	// within is the factor by which the same derivation was off at most among the samples;
	// 0 if it is not known, 1 if nothing was derived.
	within float64
	found  bool
}

// String says what an estimate rests on.
func (e estimate) String() string {
	switch {
	case !e.found:
		return "not measured"
	case len(e.differs) == 0 && !e.published:
		return "measured"
	}
	text := "measured"
	if e.published {
		text = "published of others"
	}
	if len(e.differs) > 0 {
		text += ", other " + strings.Join(e.differs, ", ")
	}
	if e.within == 0 {
		return text + " (error not known)"
	}
	return fmt.Sprintf("%s (within a factor of %.2f)", text, e.within)
}

// speeds answers how long work takes on a device.
type speeds struct {
	samples []sample
	hosts   []bench.Result
	errors  map[string]float64 // by what differs
	known   map[stepWork]estimate
	graphs  map[string]float64 // multiply-adds by network
}

func newSpeeds(d Device) (*speeds, error) {
	s := &speeds{errors: map[string]float64{}, known: map[stepWork]estimate{}, graphs: map[string]float64{}}
	for i := range d.Results {
		r := &d.Results[i]
		if r.Mode == bench.Host {
			s.hosts = append(s.hosts, *r)
			continue
		}
		if r.Devices > 1 { // a cell has one
			continue
		}
		w, err := s.workOf(r)
		if err != nil {
			return nil, err
		}
		s.samples = append(s.samples, sample{stepWork: w, seconds: r.MedianStep(), result: r})
	}
	for _, p := range d.published {
		b, err := backbone.Find(p.backbone)
		if err != nil {
			return nil, err
		}
		g, err := b.Graph(p.size)
		if err != nil {
			return nil, err
		}
		w := stepWork{mode: bench.Train, backbone: p.backbone, precision: p.precision, size: p.size, batch: p.batch, macs: float64(g.MultiplyAdds())}
		s.samples = append(s.samples, sample{stepWork: w, seconds: p.seconds, published: true, derived: p.derived})
		if p.precision == "" { // forward, and twice as much backward
			w.mode = bench.Infer
			s.samples = append(s.samples, sample{stepWork: w, seconds: p.seconds / 3, published: true, derived: true})
		}
	}
	return s, nil
}

// workOf is what a result measured.
func (s *speeds) workOf(r *bench.Result) (stepWork, error) {
	w := stepWork{mode: r.Mode, backbone: r.Backbone, precision: r.Precision, size: r.Size, batch: r.Batch}
	w.structure, w.extras = divide(r.Work)
	net, err := skinattn.AuthorsNetwork(r.Backbone, spec.Metadata)
	if err != nil {
		return w, err
	}
	net.Size = r.Size
	features := false
	for _, word := range r.Work {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "cut":
			net.Cut = value
		case "no-soft-attention":
			net.SoftAttention = false
		case "no-metadata":
			net.Metadata = false
		case bench.WorkFeatures:
			features = true
		}
	}
	w.macs, err = s.macs(net, features)
	return w, err
}

// divide parts the words of bench.WorkOf.
func divide(words []string) (structure, extras string) {
	var layers, beside []string
	for _, word := range words {
		name, _, _ := strings.Cut(word, "=")
		switch name {
		case "photos": // whether they are larger, not by how much
			beside = append(beside, name)
		case bench.WorkAffine, bench.WorkColours, bench.WorkCutout, bench.WorkMix, bench.WorkAccumulate, bench.WorkEMA:
			beside = append(beside, word)
		default:
			layers = append(layers, word)
		}
	}
	return strings.Join(layers, " "), strings.Join(beside, " ")
}

// macs are the multiply-adds of a network.
func (s *speeds) macs(net spec.Network, features bool) (float64, error) {
	key := fmt.Sprintf("%+v %t", net, features)
	if n, ok := s.graphs[key]; ok {
		return n, nil
	}
	network, err := skinattn.NewNetwork(net)
	if err == nil && features {
		network, err = network.AfterCut()
	}
	if err != nil {
		return 0, err
	}
	n := float64(network.Graph.MultiplyAdds())
	s.graphs[key] = n
	return n, nil
}

// Words of estimate.differs.
const (
	otherBatch   = "batch"
	otherSize    = "size"
	otherOptions = "options"
	otherNetwork = "network"
)

// differences lists in what two works differ, the least first; penalty grows with what is
// less sure. ok is false for works that do not tell of each other.
func differences(a, b stepWork) (list []string, penalty float64, ok bool) {
	if a.mode != b.mode || a.precision != b.precision || strings.Contains(a.structure, bench.WorkFeatures) != strings.Contains(b.structure, bench.WorkFeatures) {
		return nil, 0, false
	}
	if a.batch != b.batch {
		list, penalty = append(list, otherBatch), penalty+1+math.Abs(math.Log2(float64(a.batch)/float64(b.batch)))
	}
	if a.size != b.size {
		list, penalty = append(list, otherSize), penalty+10+10*math.Abs(math.Log2(float64(a.size)/float64(b.size)))
	}
	if a.structure != b.structure || a.extras != b.extras {
		list, penalty = append(list, otherOptions), penalty+5
		if a.structure != b.structure {
			penalty += 20
		}
	}
	if a.backbone != b.backbone {
		list, penalty = append(list, otherNetwork), penalty+1000
	}
	return list, penalty, true
}

// of estimates the time of work.
func (s *speeds) of(w stepWork) estimate {
	if e, ok := s.known[w]; ok {
		return e
	}
	e := s.derive(w, -1)
	if e.found && len(e.differs) == 0 && !e.published {
		e.within = 1
	} else if e.found && !e.published {
		e.within = s.within(e.differs)
	}
	s.known[w] = e
	return e
}

// derive takes the time from the nearest sample, without the one of that number, or, if no
// sample is of the network, the median over the nearest ones of the other networks.
func (s *speeds) derive(w stepWork, without int, only ...string) (e estimate) {
	type candidate struct {
		estimate
		penalty  float64
		backbone string
	}
	var all []candidate
	for i, from := range s.samples {
		list, penalty, ok := differences(w, from.stepWork)
		if i == without || !ok || only != nil && !slices.Equal(list, only) {
			continue
		}
		if from.published { // measurements come first
			penalty += 500
		}
		all = append(all, candidate{estimate{seconds: s.scale(w, from), differs: list, published: from.published, found: true}, penalty, from.backbone})
	}
	if len(all) == 0 {
		return e
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.penalty, b.penalty) })
	var chosen []candidate
	for _, c := range all {
		if c.penalty == all[0].penalty && c.backbone == all[0].backbone || all[0].backbone != w.backbone && !slices.ContainsFunc(chosen, func(o candidate) bool { return o.backbone == c.backbone }) {
			chosen = append(chosen, c)
		}
	}
	e = chosen[0].estimate
	var times []float64
	for _, c := range chosen {
		times = append(times, c.seconds)
	}
	slices.Sort(times)
	e.seconds = (times[(len(times)-1)/2] + times[len(times)/2]) / 2
	return e
}

// scale is the time of work by a sample of similar work: in proportion to images and
// multiply-adds, and with what the options add elsewhere.
func (s *speeds) scale(w stepWork, from sample) float64 {
	t := from.seconds - s.extra(from.stepWork)
	if t <= 0 {
		t = from.seconds
	}
	t *= float64(w.batch) / float64(from.batch)
	if from.macs > 0 {
		t *= w.macs / from.macs
	}
	return t + s.extra(w)
}

// extra is the time that the options beside the network take, by a pair of samples that
// differ in them alone: in proportion to the pixels of the batch. 0 if there is no pair.
func (s *speeds) extra(w stepWork) float64 {
	if w.extras == "" {
		return 0
	}
	pixels := func(w stepWork) float64 { return float64(w.batch) * float64(w.size*w.size) }
	var rates []float64
	for _, a := range s.samples {
		for _, b := range s.samples {
			plain := a.stepWork
			plain.extras = ""
			if a.extras == w.extras && a.mode == w.mode && a.precision == w.precision && plain == b.stepWork && !a.published && !b.published {
				rates = append(rates, (a.seconds-b.seconds)/pixels(a.stepWork))
			}
		}
	}
	if len(rates) == 0 {
		return 0
	}
	slices.Sort(rates)
	return max(0, (rates[(len(rates)-1)/2]+rates[len(rates)/2])/2) * pixels(w)
}

// within is the factor by which a derivation of this kind was off at most, each sample in
// turn being derived from the others.
func (s *speeds) within(differs []string) float64 {
	key := strings.Join(differs, " ")
	if factor, ok := s.errors[key]; ok {
		return factor
	}
	worst := 0.0
	for i, want := range s.samples {
		if want.published {
			continue
		}
		if e := s.derive(want.stepWork, i, differs...); e.found && !e.published {
			worst = max(worst, e.seconds/want.seconds, want.seconds/e.seconds)
		}
	}
	s.errors[key] = worst
	return worst
}

// compile is the time that the first step of work takes beside a step: to compile its
// program and, where it was compiled before, to load it. Both are 0 if nothing tells.
func (s *speeds) compile(w stepWork) (compiled, loaded float64) {
	for _, isLoaded := range []bool{false, true} {
		best, seconds, n := math.Inf(1), 0.0, 0.0
		for _, from := range s.samples {
			if from.result == nil || from.result.Loaded != isLoaded {
				continue
			}
			_, penalty, ok := differences(w, from.stepWork)
			if ok && penalty < best {
				best, seconds, n = penalty, 0, 0
			}
			if ok && penalty == best {
				seconds, n = seconds+from.result.CompileSeconds, n+1
			}
		}
		seconds /= max(1, n)
		if isLoaded {
			loaded = seconds
		} else {
			compiled = seconds
		}
	}
	switch {
	case compiled == 0:
		compiled = loaded
	case loaded == 0 || loaded > compiled:
		loaded = compiled
	}
	return compiled, loaded
}

// memory is the most memory that a process took for work, 0 if nothing tells. It is in
// proportion to the pixels where these are more than those that were measured.
func (s *speeds) memory(w stepWork) float64 {
	best, bytes := math.Inf(1), 0.0
	for _, from := range s.samples {
		if from.result == nil || from.result.PeakRSSBytes == 0 {
			continue
		}
		if _, penalty, ok := differences(w, from.stepWork); ok && penalty < best {
			grown := float64(w.batch) * float64(w.size*w.size) / (float64(from.batch) * float64(from.size*from.size))
			best, bytes = penalty, float64(from.result.PeakRSSBytes)*max(1, grown)
		}
	}
	return bytes
}

// host is what the host does beside: the mean of the measurements whose photos are nearest in
// size, nil if there is none.
func (s *speeds) host(size int) *bench.HostResult {
	nearest := math.MaxInt
	for _, h := range s.hosts {
		nearest = min(nearest, abs(h.Size-size))
	}
	var mean bench.HostResult
	n := 0.0
	for _, r := range s.hosts {
		if abs(r.Size-size) == nearest {
			h := r.Host
			mean.PhotoSeconds += h.PhotoSeconds
			mean.OpenSecondsPerGB += h.OpenSecondsPerGB
			mean.SaveSeconds += h.SaveSeconds
			mean.SaveSecondsPerGB += h.SaveSecondsPerGB
			mean.LoadSecondsPerGB += h.LoadSecondsPerGB
			mean.MetricsSecondsPer1000 += h.MetricsSecondsPer1000
			n++
		}
	}
	if n == 0 {
		return nil
	}
	for _, v := range []*float64{&mean.PhotoSeconds, &mean.OpenSecondsPerGB, &mean.SaveSeconds, &mean.SaveSecondsPerGB, &mean.LoadSecondsPerGB, &mean.MetricsSecondsPer1000} {
		*v /= n
	}
	return &mean
}

func abs(n int) int { return max(n, -n) }
