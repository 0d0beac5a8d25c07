package protocol

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// idleBuffer is the most that a Decoder holds on to after more than smallReads reads in a row that
// brought little. Fewer reads show nothing: the end of each block that a client sends may come in a
// small read of its own.
const (
	idleBuffer = 4 << 10
	smallReads = 8
)

// unframedRoom is the longest message of an unframed session: a read has to bring all of it, so
// there is room for it while nothing comes.
const unframedRoom = 16 << 10

// Chunk is what a Decoder found next. Exactly one of Count, Err and End says something.
type Chunk struct {
	Lines []byte // Count messages, each followed by LF; valid until the Decoder's next call
	Count int
	First uint64 // the number of the first of these lines, or of the rejected one
	Err   error  // this one line is rejected (P6); the text is meant for the client
	End   bool   // the client said terminate (P7)
}

// Decoder cuts what a client sends into messages (P3, P6, P7). Read into Space, report it with
// Fill, then call Next until it says false:
//
//	n, err := conn.Read(d.Space())
//	d.Fill(n)
//	for c, ok := d.Next(); ok; c, ok = d.Next() { ... }
//
// A block of many lines costs three passes over its bytes, of which two are as fast as memory is,
// unless a line in it is out of the ordinary. A Decoder is for one goroutine.
type Decoder struct {
	buf        []byte
	next       func(size int, rest []byte) []byte // SetBuffers
	start, end int                                // buf[start:end] has been read and not been returned
	scanned    int                                // buf[start:scanned] holds no LF, if it is anything
	kept       int                                // buf[:kept] is no longer the Decoder's
	maxLine    int                                // the buffer is at most twice as long, so that a block is mostly whole lines
	line       uint64                             // number of the last line returned or rejected
	full       bool                               // the last read filled all the space there was
	small      int                                // how many reads in a row brought little
	checked    bool                               // what has been read is known to need a look at each line
	skipping   bool                               // inside a line that was rejected for its length
	unframed   bool                               // P3
	roleOpen   bool                               // the LF of the role line may still come (P3)
}

// NewDecoder returns a Decoder that accepts lines of up to maxLine bytes. received is what has been
// read already, behind the role line; it is copied.
func NewDecoder(maxLine int, received []byte) *Decoder {
	d := &Decoder{maxLine: maxLine, next: newBuffer, buf: make([]byte, max(min(idleBuffer, 2*maxLine), len(received)+1))}
	d.Fill(copy(d.buf, received))
	return d
}

func newBuffer(size int, rest []byte) []byte {
	buf := make([]byte, size)
	copy(buf, rest)
	return buf
}

// SetBuffers has the Decoder take its next buffers from next. It returns one of so many bytes, from
// 4 KiB to twice the longest line, that begins with rest. The Decoder does not use the one before any
// more.
func (d *Decoder) SetBuffers(next func(size int, rest []byte) []byte) { d.next = next }

// SetUnframed makes each read one message until the first LF arrives (P3). An LF right at the start
// still belongs to the role line.
//
// A longer message than 16 KiB is then several.
func (d *Decoder) SetUnframed() {
	d.unframed, d.roleOpen = true, true
	d.buf = append(d.buf, make([]byte, max(0, min(d.maxLine, unframedRoom)+2-len(d.buf)))...)
}

// SetLine makes the next line number n: a resumed run goes on counting (P15).
func (d *Decoder) SetLine(n uint64) { d.line = n - 1 }

// Keep has the Lines of the last Chunk, and all of the buffer before them, stay as they are for good:
// the Decoder goes on behind them.
func (d *Decoder) Keep() { d.kept = d.start }

// large is the size of the largest buffer: even the longest line leaves room in it for a CR, for the
// LF that Finish adds, and for the next read.
func (d *Decoder) large() int { return max(2*d.maxLine, d.maxLine+3) }

