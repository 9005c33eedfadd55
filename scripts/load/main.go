// Load asks a server about photos from many clients at once, compares every answer with the
// one that it should have, and prints what it measured as JSON. bench/serve.sh runs it.
//
//	go run ./scripts/load -url http://127.0.0.1:8420 -answers FILE [-clients 64] [-seconds 60] [-pid PID]
//
// FILE is the answer of 'skinattn predict --json' for the photos.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// answer is an entry of predict's answer, and a server's answer.
type answer struct {
	Image         string             `json:"image"`
	Prediction    string             `json:"prediction"`
	Probabilities map[string]float64 `json:"probabilities"`
	Metadata      *struct {
		Age               float64
		Sex, Localization string
	} `json:"metadata"`
	Assumed []string `json:"assumed"`
}

// question is a request that is sent again and again.
type question struct {
	body, kind string
	want       answer
}

// result is what was measured.
type result struct {
	Clients         int     `json:"clients"`
	Seconds         float64 `json:"seconds"`
	Answers         int     `json:"answers"`
	PhotosPerSecond float64 `json:"photos_per_second"`
	P50             float64 `json:"p50_seconds"`
	P95             float64 `json:"p95_seconds"`
	P99             float64 `json:"p99_seconds"`
	Max             float64 `json:"max_seconds"`
	Wrong           int64   `json:"wrong"`   // answers with other probabilities
	Lost            int64   `json:"lost"`    // requests without an answer
	Refused         int64   `json:"refused"` // answers other than 200
	// MaxOff is the greatest difference of a probability.
	MaxOff float64 `json:"max_difference"`
	// Memory has the mean resident memory of the server in each third of the time, in
	// bytes; PeakMemory is the greatest that was seen.
	Memory     []float64 `json:"memory_by_third,omitempty"`
	PeakMemory float64   `json:"peak_memory,omitempty"`
	// FirstError is the text of the first answer that was not as it should be.
	FirstError string `json:"first_error,omitempty"`
}

func main() {
	url := flag.String("url", "http://127.0.0.1:8420", "address of the server")
	path := flag.String("answers", "", "answer of 'skinattn predict --json' for the photos to ask about")
	clients := flag.Int("clients", 64, "clients that ask at the same time")
	seconds := flag.Float64("seconds", 60, "how long they ask")
	tolerance := flag.Float64("tolerance", 0, "greatest difference of a probability")
	pid := flag.Int("pid", 0, "process whose memory is watched")
	flag.Parse()
	if err := run(*url, *path, *clients, time.Duration(*seconds*float64(time.Second)), *tolerance, *pid); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(url, path string, clients int, duration time.Duration, tolerance float64, pid int) error {
	questions, err := read(path)
	if err != nil {
		return err
	}
	l := &load{url: url, questions: questions, tolerance: tolerance}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}, Timeout: 2 * time.Minute}
	start := time.Now()
	end := start.Add(duration)
	memory := watch(pid, end)
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for time.Now().Before(end) {
				l.ask(client)
			}
		})
	}
	group.Wait()
	return json.NewEncoder(os.Stdout).Encode(l.result(clients, time.Since(start), <-memory))
}

// read makes the requests.
func read(path string) ([]question, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var answers []answer
	if err := json.Unmarshal(text, &answers); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	var questions []question
	for _, want := range answers {
		photo, err := os.ReadFile(want.Image)
		if err != nil {
			return nil, err
		}
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		part, err := w.CreateFormFile("photo", filepath.Base(want.Image))
		if err != nil {
			return nil, err
		}
		part.Write(photo)
		if m := want.Metadata; m != nil {
			for name, value := range map[string]string{"age": strconv.FormatFloat(m.Age, 'g', -1, 64), "sex": m.Sex, "localization": m.Localization} {
				if !slices.Contains(want.Assumed, name) {
					w.WriteField(name, value)
				}
			}
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		questions = append(questions, question{body.String(), w.FormDataContentType(), want})
	}
	if len(questions) == 0 {
		return nil, fmt.Errorf("%s has no photo", path)
	}
	return questions, nil
}

// load is what the clients share.
type load struct {
	url       string
	questions []question
	tolerance float64
	next      atomic.Int64

	mu     sync.Mutex
	times  []float64
	counts result
}

// ask sends the next request and judges the answer.
func (l *load) ask(client *http.Client) {
	q := l.questions[int(l.next.Add(1)-1)%len(l.questions)]
	start := time.Now()
	status, text, err := send(client, l.url+"/v1/predict", q)
	elapsed := time.Since(start).Seconds()
	var got answer
	if err == nil && status == http.StatusOK {
		err = json.Unmarshal(text, &got)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.counts.Lost++
		l.note(err.Error())
	case status != http.StatusOK:
		l.counts.Refused++
		l.note(string(text))
		return
	default:
		l.times = append(l.times, elapsed)
		off := 0.
		for class, want := range q.want.Probabilities {
			p, ok := got.Probabilities[class]
			if !ok {
				off = math.Inf(1)
			}
			off = max(off, math.Abs(p-want))
		}
		l.counts.MaxOff = max(l.counts.MaxOff, off)
		if !(off <= l.tolerance) {
			l.counts.Wrong++
			l.note(fmt.Sprintf("%s: %s, want %v", filepath.Base(q.want.Image), text, q.want.Probabilities))
		}
	}
}

func (l *load) note(text string) {
	if l.counts.FirstError == "" {
		l.counts.FirstError = text
	}
}

func send(client *http.Client, url string, q question) (status int, text []byte, err error) {
	answer, err := client.Post(url, q.kind, strings.NewReader(q.body))
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	return answer.StatusCode, text, err
}

func (l *load) result(clients int, elapsed time.Duration, memory []float64) result {
	r := l.counts
	r.Clients, r.Seconds, r.Answers = clients, elapsed.Seconds(), len(l.times)
	r.PhotosPerSecond = float64(r.Answers) / r.Seconds
	slices.Sort(l.times)
	if n := len(l.times); n > 0 {
		at := func(share float64) float64 { return l.times[min(int(math.Ceil(share*float64(n)))-1, n-1)] }
		r.P50, r.P95, r.P99, r.Max = at(.5), at(.95), at(.99), l.times[n-1]
	}
	if n := len(memory) / 3; n > 0 {
		for third := range 3 {
			var sum float64
			for _, bytes := range memory[third*n : (third+1)*n] {
				sum += bytes
			}
			r.Memory = append(r.Memory, sum/float64(n))
		}
		r.PeakMemory = slices.Max(memory)
	}
	return r
}

// watch returns the resident memory of a process, in bytes, every quarter of a second until
// the end. Without a process, or on a system that does not tell, it is nil.
func watch(pid int, end time.Time) <-chan []float64 {
	all := make(chan []float64, 1)
	go func() {
		var memory []float64
		for time.Now().Before(end) && pid > 0 {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if err != nil {
				break
			}
			for line := range strings.Lines(string(status)) {
				var kib float64
				if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
					memory = append(memory, kib*1024)
				}
			}
			time.Sleep(250 * time.Millisecond)
		}
		all <- memory
	}()
	return all
}
