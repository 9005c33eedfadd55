package ham10000

import (
	"fmt"
	"slices"
	"strings"
)

// CoarseSite is a word of the ISIC Archive for a site of the body that stands for several
// words of HAM10000: which of them the photo's was, the archive does not say.
type CoarseSite struct {
	Name string
	// Stands has the words of Localizations that it stands for, sorted.
	Stands []string
}

// CoarseSites are values of column localization beside [Localizations].
var CoarseSites = []CoarseSite{
	{"anterior torso", []string{"abdomen", "chest"}},
	{"head/neck", []string{"ear", "face", "neck", "scalp"}},
}

// Sites are all values that column localization may have: Localizations, then the names of
// CoarseSites.
func Sites() []string {
	sites := slices.Clone(Localizations)
	for _, c := range CoarseSites {
		sites = append(sites, c.Name)
	}
	return sites
}

// ArchiveSite returns what is left of a site of the published table in an export of the ISIC
// Archive, in this package's words: one of CoarseSites, "unknown" for trunk, or the site
// itself. Reading an export gives the same.
func ArchiveSite(site string) string {
	for _, c := range CoarseSites {
		if slices.Contains(c.Stands, site) {
			return c.Name
		}
	}
	if site == "trunk" {
		return Unknown
	}
	return site
}

// SiteShares returns what a network is told of a site, in the order of Localizations: one
// for the site's word or, for one of CoarseSites, the shares of the words that it stands
// for, which sum to one. The shares are those of the words among HAM10000's photos
// (anterior torso: abdomen 1,022 of 1,429, chest 407), so that the first layer of the
// network, which is linear, gets the mean of what it gets for the words. ok is false for
// other words.
//
// The word "unknown" would say less than the archive knows and, for a network that was
// trained on the published table, something else: there it stands for 234 photos of a kind
// of their own.
func SiteShares(site string) (shares []float32, ok bool) {
	shares = make([]float32, len(Localizations))
	if i := slices.Index(Localizations, site); i >= 0 {
		shares[i] = 1
		return shares, true
	}
	for _, c := range CoarseSites {
		if c.Name != site {
			continue
		}
		total := 0
		for _, word := range c.Stands {
			total += published.localization[word]
		}
		for _, word := range c.Stands {
			shares[slices.Index(Localizations, word)] = float32(published.localization[word]) / float32(total)
		}
		return shares, true
	}
	return nil, false
}

// DescribeCoarseSites writes counts by coarse site as "1429 anterior torso, 1097 head/neck";
// it is empty if there are none.
func DescribeCoarseSites(counts map[string]int) string {
	var texts []string
	for _, c := range CoarseSites {
		if n := counts[c.Name]; n > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", n, c.Name))
		}
	}
	return strings.Join(texts, ", ")
}
