package run

import (
	"encoding/json"
	"fmt"
)

// repeated are the options of the network that format 0 had in the regime, too.
var repeated = []string{"soft_attention", "metadata", "dropout", "channel_order", "preprocess", "head", "resize",
	"attention_window", "gamma", "batch_norm_momentum", "views"}

// upgrade brings the text of a config.json to the present format. Format 0 has no
// field "format", and in the regime the options of the network that the regime
// decides, which the network has as they were used. Text that is no JSON object is
// left for the decoder to refuse.
func upgrade(text []byte) ([]byte, error) {
	var file map[string]json.RawMessage
	if json.Unmarshal(text, &file) != nil {
		return text, nil
	}
	if format := formatOf(text); format < 0 || format > Format {
		return nil, fmt.Errorf("the run folder has format %d, and this version reads formats up to %d; take a newer version", format, Format)
	} else if format > 0 {
		return text, nil
	}
	file["format"] = json.RawMessage("1")
	if raw, ok := file["regime"]; ok {
		var regime map[string]json.RawMessage
		if json.Unmarshal(raw, &regime) != nil {
			return text, nil
		}
		for _, name := range repeated {
			delete(regime, name)
		}
		raw, err := json.Marshal(regime)
		if err != nil {
			return nil, err
		}
		file["regime"] = raw
	}
	return json.Marshal(file)
}

// formatOf is the format that the text of a config.json has.
func formatOf(text []byte) int {
	var head struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(text, &head) != nil {
		return 0
	}
	return head.Format
}
