package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// onHangup returns a context that also ends when the terminal goes away, and a function to
// call at the end. nohup keeps its meaning.
func onHangup(ctx context.Context) (context.Context, func()) {
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		<-hangup // shell and system may each send one: the second must not end the saving
		// Whoever read the output through a pipe has gone, too.
		signal.Ignore(syscall.SIGPIPE)
		cancel()
	}()
	return ctx, func() { signal.Stop(hangup) }
}

// outliveReader keeps a command that takes hours from ending, without saving, because what reads its progress through a pipe
// has ended, such as the tee of a terminal that went away. Its answer is still one that could not be written.
func outliveReader() { signal.Ignore(syscall.SIGPIPE) }
