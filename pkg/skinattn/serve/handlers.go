package serve

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"image/png"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/skinattn/skinattn/pkg/eval/saliency"
	"github.com/skinattn/skinattn/pkg/plots"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
)

// health says that the server takes requests.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	if s.stopping.Load() {
		s.refuse(w, stopping.new("The server answers what it has accepted and ends.").retryAfter(5))
		return
	}
	writeJSON(w, map[string]string{"status": "ok"})
}

func (s *Server) metricsText(w http.ResponseWriter, r *http.Request) {
	s.metrics.handler().ServeHTTP(w, r)
}

// model describes the network and what the server takes.
func (s *Server) model(w http.ResponseWriter, _ *http.Request) {
	net := s.net.info()
	m := Model{
		Model: s.opts.Name, Version: s.opts.Version, Backbone: net.Backbone, Size: net.Size, Views: max(net.Views, 1),
		SoftAttention: net.SoftAttention, Metadata: net.Metadata, Calibrated: s.opts.Calibration != nil,
		MeanAge: s.net.meanAge(), AgeRange: [2]int{0, skinattn.MaxAge}, Sexes: ham10000.Sexes, Localizations: ham10000.Localizations,
		MaxBytes: s.opts.MaxBytes, MaxPixels: s.opts.MaxPixels, Notes: s.opts.Notes, Purpose: Purpose,
	}
	for _, class := range ham10000.Classes {
		m.Classes = append(m.Classes, Class{class, ham10000.ClassName(class)})
	}
	if c := s.opts.Calibration; c != nil {
		m.Confidence = &ConfidenceRule{Threshold: c.Confidence.Threshold, Below: c.Confidence.Below}
		if c.Confidence.Below > 0 {
			m.Confidence.AccuracyBelow = c.Confidence.AccuracyBelow()
		}
	}
	if s.opts.Companion != nil {
		m.Similar, m.Unusual = s.opts.Companion.HasSimilar(), s.opts.Companion.Rule()
		m.Photos = m.Similar && s.opts.Photo != nil
	}
	writeJSON(w, m)
}

// photo serves a photo of the data set.
func (s *Server) photo(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if s.opts.Photo != nil {
		if path, ok := s.opts.Photo(id); ok {
			if f, err := os.Open(path); err == nil {
				defer f.Close()
				if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
					kind := "image/jpeg"
					if strings.EqualFold(filepath.Ext(path), ".png") {
						kind = "image/png"
					}
					w.Header().Set("Content-Type", kind)
					http.ServeContent(w, r, "", time.Time{}, f)
					return
				}
			}
		}
	}
	s.refuse(w, notFound.new("The server has no photo %s.", short(id)))
}

// predict answers what the network says of a photo.
func (s *Server) predict(w http.ResponseWriter, r *http.Request) {
	s.ask(w, r, false, func(q *question, in *input, raw skinattn.Prediction, answer Prediction) (any, *Problem) {
		return s.complete(r.Context(), q, in, answer)
	})
}

// explain answers where the network looks.
func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	s.ask(w, r, true, func(q *question, in *input, raw skinattn.Prediction, answer Prediction) (any, *Problem) {
		answer, p := s.complete(r.Context(), q, in, answer)
		if p != nil {
			return nil, p
		}
		class := q.class
		if class == explain.Predicted {
			class, _ = topTwo(raw.Probabilities)
		}
		var maps []explain.Map
		if err := s.batcher.do(func() (err error) { maps, err = s.net.explain(in, class); return err }); err != nil {
			return nil, s.failure("explaining", err)
		}
		x := Explanation{Prediction: answer, Class: ham10000.Classes[class], Photo: in.size,
			View: View{in.view.Min.X, in.view.Min.Y, in.view.Dx(), in.view.Dy()}}
		x.Probability = answer.Probabilities[x.Class]
		for _, m := range maps {
			drawn, err := newMap(m, s.net.info().Size)
			if err != nil {
				return nil, s.failure("drawing a map", err)
			}
			x.Maps = append(x.Maps, drawn)
		}
		return x, nil
	})
}

