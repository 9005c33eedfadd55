package paper

// Network is a backbone of the paper's tables.
type Network struct {
	Name  string // as on the command line
	Title string // as its own paper spells it
	Input int    // pixels, width and height, in the authors' notebooks
	// ImageNet is whether the authors began with ImageNet weights.
	ImageNet bool
}

// Networks returns the backbones of the paper's tables.
func Networks() []Network {
	var networks []Network
	for _, r := range readCSV("networks.csv", "name,title,input,imagenet") {
		networks = append(networks, Network{Name: r[0], Title: r[1], Input: int(Number(r[2]).Value()), ImageNet: r[3] == "yes"})
	}
	return networks
}
