package ham10000

import (
	"slices"
	"strings"
	"testing"
)

func TestClassOrder(t *testing.T) {
	// The order that every predictions file and run relies on.
	if got := strings.Join(Classes, ","); got != "akiec,bcc,bkl,df,mel,nv,vasc" || len(Classes) != NumClasses {
		t.Errorf("Classes = %s, NumClasses = %d", got, NumClasses)
	}
	for want, dx := range Classes {
		if got, err := ClassIndex(dx); err != nil || got != want {
			t.Errorf("ClassIndex(%q) = %d, %v; want %d", dx, got, err, want)
		}
		if ClassName(dx) == dx {
			t.Errorf("ClassName(%q) is not spelt out", dx)
		}
	}
	if ClassName("nv") != "melanocytic nevus" || ClassName("scc") != "scc" {
		t.Errorf("ClassName: nv is %q, scc is %q", ClassName("nv"), ClassName("scc"))
	}
	for _, dx := range []string{"", "NV", "nv ", "scc"} {
		if _, err := ClassIndex(dx); err == nil || !strings.Contains(err.Error(), "akiec, bcc") {
			t.Errorf("ClassIndex(%q): error %v; want one that lists the classes", dx, err)
		}
	}
}

func TestVocabulariesAreSorted(t *testing.T) {
	// The metadata encoding numbers the values in sorted order.
	if !slices.IsSorted(Sexes) || !slices.IsSorted(Localizations) || len(Sexes) != 3 || len(Localizations) != 15 {
		t.Errorf("Sexes %v, Localizations %v", Sexes, Localizations)
	}
}
