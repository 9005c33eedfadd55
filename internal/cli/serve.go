package cli

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/skinattn/skinattn/models"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/serve"
)

type serveCommand struct {
	Dir    string   `name:"run" help:"Run folder with the trained network (default: the released model)." placeholder:"DIR"`
	Listen string   `help:"Address to listen on; another than this machine's own takes --token (default: ${default})." default:"127.0.0.1" placeholder:"ADDRESS"`
	Port   int      `help:"Port to listen on; 0 takes a free one (default: ${default})." default:"8420" placeholder:"N"`
	Token  string   `help:"Token that every request to the API must have, of at least 16 characters." env:"SKINATTN_TOKEN" placeholder:"TOKEN"`
	Host   []string `help:"With --listen: a name that the server is called by, such as that of a proxy." placeholder:"NAME"`
}

// leastToken is the shortest token, in bytes.
const leastToken = 16

func (c *serveCommand) Run(s *session) error {
	opts, err := c.options()
	if err != nil {
		return err
	}
	folder, err := models.Open(c.Dir)
	if err != nil {
		return err
	}
	// The port is taken before the engine starts, so that a taken one is reported at once.
	listener, err := net.Listen("tcp", net.JoinHostPort(c.Listen, strconv.Itoa(c.Port)))
	if err != nil {
		return fmt.Errorf("listening on %s: %w", net.JoinHostPort(c.Listen, strconv.Itoa(c.Port)), err)
	}
	defer listener.Close()
	var data *ham10000.Dataset
	if s.Data != "" {
		if data, err = s.openData(); err != nil {
			return err
		}
		opts.Photo = data.ImagePath
	}
	network, err := s.openPredictorWith(folder, data, s.openEngine) // which the page's Grad-CAM takes
	if err != nil {
		return err
	}
	defer network.Close()
	opts.Companion = serve.NewCompanion(network.likeness)
	opts.Name, opts.Calibration, opts.Notes, opts.Version, opts.Log = network.name, network.calibration, network.notes(), run.CurrentEnvironment("", "").Commit, s.log
	server, err := serve.New(s.ctx, network.Model, opts)
	if err != nil {
		return err
	}
	defer server.Close()
	if err := c.announce(s, listener.Addr().(*net.TCPAddr)); err != nil {
		return err
	}
	return server.Serve(s.ctx, listener)
}

// options returns the options that the flags ask for, or an error for flags that do not go
// together.
func (c *serveCommand) options() (serve.Options, error) {
	opts := serve.Options{Token: c.Token, Hosts: c.Host}
	if c.Port < 0 || c.Port > 65535 {
		return opts, usagef("--port is %d; it must be in 0 to 65535", c.Port)
	}
	if c.Token != "" && len(c.Token) < leastToken {
		return opts, usagef("--token has %d characters; it needs at least %d, such as openssl rand -hex 16 gives", len(c.Token), leastToken)
	}
	addresses, err := net.DefaultResolver.LookupIPAddr(context.Background(), c.Listen)
	if err != nil {
		return opts, usagef("--listen is %q, which is no address of this machine: %w", c.Listen, err)
	}
	if slices.ContainsFunc(addresses, func(a net.IPAddr) bool { return !a.IP.IsLoopback() }) {
		if c.Token == "" {
			return opts, usagef("--listen %s lets other machines in: give --token, or set $SKINATTN_TOKEN", c.Listen)
		}
		opts.AnyAddress = true
		opts.Hosts = append(opts.Hosts, c.Listen)
		if name, err := os.Hostname(); err == nil {
			opts.Hosts = append(opts.Hosts, name)
		}
	}
	return opts, nil
}

// announce prints the address of the page.
func (c *serveCommand) announce(s *session, at *net.TCPAddr) error {
	host := c.Listen
	if at.IP.IsUnspecified() {
		host = "localhost"
	}
	page := url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(at.Port)), Path: "/"}
	if s.JSON {
		return s.answer(map[string]any{"url": page.String(), "token": c.Token != ""})
	}
	// The part behind # stays in the browser.
	if c.Token != "" {
		page.Fragment, page.RawFragment = "token="+c.Token, "token="+strings.ReplaceAll(url.QueryEscape(c.Token), "+", "%20")
	}
	_, err := fmt.Fprintf(s.stdout, "%s\n%s; Ctrl-C ends\n", page.String(), serve.Purpose)
	return err
}
