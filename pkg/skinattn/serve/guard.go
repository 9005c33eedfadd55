package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"
)

// headers are in every answer.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cross-Origin-Embedder-Policy": "require-corp",
	"Permissions-Policy":           "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
	"Cache-Control":                "no-store",
}

// guarded puts before the routes what concerns all requests: headers, the name that the
// server is called by, other sites, counting, and panics.
func (s *Server) guarded(routes http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		answer := &answerWriter{ResponseWriter: w}
		defer func() {
			if cause := recover(); cause != nil {
				if cause == http.ErrAbortHandler {
					panic(cause)
				}
				s.opts.Log(fmt.Sprintf("warning: answering failed: %v\n%s", cause, debug.Stack()))
				if answer.status == 0 {
					s.refuse(answer, failed.new("The server failed; its log says why."))
				}
			}
			s.metrics.request(routeName(r), answer.status, time.Since(start))
		}()
		for name, value := range headers {
			answer.Header().Set(name, value)
		}
		if s.stopping.Load() {
			answer.Header().Set("Connection", "close")
		}
		switch {
		case !s.isHost(r.Host):
			s.refuse(answer, wrongHost.new("The server is not called %q; open it by the address that it printed.", short(r.Host)))
		case protection.Check(r) != nil, foreign(r):
			s.refuse(answer, crossSite.new("The request comes from a page of another site."))
		case !isPlain(r.URL.Path):
			s.refuse(answer, nothingAt(r))
		default:
			routes.ServeHTTP(answer, r)
		}
	})
}

// isPlain reports whether a path has no "..", "." and "//", for which routes redirects elsewhere.
func isPlain(p string) bool {
	clean := path.Clean(p)
	return p == clean || p == clean+"/" || p == ""
}

// foreign reports whether a page of another site asks for data. It may link to the page.
func foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site != "" && site != "same-origin" && site != "none" && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// allowed checks the token of a request.
func (s *Server) allowed(r *http.Request) *Problem {
	if s.opts.Token == "" {
		return nil
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	// Hashes have one length: the comparison takes the same time for every token.
	given, want := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(s.opts.Token))
	if strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(given[:], want[:]) == 1 {
		return nil
	}
	return noToken.new("The server wants its token: send the header Authorization: Bearer TOKEN.").with("WWW-Authenticate", "Bearer")
}

// refuse answers with a problem.
func (s *Server) refuse(w http.ResponseWriter, p *Problem) {
	s.metrics.problems.WithLabelValues(strings.TrimPrefix(p.Type, problemURN)).Inc()
	p.write(w)
}

// answerWriter remembers the status of an answer.
type answerWriter struct {
	http.ResponseWriter
	status int
}

func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
