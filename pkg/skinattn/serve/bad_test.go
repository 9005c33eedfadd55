package serve

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image/color"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// bomb is a PNG of 100 megapixels in a few bytes: a header, and data that end at once.
func bomb(width, height uint32) []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		binary.Write(&b, binary.BigEndian, uint32(len(data)))
		text := append([]byte(kind), data...)
		b.Write(text)
		binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(text))
	}
	header := binary.BigEndian.AppendUint32(nil, width)
	header = binary.BigEndian.AppendUint32(header, height)
	chunk("IHDR", append(header, 8, 2, 0, 0, 0))
	chunk("IDAT", []byte{0x78, 0x9c})
	chunk("IEND", nil)
	return b.Bytes()
}

// jpegHeader is the beginning of a JPEG file of that size.
func jpegHeader(width, height uint16) []byte {
	b := []byte{0xff, 0xd8, 0xff, 0xc0, 0, 17, 8}
	b = binary.BigEndian.AppendUint16(b, height)
	b = binary.BigEndian.AppendUint16(b, width)
	return append(b, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)
}

// Every request that is wrong gets the answer that says so, and the client can tell what.
func TestBadRequests(t *testing.T) {
	s := newStubServer(t, &stub{}, Options{MaxBytes: 1 << 20, MaxPixels: 1_000_000, Photo: func(string) (string, bool) { return "", false }})
	photo := jpegOf(t, picture(30, 20, color.White))
	html := []byte("<!doctype html><script>alert(1)</script>")
	svg := []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`)
	json := func(text string) (body []byte, contentType string) { return []byte(text), "application/json" }
	formOf := func(photo []byte, fields ...string) (body []byte, contentType string) {
		return form(t, photo, fields...)
	}
	inJSON := base64.StdEncoding.EncodeToString(photo)
	cut, boundary := formOf(photo)
	post := func(path string, body []byte, contentType string) *http.Request {
		return request("POST", path, body, "Content-Type", contentType)
	}
	both := func(body []byte, contentType string) func(path string) *http.Request {
		return func(path string) *http.Request { return post(path, body, contentType) }
	}
	for _, c := range []struct {
		name  string
		make  func(path string) *http.Request
		kind  kind
		field string
		says  string
	}{
		{"a JPEG cut short", both(formOf(photo[:len(photo)-40])), damagedPhoto, "photo", "cut short"},
		{"a PNG cut short", both(formOf(pngOf(t, picture(30, 20, color.Black))[:60])), damagedPhoto, "photo", "can't be decoded"},
		{"a JPEG of 100 megapixels", both(formOf(jpegHeader(10000, 10000))), tooManyPixels, "photo", "10000 x 10000 pixels"},
		{"a PNG of 100 megapixels", both(formOf(bomb(10000, 10000))), tooManyPixels, "photo", "10000 x 10000 pixels"},
		{"a PNG of more pixels than a number holds", both(formOf(bomb(1<<31-1, 1<<31-1))), damagedPhoto, "photo", "dimension overflow"},
		{"a JPEG header and nothing else", both(formOf(jpegHeader(900, 900))), damagedPhoto, "photo", ""},
		{"no picture", both(formOf([]byte("hello"))), notPhoto, "photo", "neither a JPEG nor a PNG"},
		{"HTML that is called a JPEG", both(formOf(html)), notPhoto, "photo", "whatever its name says"},
		{"SVG that is called a JPEG", both(formOf(svg)), notPhoto, "photo", ""},
		{"a GIF", both(formOf([]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"))), notPhoto, "photo", ""},
		{"an empty file", both(formOf([]byte{})), missingField, "photo", "empty"},
		{"no file", both(formOf(nil, "age", "40")), missingField, "photo", "no photo"},
		{"a photo as text of a form", both(formOf(nil, "photo", "hello")), notPhoto, "photo", ""},
		{"an empty form", both(formOf(nil)), missingField, "photo", ""},
		{"a file that is too long", both(formOf(make([]byte, 1<<20+1))), tooManyBytes, "photo", "at most 1048576 are taken"},
		{"a form that is too long", both(formOf(make([]byte, 3<<20))), tooManyBytes, "", "may have 1048576"},
		{"age 400", both(formOf(photo, "age", "400")), invalidValue, "age", "The age is 400; it must be in 0 to 130 years."},
		{"age -1", both(formOf(photo, "age", "-1")), invalidValue, "age", ""},
		{"age NaN", both(formOf(photo, "age", "NaN")), invalidValue, "age", `"NaN" is no number`},
		{"age in words", both(formOf(photo, "age", "forty")), invalidValue, "age", `"forty" is no number`},
		{"an unknown site", both(formOf(photo, "localization", "moon")), invalidValue, "localization", `"moon" is unknown; choose one of abdomen`},
		{"an unknown sex", both(formOf(photo, "sex", "robot")), invalidValue, "sex", "choose one of female, male"},
		{"a switch that is neither on nor off", both(formOf(photo, "sweep", "maybe")), invalidValue, "sweep", "true or false"},
		{"a long word", both(formOf(photo, "sex", strings.Repeat("x", 300))), invalidValue, "sex", "longer than 256 bytes"},
		{"an unknown field", both(formOf(photo, "ages", "4")), unknownField, "ages", `no field "ages"`},
		{"a field that is there twice", both(formOf(photo, "age", "4", "age", "5")), unknownField, "age", "twice"},
		{"two photos", both(formOf(photo, "photo", "another")), unknownField, "photo", "twice"},
		{"a form without a boundary", both(cut, "multipart/form-data"), malformed, "", "could not be read"},
		{"a form with another boundary", both(cut, "multipart/form-data; boundary=other"), malformed, "", "boundary"},
		{"a form that ends too early", both(cut[:len(cut)/2], boundary), connectionEnded, "", "ends before it is whole"},
		{"no content type", both(cut, ""), wrongType, "", "multipart/form-data"},
		{"the photo itself as the body", both(photo, "image/jpeg"), wrongType, "", `"image/jpeg"`},
		{"a form of the simple kind", both([]byte("age=4"), "application/x-www-form-urlencoded"), wrongType, "", ""},
		{"plain text", both([]byte("{}"), "text/plain"), wrongType, "", ""},
		{"an empty body", both(nil, "application/json"), malformed, "", ""},
		{"JSON that is none", both(json("{")), connectionEnded, "", ""},
		{"a JSON array", both(json("[]")), malformed, "", "not the JSON object"},
		{"two JSON values", both(json(`{"photo":"` + inJSON + `"} {}`)), malformed, "", "more than one JSON value"},
		{"JSON without a photo", both(json(`{"age":40}`)), missingField, "photo", ""},
		{"JSON with a photo of null", both(json(`{"photo":null}`)), missingField, "photo", ""},
		{"JSON that is not base64", both(json(`{"photo":"???"}`)), malformed, "", ""},
		{"JSON with a photo that is none", both(json(`{"photo":"aGVsbG8="}`)), notPhoto, "photo", ""},
		{"JSON with an age in words", both(json(`{"photo":"` + inJSON + `","age":"forty"}`)), invalidValue, "age", "must be a number"},
		{"JSON with age 400", both(json(`{"photo":"` + inJSON + `","age":400}`)), invalidValue, "age", "0 to 130"},
		{"JSON with an unknown field", both(json(`{"photo":"` + inJSON + `","agee":4}`)), unknownField, "agee", "agee"},
		{"deep JSON", both(json(strings.Repeat("[", 500_000))), malformed, "", ""},
		{"10 MB of JSON", both(json(`{"photo":"` + strings.Repeat("A", 10_000_000) + `"}`)), tooManyBytes, "", ""},
		{"a million bytes of spaces", both(json(strings.Repeat(" ", 1_000_000))), malformed, "", ""},
		{"GET", func(path string) *http.Request { return request("GET", path, nil) }, wrongMethod, "", "takes POST and not GET"},
		{"DELETE", func(path string) *http.Request { return request("DELETE", path, nil) }, wrongMethod, "", ""},
		{"an invented method", func(path string) *http.Request { return request("BREW", path, nil) }, wrongMethod, "", ""},
		{"another name", func(path string) *http.Request {
			return request("POST", path, cut, "Content-Type", boundary, "Host", "evil.example")
		}, wrongHost, "", `"evil.example"`},
		{"a page of another site", func(path string) *http.Request {
			return request("POST", path, cut, "Content-Type", boundary, "Origin", "http://evil.example")
		}, crossSite, "", "another site"},
		{"a page of another port", func(path string) *http.Request {
			return request("POST", path, cut, "Content-Type", boundary, "Origin", "http://127.0.0.1:999", "Sec-Fetch-Site", "same-site")
		}, crossSite, "", ""},
		{"a sandboxed page", func(path string) *http.Request {
			return request("POST", path, cut, "Content-Type", boundary, "Origin", "null")
		}, crossSite, "", ""},
	} {
		for _, path := range []string{"/v1/predict", "/v1/explain"} {
			t.Run(c.name+path, func(t *testing.T) {
				w := do(t, s, c.make(path))
				p := wantProblem(t, w.Code, w.Header(), w.Body.Bytes(), c.kind)
				if p.Field != c.field || !strings.Contains(p.Detail, c.says) {
					t.Errorf("field %q, want %q: %s", p.Field, c.field, p.Detail)
				}
			})
		}
	}
	t.Run("class of predict", func(t *testing.T) {
		body, kind := formOf(photo, "class", "mel")
		w := do(t, s, post("/v1/predict", body, kind))
		wantProblem(t, w.Code, w.Header(), w.Body.Bytes(), unknownField)
		body, kind = formOf(photo, "class", "flu")
		w = do(t, s, post("/v1/explain", body, kind))
		wantProblem(t, w.Code, w.Header(), w.Body.Bytes(), invalidValue)
	})
	for _, path := range []string{"/../etc/passwd", "/v1/photos/../../etc/passwd", "/v1/./model", "/v1", "/v1/", "/v1/predict/", "/v1/model/..", "//v1/predict", "/V1/predict", "/v1/predict%00", "/page/index.html",
		"/page.js/", "/%2e%2e/page.js", "/.", "/v1/photos/", "/v1/photos/a/b", "/v1/photos/..%2f..%2fetc%2fpasswd", "/v1/photos/ISIC_0000000", "/openapi.json/x"} {
		t.Run(path, func(t *testing.T) {
			r := request("GET", "/", nil)
			r.URL.Path, r.URL.RawPath = strings.NewReplacer("%2f", "/", "%2e", ".", "%00", "\x00").Replace(path), path
			w := do(t, s, r)
			wantProblem(t, w.Code, w.Header(), w.Body.Bytes(), notFound)
		})
	}
}

// A photo of too many pixels costs no memory.
func TestBombCostsNoMemory(t *testing.T) {
	s := newStubServer(t, &stub{}, Options{})
	body, contentType := form(t, bomb(10_000, 10_000))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		w := do(t, s, request("POST", "/v1/predict", body, "Content-Type", contentType))
		wantProblem(t, w.Code, w.Header(), w.Body.Bytes(), tooManyPixels)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / 100; each > 1<<20 {
		t.Errorf("a bomb takes %d bytes", each)
	}
}

// listening serves on a port of its own and returns its address. The server is stopped at
// the end.
func listening(t testing.TB, s *Server) string {
	t.Helper()
	address, stop, done := started(t, s)
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return address
}

// Clients that are slow, that stop in the middle, and that speak no HTTP.
func TestBadConnections(t *testing.T) {
	s := newStubServer(t, &stub{}, Options{ReadTimeout: 300 * time.Millisecond})
	address := listening(t, s)
	body, contentType := form(t, jpegOf(t, picture(30, 20, color.White)))
	head := fmt.Sprintf("POST /v1/predict HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", address, contentType, len(body))
	// talk sends the text, closes its side if it shall, and returns the answer.
	talk := func(text string, half bool) (*http.Response, []byte) {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Minute))
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		if half {
			c.(*net.TCPConn).CloseWrite()
		}
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return nil, nil // closed without an answer
		}
		text2, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, text2
	}
	answer, text := talk(head+string(body[:len(body)/2]), false)
	if answer == nil {
		t.Fatal("a slow body gets no answer")
	}
	wantProblem(t, answer.StatusCode, answer.Header, text, tooSlow)
	answer, text = talk(head+string(body[:len(body)/2]), true)
	if answer == nil {
		t.Fatal("half a body gets no answer")
	}
	wantProblem(t, answer.StatusCode, answer.Header, text, connectionEnded)
	// All of the request and no more: it may be answered.
	if answer, text = talk(head+string(body), true); answer == nil || answer.StatusCode != 200 && answer.StatusCode != 400 {
		t.Errorf("%v %s", answer, text)
	}
	for _, noise := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", strings.Repeat("A", 70_000),
		"GET / HTTP/1.1\r\nHost: " + address + "\r\nX: " + strings.Repeat("x", 70_000) + "\r\n\r\n",
		"POST /v1/predict HTTP/1.1\r\nHost: " + address + "\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n"} {
		if answer, _ := talk(noise, true); answer != nil && answer.StatusCode/100 != 4 {
			t.Errorf("%.40q: %s", noise, answer.Status)
		}
	}
	start := time.Now()
	if answer, _ := talk("GET /healthz HTTP/1.1\r\nHost: ", false); answer != nil && answer.StatusCode/100 != 4 || time.Since(start) > 10*time.Second {
		t.Errorf("half a header: %v after %v", answer, time.Since(start))
	}
	// The server is as good as new.
	if w := post(t, s, "/v1/predict", jpegOf(t, picture(3, 2, color.White))); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
}