// Space returns where the next read goes, never empty. It ends the validity of earlier Chunks.
func (d *Decoder) Space() []byte {
	rest := d.buf[d.start:d.end]
	size := len(d.buf)
	switch {
	case d.full || len(rest) >= size-1:
		size = min(4*size, d.large()) // a burst of some lines needs no more
	case len(rest) == 0 && d.small > smallReads && !d.unframed:
		size = min(idleBuffer, d.large())
	}
	switch {
	case size != len(d.buf) || d.kept > 0 && size-d.end <= size/4:
		d.buf = d.next(size, rest)
		d.kept = 0
	case d.kept == 0:
		copy(d.buf, rest)
	default:
		return d.buf[d.end : size-1]
	}
	d.scanned = max(0, d.scanned-d.start)
	d.start, d.end = 0, len(rest)
	return d.buf[d.end : size-1] // one byte is kept for the LF that Finish or an unframed message adds
}

// Fill reports that n bytes were read into Space.
func (d *Decoder) Fill(n int) {
	d.full = n > 0 && d.end+n == len(d.buf)-1
	d.end += n
	if d.small++; d.end-d.start >= len(d.buf)/16 {
		d.small = 0
	}
	d.checked = false
}

// Idle reports whether a new Decoder would do the same with what is to come, but for line numbers.
func (d *Decoder) Idle() bool { return d.end == d.start && !d.skipping && !d.unframed && !d.roleOpen }

// Finish reports the end of the input: an unterminated rest is a last line (P7).
func (d *Decoder) Finish() {
	if d.end > d.start && !d.skipping {
		d.buf[d.end] = '\n'
		d.end++
	}
}

// Next returns what was found next, or false when more must be read first.
func (d *Decoder) Next() (Chunk, bool) {
	if d.skipping && !d.skip() {
		return Chunk{}, false
	}
	if d.unframed && d.end > d.start {
		if c, ok := d.nextUnframed(); ok {
			return c, true
		}
	}
	if !d.checked {
		lines, size := d.plain()
		block := d.buf[d.start : d.start+size]
		if d.checked = lines == 0 || bytes.IndexByte(block, 0) >= 0 || !utf8.Valid(block); !d.checked {
			c := Chunk{Lines: block, Count: lines, First: d.line + 1}
			d.line += uint64(lines)
			d.start += size
			return c, true
		}
		if lines > 0 { // they are looked at again
			d.scanned = 0
		}
	}
	return d.nextChecked()
}

// skip goes on behind a line that was rejected for its length, if its end has come.
func (d *Decoder) skip() bool {
	i := bytes.IndexByte(d.buf[d.start:d.end], '\n')
	if d.skipping = i < 0; d.skipping {
		d.start = d.end
		return false
	}
	d.start += i + 1
	return true
}

// nextUnframed takes all that was read as one message, if it holds no LF.
func (d *Decoder) nextUnframed() (Chunk, bool) {
	data := d.buf[d.start:d.end]
	if d.roleOpen {
		rest := bytes.TrimPrefix(data, []byte{'\r'})
		if len(rest) == 0 {
			return Chunk{}, false // its LF may come with the next read
		}
		d.roleOpen = false
		if rest[0] == '\n' {
			d.start = d.end - len(rest) + 1
			d.unframed = false
			return Chunk{}, false
		}
	}
	if bytes.IndexByte(data, '\n') >= 0 {
		d.unframed = false
		return Chunk{}, false
	}
	data = bytes.TrimSpace(data)
	d.start = d.end
	if string(data) == Terminate {
		return Chunk{End: true}, true
	}
	if err := d.check(data); err != nil {
		return d.reject(err), true
	}
	d.line++
	// There is always room behind: Space keeps a byte back. It is the message's from now on.
	d.end++
	d.start = d.end
	return Chunk{Lines: append(data, '\n'), Count: 1, First: d.line}, true
}

// plain returns how many lines come next that are messages just as they stand, unless they hold NUL
// or are not UTF-8, and how long they are.
func (d *Decoder) plain() (lines, size int) {
	for at := d.start; ; lines++ {
		i := d.lineEnd(at)
		if i < 0 {
			return lines, at - d.start
		}
		if line := d.buf[at:i]; len(line) > d.maxLine || len(line) > 0 && line[len(line)-1] == '\r' || isTerminate(line) {
			return lines, at - d.start
		}
		at = i + 1
	}
}

