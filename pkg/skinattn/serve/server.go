package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/skinattn/skinattn/internal/parallel"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// Options are the choices of [New]. Zero values stand for the defaults that are named.
type Options struct {
	Name        string           // of the model in answers
	Version     string           // of the program
	Calibration *run.Calibration // nil: probabilities are the network's own
	Notes       []string         // caveats of the network

	// Companion, if not nil, compares photos with the training part.
	Companion Companion
	// Photo, if not nil, returns the path of a photo of the data set by its id.
	Photo func(id string) (path string, ok bool)

	// Token, if not empty, is wanted from everyone who asks the API.
	Token string
	// Hosts are names that the server is called by, without port, beside the names of this
	// machine for itself (localhost and its addresses).
	Hosts []string
	// AnyAddress also takes requests that call the server by a number, any IP address.
	AnyAddress bool

	MaxBytes  int64         // of a photo's file: 20 MiB
	MaxPixels int           // of a photo: 50 million
	Queue     int           // requests that are not answered yet: 256
	Wait      time.Duration // of a photo for others, to be predicted together: 10 ms; below 0: none

	ReadTimeout time.Duration // for a request to arrive: 30 s
	Patience    time.Duration // of a photo in the queue: 60 s

	Log func(line string) // nil: nothing is logged
}

// Companion compares photos with those of the training part. Its methods are called by one
// goroutine at a time, the one that computes predictions: it may use the same engine.
type Companion interface {
	// Compare returns the most similar photos of the training part, the nearest first and
	// without their addresses, and how unusual a photo is. Either is nil if there is
	// none. photo is [Size Size 3], upright, as the network takes it.
	Compare(ctx context.Context, photo []float32, most int) ([]Similar, *Unusual, error)
	// HasSimilar reports whether Compare returns similar photos.
	HasSimilar() bool
	// Rule describes the score of unusual photos, nil without one.
	Rule() *UnusualRule
}

// similarPhotos is the number of similar photos in an answer.
const similarPhotos = 5

func (o Options) withDefaults() Options {
	o.MaxBytes = cmp.Or(o.MaxBytes, 20<<20)
	o.MaxPixels = min(cmp.Or(o.MaxPixels, 50_000_000), imaging.MaxPixels)
	o.Queue = cmp.Or(o.Queue, 256)
	o.Wait = max(cmp.Or(o.Wait, 10*time.Millisecond), 0)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, 30*time.Second)
	o.Patience = cmp.Or(o.Patience, time.Minute)
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return o
}

// bodyBytes is the memory for files of photos that have not been decoded yet.
const bodyBytes = 512 << 20

// preparedBatches is the number of batches that may be prepared, that in the engine
// included.
const preparedBatches = 3

// Server answers requests. It is safe for use by several goroutines.
type Server struct {
	opts     Options
	net      network
	batcher  *batcher
	limits   *limits
	metrics  *metrics
	handler  http.Handler
	stopping atomic.Bool
}

// New returns a server for a model, which no one else may use until Close. It compiles, or
// loads, what predictions need and takes a second or more; the rest follows while the server
// waits, and between the first answers.
func New(ctx context.Context, model *skinattn.Model, opts Options) (*Server, error) {
	net, err := newCompiled(ctx, model, opts.Companion)
	if err != nil {
		return nil, fmt.Errorf("preparing the server: %w", err)
	}
	return newServer(net, opts), nil
}

func newServer(net network, opts Options) *Server {
	s := &Server{opts: opts.withDefaults(), net: net, metrics: newMetrics()}
	s.batcher = newBatcher(net, s.opts.Wait, s.metrics, s.opts.Log)
	s.limits = newLimits(s.opts.Queue, bodyBytes, parallel.Cores(), preparedBatches*net.capacity())
	s.handler = s.guarded(s.routes())
	return s
}

// Close frees what the server computes with; the model stays. Serve must have returned.
func (s *Server) Close() {
	s.batcher.close()
	s.net.close()
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Times of the end.
const (
	lingering = time.Second      // in which connections that came in are still accepted
	ending    = 90 * time.Second // for requests that were accepted
)

// Serve answers requests from listener until ctx is done. It then answers all that were
// accepted, takes no others, and returns nil.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: min(10*time.Second, s.opts.ReadTimeout),
		ReadTimeout:       s.opts.ReadTimeout,
		WriteTimeout:      s.opts.ReadTimeout + s.opts.Patience + 30*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(errorLog{}, "", 0),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	// The system has accepted connections that this program has not seen yet, and requests
	// are under way on connections that are open: they are answered with "Connection:
	// close" for a moment, and then the listener closes.
	s.stopping.Store(true)
	time.Sleep(lingering)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), ending)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		server.Close()
		return fmt.Errorf("stopping: requests were not answered within %v: %w", ending, err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// errorLog drops what net/http says of bad connections: it has addresses of clients.
type errorLog struct{}

func (errorLog) Write(p []byte) (int, error) { return len(p), nil }

// isHost reports whether the server may be called by the host of a request. A page of
// another site whose name was made to point to this machine has another one.
func (s *Server) isHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if ip := net.ParseIP(name); ip != nil {
		return ip.IsLoopback() || s.opts.AnyAddress
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	for _, known := range s.opts.Hosts {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	return false
}
