package serve

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	_ "embed" // for openapi.json
)

// pageFiles is the page, whose files are served as they are.
//
//go:embed page
var pageFiles embed.FS

// OpenAPI is the description of the API, an OpenAPI 3.1 document in JSON.
//
//go:embed openapi.json
var OpenAPI []byte

// route is an address of the API.
type route struct {
	method, pattern string
	open            bool // without a token
	handle          func(s *Server, w http.ResponseWriter, r *http.Request)
}

// apiRoutes are all addresses but those of the page. openapi.json describes the same.
var apiRoutes = []route{
	{"GET", "/v1/model", false, (*Server).model},
	{"POST", "/v1/predict", false, (*Server).predict},
	{"POST", "/v1/explain", false, (*Server).explain},
	{"GET", "/v1/photos/{id}", false, (*Server).photo},
	{"GET", "/healthz", true, (*Server).health},
	{"GET", "/metrics", false, (*Server).metricsText},
	{"GET", "/openapi.json", true, func(_ *Server, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(OpenAPI)
	}},
}

// routes answers by address and method.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, route := range apiRoutes {
		mux.HandleFunc(route.pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != route.method && !(route.method == http.MethodGet && r.Method == http.MethodHead) {
				s.refuseMethod(w, r, route.method)
				return
			}
			if !route.open {
				if p := s.allowed(r); p != nil {
					s.refuse(w, p)
					return
				}
			}
			route.handle(s, w, r)
		})
	}
	mux.HandleFunc("/", s.page)
	return mux
}

func (s *Server) refuseMethod(w http.ResponseWriter, r *http.Request, method string) {
	allow := method
	if method == http.MethodGet {
		allow = "GET, HEAD"
	}
	s.refuse(w, wrongMethod.new("%s takes %s and not %s.", short(r.URL.Path), method, short(r.Method)).with("Allow", allow))
}

// pageTypes are the media types of the page's files. The system's table may have others.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".json": "application/json", ".webmanifest": "application/manifest+json",
}

// page serves the files of the page.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	text, err := fs.ReadFile(pageFiles, "page/"+name)
	kind, known := pageTypes[path.Ext(name)]
	if err != nil || !known {
		s.refuse(w, nothingAt(r))
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.refuseMethod(w, r, http.MethodGet)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(text)
}

func nothingAt(r *http.Request) *Problem {
	return notFound.new("Nothing is at %s; openapi.json lists the addresses.", short(r.URL.Path))
}

// routeName is the route of a request in the metrics: one of few words.
func routeName(r *http.Request) string {
	pattern := r.URL.Path
	if strings.HasPrefix(pattern, "/v1/photos/") {
		pattern = "/v1/photos/{id}"
	}
	if slices.ContainsFunc(apiRoutes, func(known route) bool { return known.pattern == pattern }) {
		return pattern
	}
	return "page"
}

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", jsonType)
	w.Write(append(text, '\n')) // the client may have gone
	return nil
}
