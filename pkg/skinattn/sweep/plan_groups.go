package sweep

// PlanGroup is what cells have in common that differ in seed and split alone.
type PlanGroup struct {
	What          string
	Cells         int
	Epochs, Steps [2]int     // Steps are of an epoch
	Hours         [2]float64 // of a cell
	StepSeconds   float64
	MemoryBytes   int64
	Basis         string
}

// Groups lists the cells by network, regime and options; with each, a group for every cell,
// by its name.
func (p *Plan) Groups(each bool) []PlanGroup {
	var groups []PlanGroup
	at := map[string]int{}
	for _, c := range p.Cells {
		what := c.label
		if each {
			what = c.Name
		}
		hours := [2]float64{c.Seconds[0] / 3600, c.Seconds[1] / 3600}
		i, known := at[what]
		if !known {
			basis := c.Basis.Train
			if c.Basis.Infer != basis {
				basis += "; predictions: " + c.Basis.Infer
			}
			at[what] = len(groups)
			groups = append(groups, PlanGroup{what, 1, c.Epochs, [2]int{c.StepsPerEpoch, c.StepsPerEpoch}, hours, c.StepSeconds, c.MemoryBytes, basis})
			continue
		}
		g := &groups[i]
		g.Cells++
		g.Epochs = [2]int{min(g.Epochs[0], c.Epochs[0]), max(g.Epochs[1], c.Epochs[1])}
		g.Hours = [2]float64{min(g.Hours[0], hours[0]), max(g.Hours[1], hours[1])}
		g.Steps = [2]int{min(g.Steps[0], c.StepsPerEpoch), max(g.Steps[1], c.StepsPerEpoch)}
		g.MemoryBytes = max(g.MemoryBytes, c.MemoryBytes)
	}
	return groups
}
