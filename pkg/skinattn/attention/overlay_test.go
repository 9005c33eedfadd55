package attention

import "testing"

func TestOverlaySaysItsRange(t *testing.T) {
	for want, o := range map[string]Overlay{
		"0.967 to 1.07, nearly even": {Low: .9672627, High: 1.0748458},
		"0.2 to 4":                   {Low: .2, High: 4},
		"0 to 3":                     {High: 3},
		"0 to 0, nearly even":        {},
	} {
		if o.String() != want {
			t.Errorf("%q, want %q", o, want)
		}
	}
}