// lineEnd returns where the LF is of the line that begins at an offset, or -1 while it has not come.
func (d *Decoder) lineEnd(at int) int {
	from := max(at, d.scanned)
	i := bytes.IndexByte(d.buf[from:d.end], '\n')
	if i < 0 {
		d.scanned = d.end
		return -1
	}
	return from + i
}

// isTerminate reports whether a line is terminate. It is called for every line, and for nearly all
// of them their ends show that they are not.
func isTerminate(line []byte) bool {
	if len(line) < len(Terminate) {
		return false
	}
	first, last := line[0], line[len(line)-1]
	other := func(c, end byte) bool { return c > ' ' && c < utf8.RuneSelf && c != end }
	if other(first, Terminate[0]) || other(last, Terminate[len(Terminate)-1]) {
		return false
	}
	return string(bytes.TrimSpace(line)) == Terminate
}

// nextChecked looks at each line up to the next one that is not a message, closing the gaps that
// dropped CRs leave.
func (d *Decoder) nextChecked() (Chunk, bool) {
	c := Chunk{First: d.line + 1}
	from, to := d.start, d.start
	for i := d.lineEnd(d.start); i >= 0; i = d.lineEnd(d.start) {
		line := bytes.TrimSuffix(d.buf[d.start:i], []byte{'\r'})
		err := d.check(line)
		end := err == nil && isTerminate(line)
		if (err != nil || end) && c.Count > 0 {
			break // these lines first; this one is looked at again
		}
		d.start = i + 1
		if err != nil {
			return d.reject(err), true
		}
		if end {
			return Chunk{End: true}, true
		}
		to += copy(d.buf[to:], line)
		d.buf[to] = '\n'
		to++
		c.Count++
		d.line++
	}
	// Without its line end, a line may still lose a CR.
	if c.Count == 0 && d.end-d.start > d.maxLine+1 {
		d.start, d.skipping = d.end, true
		return d.reject(d.tooLong()), true
	}
	c.Lines = d.buf[from:to]
	return c, c.Count > 0
}

func (d *Decoder) reject(err error) Chunk {
	d.line++
	return Chunk{Err: fmt.Errorf("line %d %w", d.line, err), First: d.line}
}

func (d *Decoder) tooLong() error {
	return fmt.Errorf("is longer than %d bytes: rejected", d.maxLine)
}

// check returns what keeps a line from being a message, without the line's number (P6).
func (d *Decoder) check(line []byte) error {
	switch {
	case len(line) > d.maxLine:
		return d.tooLong()
	case bytes.IndexByte(line, 0) >= 0:
		return errNUL
	case !utf8.Valid(line):
		return errUTF8
	}
	return nil
}

type lineError string

func (e lineError) Error() string { return string(e) }

const (
	errNUL  = lineError("holds a NUL byte, expected text: rejected")
	errUTF8 = lineError("is not UTF-8: rejected")
)

// CheckMessage returns what keeps s from being one message, if anything (P6, P7).
func CheckMessage(s string) error {
	switch {
	case len(s) > MaxLine:
		return fmt.Errorf("a message of %d bytes, expected at most %d", len(s), MaxLine)
	case strings.Contains(s, "\n"):
		return fmt.Errorf("message %s holds a line end, expected one line", Quoted(s))
	case strings.Contains(s, "\x00"):
		return fmt.Errorf("message %s holds a NUL byte, expected text", Quoted(s))
	case !utf8.ValidString(s):
		return fmt.Errorf("message %s is not UTF-8", Quoted(s))
	case strings.TrimSpace(s) == Terminate:
		return fmt.Errorf("message %s would end the session", Quoted(s))
	}
	return nil
}

// AppendLine appends a message as a line. A CR at its end is doubled, because readers drop one CR
// before the LF.
func AppendLine(dst []byte, message string) []byte {
	dst = append(dst, message...)
	if strings.HasSuffix(message, "\r") {
		dst = append(dst, '\r')
	}
	return append(dst, '\n')
}

// TrimLine returns a line as read, up to and with its LF, without its line end.
func TrimLine(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}
