package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// Problem is an error as RFC 9457 has it, the body of every answer that is no success.
type Problem struct {
	Type   string `json:"type"`            // "urn:skinattn:problem:" and the kind
	Title  string `json:"title"`           // the same for all problems of a type
	Status int    `json:"status"`          // HTTP status code
	Detail string `json:"detail"`          // what is wrong with this request, and what to do
	Field  string `json:"field,omitempty"` // the field of the request that is wrong

	header http.Header
}

func (p *Problem) Error() string { return p.Detail }

// problemURN precedes the kind in Problem.Type.
const problemURN = "urn:skinattn:problem:"

// kind is a row of the table of problems.
type kind struct {
	name   string
	status int
	title  string
}

// The problems of the API. openapi.json and docs/serve.md have the same table; a test
// compares them.
var (
	malformed       = kind{"malformed-request", http.StatusBadRequest, "The request could not be read"}
	missingField    = kind{"missing-field", http.StatusBadRequest, "A field is missing"}
	unknownField    = kind{"unknown-field", http.StatusBadRequest, "A field is unknown or given twice"}
	connectionEnded = kind{"connection-ended", http.StatusBadRequest, "The connection ended too early"}
	noToken         = kind{"unauthorized", http.StatusUnauthorized, "The token is missing or wrong"}
	crossSite       = kind{"cross-site", http.StatusForbidden, "The request comes from another site"}
	notFound        = kind{"not-found", http.StatusNotFound, "Nothing is at this address"}
	wrongMethod     = kind{"method-not-allowed", http.StatusMethodNotAllowed, "The address does not take this method"}
	tooSlow         = kind{"too-slow", http.StatusRequestTimeout, "The request took too long to arrive"}
	tooManyBytes    = kind{"too-many-bytes", http.StatusRequestEntityTooLarge, "The request has too many bytes"}
	tooManyPixels   = kind{"too-many-pixels", http.StatusRequestEntityTooLarge, "The photo has too many pixels"}
	wrongType       = kind{"unsupported-media-type", http.StatusUnsupportedMediaType, "The request has a media type that is not taken"}
	notPhoto        = kind{"not-a-photo", http.StatusUnsupportedMediaType, "The file is neither a JPEG nor a PNG photo"}
	wrongHost       = kind{"wrong-host", http.StatusMisdirectedRequest, "The server does not have this name"}
	damagedPhoto    = kind{"damaged-photo", http.StatusUnprocessableEntity, "The photo is damaged"}
	invalidValue    = kind{"invalid-value", http.StatusUnprocessableEntity, "A field has a value that it can't have"}
	failed          = kind{"failed", http.StatusInternalServerError, "The server failed"}
	busy            = kind{"busy", http.StatusServiceUnavailable, "The server is busy"}
	stopping        = kind{"stopping", http.StatusServiceUnavailable, "The server is stopping"}
)

// kinds are all problems.
var kinds = []kind{malformed, missingField, unknownField, connectionEnded, noToken, crossSite, notFound, wrongMethod, tooSlow,
	tooManyBytes, tooManyPixels, wrongType, notPhoto, wrongHost, damagedPhoto, invalidValue, failed, busy, stopping}

// new is a problem of the kind; the detail is a sentence.
func (k kind) new(format string, args ...any) *Problem {
	return &Problem{Type: problemURN + k.name, Title: k.title, Status: k.status, Detail: fmt.Sprintf(format, args...)}
}

// of names the field that is wrong.
func (p *Problem) of(field string) *Problem {
	p.Field = field
	return p
}

// with adds a header to the answer.
func (p *Problem) with(name, value string) *Problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// retryAfter asks the client to come back in that many seconds.
func (p *Problem) retryAfter(seconds int) *Problem {
	return p.with("Retry-After", strconv.Itoa(max(seconds, 1)))
}

// write answers with the problem.
func (p *Problem) write(w http.ResponseWriter) {
	header := w.Header()
	for name, values := range p.header {
		header[name] = values
	}
	header.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // the client may have gone
}
