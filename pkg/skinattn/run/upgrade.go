package run

import (
	"encoding/json"
	"fmt"
)

// repeated are the options of the network that format 0 had in the regime, too.
var repeated = []string{"soft_attention", "metadata", "dropout", "channel_order", "preprocess", "head", "resize",
	"attention_window", "gamma", "batch_norm_momentum", "views"}

// upgrade brings the text of a config.json to the present format, and tells its own.
// Format 0 has no field "format", and has the options in repeated twice: in the
// regime as the regime sets them, and in the network as they were used. Text that is no
// JSON object is returned as it is, for the decoder to refuse.
func upgrade(text []byte) (upgraded []byte, format int, err error) {
	var file map[string]json.RawMessage
	if json.Unmarshal(text, &file) != nil {
		return text, Format, nil
	}
	if raw, ok := file["format"]; ok && json.Unmarshal(raw, &format) != nil {
		return text, Format, nil
	}
	switch {
	case format < 0:
		return nil, format, fmt.Errorf("the run folder has format %d, and there is no such format", format)
	case format > Format:
		return nil, format, fmt.Errorf("the run folder has format %d, and this version reads formats up to %d; take a newer version", format, Format)
	case format == Format:
		return text, format, nil
	}
	file["format"] = json.RawMessage("1")
	var regime map[string]json.RawMessage
	if json.Unmarshal(file["regime"], &regime) == nil { // fails for an imported network, without a regime
		for _, name := range repeated {
			delete(regime, name)
		}
		if file["regime"], err = json.Marshal(regime); err != nil {
			return nil, format, err
		}
	}
	upgraded, err = json.Marshal(file)
	return upgraded, format, err
}
