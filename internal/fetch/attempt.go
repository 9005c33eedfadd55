package fetch

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// state describes a part file, so that a later call can resume it. It lies beside
// the part file, as PATH.part.json.
type state struct {
	URL       string `json:"url"`
	Validator string `json:"validator,omitempty"` // strong ETag or Last-Modified
	Total     int64  `json:"total"`               // bytes in all, -1 if unknown
}

func (d *download) statePath() string { return d.part() + ".json" }

// resumable returns the length and state of a part file from which the download can
// resume, 0 if there is none. Without a validator the server can't tell whether its
// file is still the same; resuming is then safe only if a digest is known.
func (d *download) resumable() (int64, state) {
	var s state
	info, err := os.Stat(d.part())
	if err != nil || !info.Mode().IsRegular() {
		return 0, s
	}
	text, err := os.ReadFile(d.statePath())
	if err != nil || json.Unmarshal(text, &s) != nil || s.URL != d.source.String() {
		return 0, s
	}
	if s.Validator == "" && d.MD5 == "" && d.SHA256 == "" {
		return 0, s
	}
	return info.Size(), s
}

// errStalled ends a try during which nothing arrives.
var errStalled = errors.New("nothing arrived for too long")

// attempt tries once to complete the part file; resumed reports whether the part
// file holds bytes of an earlier try.
func (d *download) attempt(ctx context.Context) (resumed bool, err error) {
	offset, known := d.resumable()
	if offset > 0 && offset == known.Total { // complete, but not yet renamed
		return true, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(d.Stall, func() { cancel(errStalled) })
	defer watchdog.Stop()
	defer func() {
		if cause := context.Cause(ctx); errors.Is(cause, errStalled) && err != nil {
			err = fmt.Errorf("%w (%s)", errStalled, d.Stall)
		}
	}()

	response, err := d.request(ctx, offset, known.Validator)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	body := bufio.NewReaderSize(response.Body, 1<<17)
	switch response.StatusCode {
	case http.StatusPartialContent:
		start, total := contentRange(response.Header.Get("Content-Range"))
		if start != offset || (known.Total >= 0 && total != known.Total) {
			return false, d.restart("the server sent another part than asked for")
		}
		known.Total = total
	case http.StatusRequestedRangeNotSatisfiable:
		return false, d.restart("the server's file is shorter than what is here")
	case http.StatusOK: // from the start, whatever was asked for
		offset, known = 0, state{URL: d.source.String(), Validator: validator(response.Header), Total: response.ContentLength}
		head, _ := body.Peek(512)
		if strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") || strings.HasPrefix(http.DetectContentType(head), "text/html") {
			return false, permanent{fmt.Errorf("%w; is a login or a proxy in the way?", ErrWebPage)}
		}
		if err := d.saveState(known); err != nil {
			return false, permanent{err}
		}
	default:
		return false, statusError(response)
	}
	return offset > 0, d.receive(body, offset, known.Total, func() { watchdog.Reset(d.Stall) })
}

// request asks for the file from offset on.
func (d *download) request(ctx context.Context, offset int64, validator string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.source.String(), nil)
	if err != nil {
		return nil, permanent{err}
	}
	request.Header.Set("Accept-Encoding", "identity") // otherwise lengths and ranges may be of a compressed form
	if offset > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		if validator != "" {
			request.Header.Set("If-Range", validator)
		}
	}
	response, err := d.Client.Do(request)
	if err == nil {
		return response, nil
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err // the caller names the address
	}
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) || (errors.As(err, &name) && name.IsNotFound) {
		err = permanent{fmt.Errorf("%w; check the network, the proxy and $%s", err, EnvMirror)}
	}
	return nil, err
}

// restart deletes the part file, so that the next try starts from the beginning.
func (d *download) restart(why string) error {
	os.Remove(d.part())
	os.Remove(d.statePath())
	return errors.New(why)
}

func (d *download) saveState(s state) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	os.Remove(d.part()) // it belongs to the old state
	return os.WriteFile(d.statePath(), text, 0o644)
}

// receive appends body to the first offset bytes of the part file and syncs it.
func (d *download) receive(body io.Reader, offset, total int64, alive func()) error {
	file, err := os.OpenFile(d.part(), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return permanent{err}
	}
	defer file.Close()
	_, err = file.Seek(offset, io.SeekStart)
	if err := errors.Join(file.Truncate(offset), err); err != nil {
		return permanent{err}
	}
	buffer := make([]byte, 1<<17)
	done := offset
	for {
		n, readErr := body.Read(buffer)
		if n > 0 {
			alive()
			if _, err := file.Write(buffer[:n]); err != nil {
				return permanent{err}
			}
			done += int64(n)
			if d.Progress != nil {
				d.Progress(done, total)
			}
		}
		if readErr == io.EOF {
			break
		}
		if readErr != nil {
			return fmt.Errorf("cut off after %d bytes: %w", done, readErr)
		}
	}
	if total >= 0 && done != total {
		return fmt.Errorf("cut off after %d of %d bytes", done, total)
	}
	if err := file.Sync(); err != nil {
		return permanent{err}
	}
	return nil
}

// validator returns the header value that identifies this version of the file:
// If-Range takes a strong ETag or a date.
func validator(header http.Header) string {
	if tag := header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return header.Get("Last-Modified")
}

// contentRange reads "bytes 5-9/10" as 5 and 10. The total is -1 if the header does
// not tell it; the start is -1 if there is no range at all.
func contentRange(header string) (start, total int64) {
	positions, size, _ := strings.Cut(strings.TrimPrefix(header, "bytes "), "/")
	first, _, _ := strings.Cut(positions, "-")
	start, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		start = -1
	}
	if total, err = strconv.ParseInt(size, 10, 64); err != nil {
		total = -1
	}
	return start, total
}

// statusError returns the error for a status without a file. It is permanent unless
// the status is temporary: 408, 429 or 5xx.
func statusError(response *http.Response) error {
	err := &StatusError{Code: response.StatusCode}
	switch code := response.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		if seconds, parseErr := strconv.Atoi(response.Header.Get("Retry-After")); parseErr == nil {
			err.pause = time.Duration(min(max(seconds, 0), int(maxPause/time.Second))) * time.Second
		}
		return err
	}
	return permanent{fmt.Errorf("%w; check the address and $%s", err, EnvMirror)}
}
