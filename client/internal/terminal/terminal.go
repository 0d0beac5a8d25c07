package terminal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

const (
	// look is how often a Terminal looks whether something is different: the foreground, the size,
	// the end of what it waits for. There is no event for the first.
	look = 100 * time.Millisecond
	// mostHistory is how many lines the arrow keys bring back.
	mostHistory = 200
	// mostRows is how many rows of an entered line are shown.
	mostRows = 10

	pasteOn, pasteOff = "\x1b[?2004h", "\x1b[?2004l"
)

var (
	// ErrTooLong is a line of more bytes than Open allows.
	ErrTooLong = errors.New("the line is too long")
	// ErrCutOff is a line that is as long as a terminal without editing lets a line be. It may have
	// been longer: the system drops the rest.
	ErrCutOff = errors.New("the line may be longer, and the terminal has cut it off")
	// ErrHungUp says that the terminal is gone.
	ErrHungUp = errors.New("the terminal is gone")

	errTimeout = errors.New("nothing was typed")
	errClosed  = errors.New("the terminal is closed")
)

// Terminal is a person's terminal. One goroutine reads lines; others may write at the same time, to
// what Output returns. What is being typed then stays below.
//
// It reads, and changes the terminal's modes, only while the program is in the foreground: else the
// system would stop the program. From ReadLine to Close the terminal does not echo; Ctrl+C is a
// signal, and Ctrl+Z stops the program. Where lines cannot be edited (TERM=dumb), the terminal
// stays as it is.
type Terminal struct {
	// Static after construction.
	screen io.Writer
	edit   bool

	reading sync.Mutex // held by ReadLine

	// Owned by who holds reading.
	data    []byte // read and not used yet
	stale   bool   // no more has come of data for a while
	pasting bool
	ended   error // the input's end

	mu      sync.Mutex
	tty     *tty
	line    line
	prompt  string
	asking  bool // ReadLine is called
	raw     bool // the modes are those for editing
	shown   bool // the prompt and the line are on the screen
	view    view // as they are
	columns int  // of the screen then
	closed  bool
	history []string
	at      int    // of history: the line that is shown; its length is the new one
	draft   string // the new line meanwhile

	continued   chan os.Signal
	stopWaiting func() // for that
}

// Open returns a Terminal that reads from in and draws on screen. Lines may have so many bytes.
// escape appends a text with all in it escaped that would drive a terminal.
func Open(in *os.File, screen io.Writer, maxLine int, escape func(dst, text []byte) []byte) *Terminal {
	kind := os.Getenv("TERM")
	edit := kind != "dumb" && (kind != "" || runtime.GOOS == "windows") // where nobody sets it
	t := &Terminal{screen: screen, edit: edit && obeys(screen), tty: newTTY(in), continued: make(chan os.Signal, 1)}
	t.line = line{most: maxLine, escape: escape}
	t.stopWaiting = t.watchContinue()
	return t
}

// Close restores the terminal. What is still to come of a paste is thrown away: it was not meant
// for the program that reads the terminal next.
func (t *Terminal) Close() {
	if t.reading.TryLock() {
		t.drain()
		t.reading.Unlock()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.stopWaiting()
	t.closed = true
	t.leave()
}

func (t *Terminal) drain() {
	for end := time.Now().Add(2 * time.Second); t.pasting && time.Now().Before(end); {
		if i := bytes.Index(t.data, []byte(pasteEnd)); i >= 0 {
			return
		}
		t.data = t.data[max(len(t.data)-len(pasteEnd), 0):]
		if err := t.fill(); err != nil {
			return
		}
	}
}

// ReadLine waits for a line that is typed, and returns it without its line end. io.EOF is Ctrl+D.
// After ErrTooLong and ErrCutOff it can be called again. When ctx ends first, the line so far is
// kept for the next call.
func (t *Terminal) ReadLine(ctx context.Context, prompt string) (string, error) {
	t.reading.Lock()
	defer t.reading.Unlock()
	t.mu.Lock()
	t.asking, t.prompt = true, prompt
	if here, err := t.tty.foreground(); t.raw && here && err == nil {
		t.tty.keysSignal(false)
		t.draw()
	} else if !t.edit {
		io.WriteString(t.screen, prompt)
	}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.asking = false
		t.moveOn()
		if here, err := t.tty.foreground(); t.raw && here && err == nil {
			t.tty.keysSignal(true)
		}
	}()
	for {
		if line, err, ok := t.take(); ok {
			return line, err
		}
		if t.ended != nil {
			return "", t.ended
		}
		if err := t.wait(ctx); err != nil {
			return "", err
		}
	}
}

