package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn/serve"
)

// The command prints its address, answers what predict answers, and ends well when it is
// told to.
func TestServe(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	t.Setenv("SKINATTN_ENGINE", "go")
	t.Setenv("SKINATTN_TOKEN", "a-long-and-secret-word")
	dir := untrainedRun(t)
	photo := writePNG(t, filepath.Join(t.TempDir(), "a.png"), false)
	want := predictedRow(t, "--run", dir, photo, "--age", "40", "--sex", "male")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- execute(ctx, []string{"serve", "--run", dir, "--port", "0", "--json"}, in, &stderr)
		in.Close()
	}()
	var said struct {
		URL   string
		Token bool
	}
	if err := json.NewDecoder(out).Decode(&said); err != nil || !said.Token {
		t.Fatal(err, stderr.String())
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("photo", "a.png")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(photo)
	if err != nil {
		t.Fatal(err)
	}
	part.Write(text)
	w.WriteField("age", "40")
	w.WriteField("sex", "male")
	w.Close()
	for _, token := range []string{"", "a-long-and-secret-word"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", said.URL+"v1/predict", bytes.NewReader(body.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", w.FormDataContentType())
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if token == "" {
			if answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("without the token: %s", answer.Status)
			}
			continue
		}
		var got serve.Prediction
		if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatal(err, answer.Status)
		}
		if got.Prediction != want.Prediction || got.Model != dir || len(got.Assumed) != 1 {
			t.Errorf("%+v, predict says %+v", got, want)
		}
		for class, p := range want.Probabilities {
			if got.Probabilities[class] != p {
				t.Errorf("%s has %g, predict says %g", class, got.Probabilities[class], p)
			}
		}
	}
	cancel()
	if code := <-code; code != 0 {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	if _, err := http.Get(said.URL); err == nil {
		t.Error("the port is still open")
	}
}

func TestServeMistakes(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	t.Setenv("SKINATTN_TOKEN", "")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--port", "70000"}, 2, "--port is 70000"},
		{[]string{"--port=-1"}, 2, "--port is -1"},
		{[]string{"--token", "short"}, 2, "--token has 5 characters; it needs at least 16"},
		{[]string{"--listen", "0.0.0.0"}, 2, "--listen 0.0.0.0 lets other machines in: give --token"},
		{[]string{"--listen", "::"}, 2, "lets other machines in"},
		{[]string{"--listen", "no such host"}, 2, "--listen is \"no such host\""},
		{[]string{"--run", t.TempDir()}, 1, "'skinattn train' or 'skinattn weights import' makes one"},
		{[]string{"--port", port}, 1, "choose another --port; 0 takes a free one"},
	} {
		if code, _, stderr := call(t, append([]string{"serve"}, c.args...)...); code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit code %d, want %d: %s", c.args, code, c.code, stderr)
		}
	}
}

// The token in the printed address is the token, whatever characters it has.
func TestServeAddress(t *testing.T) {
	const token = "a+b c%41&d=#"
	var out bytes.Buffer
	c := serveCommand{Listen: "0.0.0.0", Token: token}
	if err := c.announce(&session{stdout: &out}, &net.TCPAddr{IP: net.IPv4zero, Port: 8420}); err != nil {
		t.Fatal(err)
	}
	line, rest, _ := strings.Cut(out.String(), "\n")
	address, behind, _ := strings.Cut(line, "#")
	values, err := url.ParseQuery(behind) // as URLSearchParams of the page does
	if err != nil || address != "http://localhost:8420/" || values.Get("token") != token || !strings.Contains(rest, purpose) {
		t.Errorf("%v %s", err, out.String())
	}
}
