package serve

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
)

// question is a request about a photo.
type question struct {
	Photo        []byte   `json:"photo"` // the file; in JSON in base64
	Age          *float64 `json:"age"`
	Sex          string   `json:"sex"`
	Localization string   `json:"localization"`
	Sweep        bool     `json:"sweep"`
	Similar      bool     `json:"similar"`
	Unusual      bool     `json:"unusual"`
	Class        string   `json:"class"` // to explain

	given skinattn.Metadata
	class int // explain.Predicted if no class is named
}

// Limits of a request beside those of its photo.
const (
	overhead   = 64 << 10 // for everything but the photo
	fieldBytes = 256      // of a text field
)

// maxBody is the greatest length of a request's body: a photo in base64 takes a third more.
func (s *Server) maxBody(contentType string) int64 {
	if contentType == jsonType {
		return s.opts.MaxBytes/3*4 + overhead
	}
	return s.opts.MaxBytes + overhead
}

const (
	jsonType = "application/json"
	formType = "multipart/form-data"
)

// mediaType is the type of a request's body.
func mediaType(r *http.Request) (string, *Problem) {
	given := r.Header.Get("Content-Type")
	parsed, _, err := mime.ParseMediaType(given)
	if err != nil || parsed != jsonType && parsed != formType {
		if len(given) > 60 {
			given = given[:60] + "..."
		}
		return "", wrongType.new("The body is %q; send %s with the file in the field photo, or %s.", given, formType, jsonType).
			with("Accept", formType+", "+jsonType)
	}
	return parsed, nil
}

// read reads a question. The body is limited already.
func (s *Server) read(r *http.Request, contentType string, forExplain bool) (*question, *Problem) {
	q := &question{class: explain.Predicted}
	var p *Problem
	if contentType == jsonType {
		p = s.readJSON(r, q)
	} else {
		p = s.readForm(r, q)
	}
	if p != nil {
		return nil, p
	}
	switch {
	case q.Photo == nil:
		return nil, missingField.new("The request has no photo: send the file in the field photo.").of("photo")
	case int64(len(q.Photo)) > s.opts.MaxBytes:
		return nil, tooManyBytes.new("The photo has %d bytes; at most %d are taken.", len(q.Photo), s.opts.MaxBytes).of("photo")
	case q.Class != "" && !forExplain:
		return nil, unknownField.new("The field class is of /v1/explain; leave it out here.").of("class")
	}
	return q, q.check()
}

// check checks the values of the fields.
func (q *question) check() *Problem {
	q.given = skinattn.Metadata{Age: math.NaN(), Sex: q.Sex, Localization: q.Localization}
	if q.Age != nil {
		q.given.Age = *q.Age
	}
	if err := skinattn.CheckAge(q.given.Age); err != nil {
		return invalidValue.new("%s.", sentence(err)).of("age")
	}
	if _, err := (skinattn.Metadata{Sex: q.Sex}).Complete(0); err != nil {
		return invalidValue.new("%s.", sentence(err)).of("sex")
	}
	if _, err := q.given.Complete(0); err != nil {
		return invalidValue.new("%s.", sentence(err)).of("localization")
	}
	if q.Class != "" {
		var err error
		if q.class, err = ham10000.ClassIndex(q.Class); err != nil {
			return invalidValue.new("The class %q is unknown; choose one of %s.", q.Class, strings.Join(ham10000.Classes, ", ")).of("class")
		}
	}
	return nil
}

// sentence begins an error's text with a capital.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

func (s *Server) readJSON(r *http.Request, q *question) *Problem {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(q)
	if err == nil {
		if _, err = decoder.Token(); err == io.EOF {
			err = nil
		} else if err == nil {
			return malformed.new("The body has more than one JSON value.")
		}
	}
	if err == nil {
		for name, value := range map[string]string{"sex": q.Sex, "localization": q.Localization, "class": q.Class} {
			if len(value) > fieldBytes {
				return invalidValue.new("The field %s is longer than %d bytes.", name, fieldBytes).of(name)
			}
		}
		return nil
	}
	if p := s.readProblem(r, err); p != nil {
		return p
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return invalidValue.new("The field %s is a JSON %s and must be a %s.", short(wrong.Field), wrong.Value, jsonKind(wrong.Field)).of(short(wrong.Field))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return unknownField.new("There is no field %s; the fields are %s.", short(name), fieldNames).of(short(strings.Trim(name, `"`)))
	}
	return malformed.new("The body is not the JSON object that openapi.json describes: %s.", short(err.Error()))
}