// Remember lets the arrow keys bring a line back.
func (t *Terminal) Remember(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.history); line == "" || n > 0 && t.history[n-1] == line {
		return
	}
	t.history = append(t.history, strings.Clone(line))
	if len(t.history) > mostHistory {
		t.history = t.history[1:]
	}
	t.at = len(t.history)
}

// Output returns a writer to w, whole lines at a time, that keeps what is being typed below what is
// written.
func (t *Terminal) Output(w io.Writer) io.Writer { return output{t, w} }

type output struct {
	t *Terminal
	w io.Writer
}

func (o output) Write(p []byte) (int, error) {
	o.t.mu.Lock()
	defer o.t.mu.Unlock()
	o.t.hide()
	n, err := o.w.Write(p)
	o.t.draw()
	return n, err
}

// wait waits until there is more in data, or it is clear that no more comes.
func (t *Terminal) wait(ctx context.Context) error {
	for ctx.Err() == nil {
		here, err := t.tty.foreground()
		if err != nil {
			t.ended = ErrHungUp
			return nil
		}
		if !here {
			t.background()
			time.Sleep(look)
			continue
		}
		if err := t.enter(); err != nil {
			return err
		}
		switch err := t.fill(); {
		case errors.Is(err, errTimeout) && len(t.data) > 0:
			t.stale = true
			return nil
		case errors.Is(err, errTimeout):
		case err == nil:
			return nil
		case err == io.EOF && !t.edit:
			t.ended = io.EOF
			return nil
		default:
			// In the background a read fails, and that may be so since just now.
			if here, lost := t.tty.foreground(); here || lost != nil {
				t.ended = ErrHungUp
				return nil
			}
		}
	}
	return context.Cause(ctx)
}

// fill reads what there is, for a moment.
func (t *Terminal) fill() error {
	buf := make([]byte, 64<<10)
	n, err := t.tty.read(buf, look)
	if n > 0 {
		t.data, t.stale = append(t.data, buf[:n]...), false
		return nil
	}
	if err == nil {
		err = errTimeout
	}
	return err
}

// enter takes the terminal over, and draws anew what is not as it should be.
func (t *Terminal) enter() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return errClosed
	case !t.edit:
		return nil
	case t.raw:
		if columns := t.tty.columns(); t.shown && columns != t.columns {
			t.hide()
			t.draw()
		}
		return nil
	}
	if err := t.tty.makeRaw(); err != nil {
		return err
	}
	t.raw = true
	io.WriteString(t.screen, pasteOn)
	t.draw()
	return nil
}

// background notes that the terminal is somebody else's.
func (t *Terminal) background() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.raw, t.shown = false, false
}

// leave gives the terminal back, unless it is somebody else's.
func (t *Terminal) leave() {
	if here, err := t.tty.foreground(); t.raw && here && err == nil {
		t.moveOn()
		io.WriteString(t.screen, pasteOff)
		t.tty.restore()
	}
	t.raw, t.shown = false, false
}

// moveOn leaves what is being typed on the screen, and goes on below it.
func (t *Terminal) moveOn() {
	if t.shown {
		t.shown = false
		io.WriteString(t.screen, "\n")
	}
}

// hide takes the prompt and the line off the screen.
func (t *Terminal) hide() {
	if !t.shown {
		return
	}
	t.shown = false
	up := ""
	if columns := t.tty.columns(); columns < t.columns { // what was drawn wraps now
		up = strings.Repeat("\x1b[A", (len(t.prompt)+t.view.column)/columns)
	}
	io.WriteString(t.screen, "\r"+up+"\x1b[J")
}

// draw shows the prompt and the line. How wide a terminal draws a character cannot be known for
// sure, so the cursor goes back to where the terminal had it.
func (t *Terminal) draw() {
	if !t.asking || !t.raw || t.closed {
		return
	}
	if t.prompt == "" && len(t.line.text) == 0 {
		t.hide()
		return
	}
	t.columns = t.tty.columns()
	t.view = t.line.window(max(t.columns-len(t.prompt), 10), t.view.left)
	t.shown = true
	io.WriteString(t.screen, "\r\x1b[?7l"+t.prompt+t.view.before+"\x1b7"+t.view.after+"\x1b[K\x1b8\x1b[?7h")
}
