package serve

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics count requests and times. No label holds anything that a client sends: the
// numbers of series is fixed.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec   // by route and status
	seconds  *prometheus.HistogramVec // by route
	problems *prometheus.CounterVec   // by kind
	batches  prometheus.Histogram     // photos in a batch
	compute  prometheus.Histogram     // seconds of a batch
	waiting  prometheus.Gauge         // requests that are not answered yet
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "skinattn_http_requests_total", Help: "Answered requests."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "skinattn_http_request_seconds", Help: "Time from the header of a request to the end of its answer.",
			Buckets: prometheus.ExponentialBuckets(.005, 2, 14)}, []string{"route"}),
		problems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "skinattn_problems_total", Help: "Answers that are a problem, by its kind."}, []string{"kind"}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "skinattn_batch_photos", Help: "Photos that were predicted together.", Buckets: []float64{1, 2, 4, 8, 16, 32}}),
		compute: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "skinattn_batch_seconds", Help: "Time to predict a batch.", Buckets: prometheus.ExponentialBuckets(.005, 2, 12)}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "skinattn_requests_waiting", Help: "Requests about photos that are being read, queued or computed."}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.problems, m.batches, m.compute, m.waiting,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, k := range kinds {
		m.problems.WithLabelValues(k.name)
	}
	return m
}

func (m *metrics) request(route string, status int, elapsed time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(elapsed.Seconds())
}

func (m *metrics) batch(photos int, elapsed time.Duration) {
	m.batches.Observe(float64(photos))
	m.compute.Observe(elapsed.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
