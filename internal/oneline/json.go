package oneline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// JSON says in plain words why a file's text is no JSON, where a full disk or an interrupted
// copy is why. err is that of [json.Unmarshal].
func JSON(text []byte, err error) error {
	wrong, syntax := errors.AsType[*json.SyntaxError](err)
	switch {
	case err == nil:
		return nil
	case len(bytes.TrimSpace(text)) == 0:
		return fmt.Errorf("the file is empty: %w", err)
	case syntax && wrong.Offset >= int64(len(text)):
		return fmt.Errorf("the file is cut short: %w", err)
	}
	return err
}
