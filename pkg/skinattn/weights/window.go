package weights

import (
	"encoding/json"
	"fmt"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// FirstWindow says explicitly that Soft-Attention looks at the first channels, which is the
// default of spec.Network.AttentionWindow.
const FirstWindow = "first"

// AttentionWindow says which channels Soft-Attention looks at, and how that is known.
// Keras's files have no word of it: the same convolution reads the channels 0, 1 and 2 with
// JAX, torch and by TensorFlow's documentation, and the three in the middle with
// TensorFlow's CPU kernel.
type AttentionWindow struct {
	Window    string `json:"window"`              // FirstWindow or spec.CenterWindow
	Channels  string `json:"channels"`            // such as "0, 1, 2"
	Known     bool   `json:"known"`               // the caller or the file says so
	Because   string `json:"because,omitempty"`   // how it is known, or why it is not
	Otherwise string `json:"otherwise,omitempty"` // the channels of the other window, where it is not known
}

// windowOf describes the window of n, nil if it has no Soft-Attention.
func windowOf(n *skinattn.Network, known bool, because string) *AttentionWindow {
	channels := attentionChannels(n)
	if channels == "" {
		return nil
	}
	w := &AttentionWindow{Window: FirstWindow, Channels: channels, Known: known, Because: because}
	other := *n
	other.AttentionWindow = spec.CenterWindow
	if n.AttentionWindow == spec.CenterWindow {
		w.Window, other.AttentionWindow = spec.CenterWindow, ""
	}
	if !known {
		w.Otherwise = attentionChannels(&other)
	}
	return w
}

// shownWindow is the window that the caller or the file says, or the documented one.
func shownWindow(opts ImportOptions, file *keras.File) (window string, known bool, because string) {
	switch {
	case opts.AttentionWindow == spec.CenterWindow:
		return spec.CenterWindow, true, "as asked"
	case opts.AttentionWindow != "":
		return "", true, "as asked"
	}
	for _, layer := range attentionConfigs(file) {
		switch layer.Window {
		case spec.CenterWindow:
			return spec.CenterWindow, true, "as the layer's configuration says"
		case FirstWindow:
			return "", true, "as the layer's configuration says"
		}
	}
	switch file.Backend {
	case "jax", "torch":
		return "", true, fmt.Sprintf("Keras wrote the file with %s, which reads them", file.Backend)
	case "tensorflow":
		return "", false, "Keras wrote the file with TensorFlow, whose CPU kernel reads others"
	}
	return "", false, "the file does not say which backend the network ran on, and TensorFlow's CPU kernel reads others"
}

// attentionConfigs are the hyperparameters of layers of the class SoftAttention that name
// their window.
func attentionConfigs(file *keras.File) []attentionConfig {
	config, err := parseModelConfig(file.ModelConfig)
	if err != nil {
		return nil
	}
	_, all := ofClass[attentionConfig](config, "SoftAttention")
	return all
}

type attentionConfig struct{ Window string }

// UnmarshalJSON takes a window of another type as none.
func (c *attentionConfig) UnmarshalJSON(text []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	_ = json.Unmarshal(fields["window"], &c.Window)
	return nil
}
