package cli

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/skinattn/skinattn/pkg/skinattn/ham10000/dataverse"
)

type dataFetchCommand struct {
	Folder       string `arg:"" optional:"" default:"data/ham10000" help:"Folder to make (default: data/ham10000)."`
	Yes          bool   `help:"Accept the licence (asked for otherwise)."`
	OnlyMetadata bool   `help:"The metadata table only (0.7 MB)."`
	WithTest     bool   `help:"Also the official ISIC 2018 Task 3 test images with their table (0.4 GB), into the folder isic2018_test beside it."`
	KeepArchives bool   `help:"Keep the zip files (FOLDER/.download) after unpacking."`
}

// Run fetches, then checks as 'data check' does.
func (c *dataFetchCommand) Run(s *session) error {
	switch {
	case c.Folder == "":
		return usagef("the folder's name is empty")
	case c.OnlyMetadata && c.WithTest:
		return usagef("--only-metadata and --with-test exclude each other")
	}
	folder, err := filepath.Abs(c.Folder)
	if err != nil {
		return err
	}
	if err := c.accept(s); err != nil {
		return err
	}
	err = dataverse.Fetch(s.ctx, folder, dataverse.Options{OnlyMetadata: c.OnlyMetadata, WithTest: c.WithTest, KeepArchives: c.KeepArchives,
		Log: s.log, Progress: s.byteProgress, Free: freeBytes})
	if err != nil {
		return err
	}
	if c.WithTest {
		s.log("the official test is in " + dataverse.TestDir(folder) + " (--test-data)")
	}
	s.log("done; use it with: export SKINATTN_DATA=" + folder)
	if !c.OnlyMetadata {
		s.Data = folder
		return dataCheckCommand{}.Run(s)
	}
	if s.JSON {
		return s.answer(map[string]string{"dir": folder})
	}
	return nil
}

// accept shows the licence and returns an error unless it is accepted.
func (c *dataFetchCommand) accept(s *session) error {
	fmt.Fprintln(s.stderr, dataverse.Licence)
	if c.Yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usagef("the licence is to be accepted: add --yes")
	}
	fmt.Fprint(s.stderr, "Type yes to accept: ")
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("the licence was not accepted; nothing was fetched")
	}
	return nil
}
