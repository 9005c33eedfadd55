package oneline

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	for text, want := range map[string]string{"": "the file is empty: ", " \n": "the file is empty: ", `{"a": `: "the file is cut short: ", `{"a": tr`: "the file is cut short: ", `{a}`: "invalid character"} {
		var value any
		if err := JSON([]byte(text), json.Unmarshal([]byte(text), &value)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if err := JSON([]byte("{}"), nil); err != nil {
		t.Error(err)
	}
}