// ask reads a question, predicts its photo and answers with what finish makes of it.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, forExplain bool,
	finish func(q *question, in *input, raw skinattn.Prediction, answer Prediction) (any, *Problem)) {
	s.metrics.waiting.Inc()
	defer s.metrics.waiting.Dec()
	contentType, p := mediaType(r)
	if p != nil {
		s.refuse(w, p)
		return
	}
	most := s.maxBody(contentType)
	if r.ContentLength > most {
		w.Header().Set("Connection", "close") // the rest is not read
		s.refuse(w, tooManyBytes.new("The request has %d bytes; a photo may have %d.", r.ContentLength, s.opts.MaxBytes))
		return
	}
	size := r.ContentLength
	if size < 0 {
		size = most
	}
	release := s.limits.admit(size)
	if release == nil {
		w.Header().Set("Connection", "close")
		s.refuse(w, busy.new("Too many photos wait; come back in a moment.").retryAfter(2))
		return
	}
	defer release()
	r.Body = http.MaxBytesReader(w, r.Body, most)
	q, p := s.read(r, contentType, forExplain)
	if p != nil {
		s.refuse(w, p)
		return
	}
	value, p := s.answer(r.Context(), q, finish)
	if p == nil {
		if err := writeJSON(w, value); err != nil {
			p = s.failure("writing the answer", err)
		}
	}
	if p != nil {
		s.refuse(w, p)
	}
}

func (s *Server) answer(ctx context.Context, q *question, finish func(*question, *input, skinattn.Prediction, Prediction) (any, *Problem)) (any, *Problem) {
	deadline := time.Now().Add(s.opts.Patience)
	late := func() *Problem {
		if ctx.Err() != nil {
			return connectionEnded.new("The connection ended before the answer was there: keep it open for writing, too.")
		}
		return busy.new("Too many photos wait; come back in a moment.").retryAfter(5)
	}
	if !place(ctx, s.limits.ready, deadline) {
		return nil, late()
	}
	defer func() { <-s.limits.ready }()
	s.batcher.coming.Add(1)
	in, p := s.prepare(ctx, q, deadline, late)
	s.batcher.coming.Add(-1)
	if p != nil {
		return nil, p
	}
	defer s.net.release(in)
	used, err := q.given.Complete(s.net.meanAge())
	if err != nil { // check has accepted the words
		return nil, s.failure("completing the metadata", err)
	}
	in.metadata = used
	raw, err := s.batcher.predict(in)
	if err != nil {
		return nil, s.failure("predicting", err)
	}
	if slices.ContainsFunc(raw.Probabilities, func(p float32) bool { return math.IsNaN(float64(p)) }) {
		return nil, s.failure("predicting", errors.New("the network's probabilities are no numbers"))
	}
	return finish(q, in, raw, s.newPrediction(raw, q.given, used))
}

// prepare decodes a photo and makes the network's input of it.
func (s *Server) prepare(ctx context.Context, q *question, deadline time.Time, late func() *Problem) (*input, *Problem) {
	if !place(ctx, s.limits.takers, deadline) {
		return nil, late()
	}
	defer func() { <-s.limits.takers }()
	photo, err := imaging.DecodeUpTo(q.Photo, s.opts.MaxPixels)
	q.Photo = nil
	if err != nil {
		large, ok := errors.AsType[*imaging.TooLargeError](err)
		switch {
		case ok:
			return nil, tooManyPixels.new("The photo has %d x %d pixels; at most %d million in all are taken.", large.Width, large.Height, s.opts.MaxPixels/1_000_000).of("photo")
		case errors.Is(err, imaging.ErrFormat):
			return nil, notPhoto.new("The file is neither a JPEG nor a PNG photo, whatever its name says.").of("photo")
		}
		return nil, damagedPhoto.new("The photo can't be decoded: %s.", short(err.Error())).of("photo")
	}
	return s.net.prepare(photo), nil
}

// failure is the problem of an error that is no client's fault.
func (s *Server) failure(doing string, err error) *Problem {
	s.opts.Log("warning: " + doing + ": " + err.Error())
	return failed.new("The server failed; its log says why.")
}

