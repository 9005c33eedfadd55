package serve

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn"
)

// batcher is the one goroutine that computes. Photos that are ready at about the same time
// are predicted together.
type batcher struct {
	net     network
	wait    time.Duration // the longest time that a ready photo waits for others
	metrics *metrics
	log     func(string)

	photos chan *predictJob
	tasks  chan *task
	// coming counts the photos that have arrived and are not ready yet. With none, waiting
	// would gain nothing.
	coming atomic.Int64
	warm   chan struct{} // closed when the network has made all its preparations
	stop   chan struct{}
	done   sync.WaitGroup
}

// predictJob is a photo to predict.
type predictJob struct {
	in     *input
	answer chan predicted // has room for the answer
}

type predicted struct {
	skinattn.Prediction
	err error
}

// task is other work for the engine.
type task struct {
	work func() error
	err  chan error // has room for the answer
}

func newBatcher(net network, wait time.Duration, m *metrics, log func(string)) *batcher {
	b := &batcher{net: net, wait: wait, metrics: m, log: log,
		photos: make(chan *predictJob), tasks: make(chan *task), warm: make(chan struct{}), stop: make(chan struct{})}
	b.done.Go(b.run)
	return b
}

// close ends the goroutine. No predict and no do may be running or follow.
func (b *batcher) close() {
	close(b.stop)
	b.done.Wait()
}

// predict computes a photo's prediction, possibly with those of others.
func (b *batcher) predict(in *input) (skinattn.Prediction, error) {
	job := &predictJob{in, make(chan predicted, 1)}
	b.photos <- job
	answer := <-job.answer
	return answer.Prediction, answer.err
}

// do runs work on the goroutine that computes.
func (b *batcher) do(work func() error) error {
	t := &task{work, make(chan error, 1)}
	b.tasks <- t
	return <-t.err
}

func (b *batcher) run() {
	// A preparation after each answer, so that neither waits for the end of the other.
	for more := true; more; {
		select {
		case <-b.stop:
			return
		case t := <-b.tasks:
			t.err <- b.protected(t.work)
		case first := <-b.photos:
			b.predictAll(b.collect(first))
		default:
		}
		if err := b.protected(func() (err error) { more, err = b.net.warm(); return err }); err != nil {
			b.log("warning: preparing answers: " + err.Error())
		}
	}
	close(b.warm)
	for {
		select {
		case <-b.stop:
			return
		case t := <-b.tasks:
			t.err <- b.protected(t.work)
		case first := <-b.photos:
			b.predictAll(b.collect(first))
		}
	}
}

// collect returns a batch that begins with a photo. It waits for more while there is room,
// others are coming and the first has not waited too long.
func (b *batcher) collect(first *predictJob) []*predictJob {
	batch, most := []*predictJob{first}, b.net.together()
	deadline := time.NewTimer(b.wait)
	defer deadline.Stop()
	for len(batch) < most {
		select {
		case job := <-b.photos:
			batch = append(batch, job)
			continue
		default:
		}
		if b.coming.Load() == 0 {
			break
		}
		select {
		case job := <-b.photos:
			batch = append(batch, job)
		case <-deadline.C:
			return batch
		}
	}
	return batch
}

func (b *batcher) predictAll(batch []*predictJob) {
	inputs := make([]*input, len(batch))
	for i, job := range batch {
		inputs[i] = job.in
	}
	var predictions []skinattn.Prediction
	start := time.Now()
	err := b.protected(func() (err error) {
		predictions, err = b.net.predict(inputs)
		return err
	})
	b.metrics.batch(len(batch), time.Since(start))
	for i, job := range batch {
		if err != nil {
			job.answer <- predicted{err: err}
		} else {
			job.answer <- predicted{Prediction: predictions[i]}
		}
	}
}

// protected turns a panic into an error: the server goes on.
func (b *batcher) protected(work func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			b.log(fmt.Sprintf("warning: computing an answer failed: %v\n%s", cause, debug.Stack()))
			err = fmt.Errorf("computing the answer failed")
		}
	}()
	return work()
}