// jsonKind says in which form a field must be.
func jsonKind(field string) string {
	switch field {
	case "photo":
		return "string, the file in base64"
	case "age":
		return "number"
	case "sweep", "similar", "unusual":
		return "boolean"
	}
	return "string"
}

const fieldNames = "photo, age, sex, localization, sweep, similar, unusual and, for /v1/explain, class"

// short cuts a text that came with a request.
func short(text string) string {
	const most = 80
	text = strings.ToValidUTF8(text, "?")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

func (s *Server) readForm(r *http.Request, q *question) *Problem {
	reader, err := r.MultipartReader()
	if err != nil {
		return malformed.new("The form could not be read: %s.", short(err.Error()))
	}
	seen := map[string]bool{}
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return s.formProblem(r, err)
		}
		name := part.FormName()
		if seen[name] {
			return unknownField.new("The field %s is there twice.", short(name)).of(short(name))
		}
		if p := s.readField(r, q, name, part); p != nil {
			return p
		}
		seen[name] = true
	}
}

func (s *Server) readField(r *http.Request, q *question, name string, part *multipart.Part) *Problem {
	if name == "photo" {
		data, err := io.ReadAll(io.LimitReader(part, s.opts.MaxBytes+1))
		if err != nil {
			return s.formProblem(r, err)
		}
		if len(data) == 0 {
			return missingField.new("The field photo is empty: choose a file.").of("photo")
		}
		q.Photo = data
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(part, fieldBytes+1))
	if err != nil {
		return s.formProblem(r, err)
	}
	if len(text) > fieldBytes {
		return invalidValue.new("The field %s is longer than %d bytes.", short(name), fieldBytes).of(short(name))
	}
	return q.set(name, strings.TrimSpace(string(text)))
}

// set sets a field from a form. An empty text stands for a field that is not given.
func (q *question) set(name, text string) *Problem {
	switch name {
	case "sex":
		q.Sex = text
	case "localization":
		q.Localization = text
	case "class":
		q.Class = text
	case "age":
		if text == "" {
			return nil
		}
		age, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(age) || math.IsInf(age, 0) {
			return invalidValue.new("The age %q is no number of years.", short(text)).of("age")
		}
		q.Age = &age
	case "sweep", "similar", "unusual":
		on, err := strconv.ParseBool(text)
		if err != nil && text != "" {
			return invalidValue.new("The field %s is %q; it must be true or false.", name, short(text)).of(name)
		}
		*map[string]*bool{"sweep": &q.Sweep, "similar": &q.Similar, "unusual": &q.Unusual}[name] = on
	default:
		return unknownField.new("There is no field %q; the fields are %s.", short(name), fieldNames).of(short(name))
	}
	return nil
}

// formProblem is the problem of a form that could not be read.
func (s *Server) formProblem(r *http.Request, err error) *Problem {
	if p := s.readProblem(r, err); p != nil {
		return p
	}
	if errors.Is(err, io.EOF) {
		return malformed.new("The form could not be read: the body does not end with the boundary that its type names.")
	}
	return malformed.new("The form could not be read: %s.", short(err.Error()))
}

// readProblem is the problem of a body that did not arrive, nil if err is another.
func (s *Server) readProblem(r *http.Request, err error) *Problem {
	_, long := errors.AsType[*http.MaxBytesError](err)
	switch {
	case long:
		return tooManyBytes.new("The request has too many bytes; a photo may have %d.", s.opts.MaxBytes)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return tooSlow.new("The request did not arrive within %g seconds.", s.opts.ReadTimeout.Seconds())
	case r.Context().Err() != nil, errors.Is(err, context.Canceled):
		return connectionEnded.new("The connection ended before the request was whole.")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return connectionEnded.new("The request ends before it is whole.")
	}
	return nil
}