// complete adds what the question asks for beside the prediction.
func (s *Server) complete(ctx context.Context, q *question, in *input, answer Prediction) (Prediction, *Problem) {
	if q.Sweep && s.net.info().Metadata {
		var err error
		if answer.Sweep, err = s.sweep(in); err != nil {
			return answer, s.failure("sweeping", err)
		}
	}
	if c := s.opts.Companion; c != nil && (q.Similar || q.Unusual) {
		photo := s.net.upright(in)
		err := s.batcher.do(func() (err error) {
			answer.Similar, answer.Unusual, err = c.Compare(context.WithoutCancel(ctx), photo, similarPhotos)
			return err
		})
		if err != nil {
			return answer, s.failure("comparing with the training photos", err)
		}
		if !q.Unusual {
			answer.Unusual = nil
		}
		if !q.Similar {
			answer.Similar = nil
		}
		for i, similar := range answer.Similar {
			if s.opts.Photo != nil {
				if _, ok := s.opts.Photo(similar.ImageID); ok {
					answer.Similar[i].Photo = "/v1/photos/" + similar.ImageID
				}
			}
		}
	}
	return answer, nil
}

// sweepAges are the ages of a sweep, in years: those that HAM10000 has.
var sweepAges = func() (ages []float64) {
	for age := 0.; age <= 85; age += 5 {
		ages = append(ages, age)
	}
	return ages
}()

// sweepPatients are the patients of a sweep: one whose age, sex and localization move in
// turn.
func sweepPatients(patient skinattn.Metadata) (patients []skinattn.Metadata) {
	for _, age := range sweepAges {
		m := patient
		m.Age = age
		patients = append(patients, m)
	}
	for _, sex := range ham10000.Sexes {
		m := patient
		m.Sex = sex
		patients = append(patients, m)
	}
	for _, localization := range ham10000.Localizations {
		m := patient
		m.Localization = localization
		patients = append(patients, m)
	}
	return patients
}

func (s *Server) sweep(in *input) (*Sweep, error) {
	patients := sweepPatients(in.metadata)
	var rows [][]float32
	if err := s.batcher.do(func() (err error) { rows, err = s.net.sweep(in, patients); return err }); err != nil {
		return nil, err
	}
	if c := s.opts.Calibration; c != nil {
		for i := range rows {
			rows[i] = c.Scaling.Probabilities(rows[i])
		}
	}
	sweep := &Sweep{Age: AgeSweep{Ages: sweepAges, Probabilities: map[string][]float32{}}}
	for k, class := range ham10000.Classes {
		for i := range sweepAges {
			sweep.Age.Probabilities[class] = append(sweep.Age.Probabilities[class], rows[i][k])
		}
	}
	rows = rows[len(sweepAges):]
	for i, sex := range ham10000.Sexes {
		sweep.Sex = append(sweep.Sex, WordSweep{sex, byClass(rows[i])})
	}
	rows = rows[len(ham10000.Sexes):]
	for i, localization := range ham10000.Localizations {
		sweep.Localization = append(sweep.Localization, WordSweep{localization, byClass(rows[i])})
	}
	return sweep, nil
}

// newMap is a map as it is sent, with a picture of size x size pixels.
func newMap(m explain.Map, size int) (Map, error) {
	sent := Map{Method: string(m.Method), Class: m.Class, Flat: m.Flat(), Values: slices.Collect(slices.Chunk(m.Values, m.Width))}
	sent.Low, sent.High = m.Range()
	colours := plots.HeatColors()
	colours.SetMin(0)
	colours.SetMax(max(float64(sent.High), 1e-12)) // a flat map of zeros has one colour
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	for i, v := range saliency.Upsample(m.Values, m.Height, m.Width, size, size) {
		heat, err := colours.At(min(max(float64(v), 0), colours.Max()))
		if err != nil {
			return sent, err
		}
		img.SetRGBA(i%size, i/size, color.RGBAModel.Convert(heat).(color.RGBA))
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		return sent, err
	}
	sent.Picture = base64.StdEncoding.EncodeToString(file.Bytes())
	return sent, nil
}
