package protocol

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// idleBuffer is the most that a Decoder holds on to after more than smallReads
// reads in a row that brought little. Fewer do not tell: the end of each block
// that a client sends may come in a small read of its own.
const (
	idleBuffer = 4 << 10
	smallReads = 8
)

// unframedRoom is the longest message of an unframed session: a read has to
// bring all of it, so there is room for it while nothing comes.
const unframedRoom = 16 << 10

// Chunk is what a Decoder found next. Exactly one of Count, Err and End says something.
type Chunk struct {
	Lines []byte // Count messages, each followed by LF; valid until the Decoder's next call
	Count int
	First uint64 // the number of the first of these lines, or of the rejected one
	Err   error  // this one line is rejected (P6); the text is meant for the client
	End   bool   // the client said terminate (P7)
}

// Decoder cuts what a client sends into messages (P3, P6, P7). Read into
// Space, report it with Fill, then call Next until it says false:
//
//	n, err := conn.Read(d.Space())
//	d.Fill(n)
//	for c, ok := d.Next(); ok; c, ok = d.Next() { ... }
//
// A block of many lines costs a few passes over its bytes and next to no work
// per line, unless a line in it is out of the ordinary. A Decoder is for one
// goroutine.
type Decoder struct {
	buf        []byte
	start, end int    // buf[start:end] has been read and not been returned
	complete   int    // buf[start:complete] is whole lines
	maxLine    int    // the buffer is at most twice as long, so that a block is mostly whole lines
	line       uint64 // number of the last line returned or rejected
	grow       bool   // the last read filled all the space there was
	small      int    // how many reads in a row brought little
	checked    bool   // buf[start:complete] is known to need a look at each line
	skipping   bool   // inside a line that was rejected for its length
	unframed   bool   // P3
	roleOpen   bool   // the LF of the role line may still come (P3)
}

// NewDecoder returns a Decoder that accepts lines of up to maxLine bytes.
// received is what has been read already, behind the role line; it is copied.
func NewDecoder(maxLine int, received []byte) *Decoder {
	d := &Decoder{maxLine: maxLine, buf: make([]byte, max(min(idleBuffer, 2*maxLine), len(received)+1))}
	d.Fill(copy(d.buf, received))
	return d
}

// SetUnframed makes each read one message until the first LF arrives (P3).
// An LF right at the start still belongs to the role line.
//
// A longer message than 16 KiB is then several.
func (d *Decoder) SetUnframed() {
	d.unframed, d.roleOpen = true, true
	d.buf = append(d.buf, make([]byte, max(0, min(d.maxLine, unframedRoom)+2-len(d.buf)))...)
}

// SetLine makes the next line number n: a resumed run goes on counting (P15).
func (d *Decoder) SetLine(n uint64) { d.line = n - 1 }

// Line returns the number of the last line returned or rejected, counted from 1.
func (d *Decoder) Line() uint64 { return d.line }

// Space returns where the next read goes, never empty. It ends the validity of
// earlier Chunks.
func (d *Decoder) Space() []byte {
	rest := d.buf[d.start:d.end]
	size := len(d.buf)
	switch {
	case d.grow && size < 2*d.maxLine:
		size = min(2*size, 2*d.maxLine)
	case len(rest) == 0 && d.small > smallReads && !d.unframed:
		size = min(idleBuffer, 2*d.maxLine)
	case len(rest) >= size-1:
		size *= 2
	}
	if size != len(d.buf) {
		d.buf = make([]byte, size)
	}
	d.start, d.end, d.complete = 0, copy(d.buf, rest), 0
	return d.buf[d.end : len(d.buf)-1] // one byte is kept for the LF that Finish or an unframed message adds
}

// Fill reports that n bytes were read into Space.
func (d *Decoder) Fill(n int) {
	d.grow = n > 0 && d.end+n == len(d.buf)-1
	d.end += n
	if d.small++; d.end >= len(d.buf)/16 {
		d.small = 0
	}
	d.frame(n)
}

// Finish reports the end of the input: an unterminated rest is a last line (P7).
func (d *Decoder) Finish() {
	if d.end > d.start && !d.skipping {
		d.buf[d.end] = '\n'
		d.end++
		d.frame(1)
	}
}

// frame finds where the whole lines end, n bytes having been added.
func (d *Decoder) frame(n int) {
	if d.skipping {
		i := bytes.IndexByte(d.buf[d.start:d.end], '\n')
		if i < 0 {
			d.start = d.end
			return
		}
		d.start += i + 1
		d.skipping = false
	}
	if i := bytes.LastIndexByte(d.buf[max(d.start, d.end-n):d.end], '\n'); i >= 0 {
		d.complete = max(d.start, d.end-n) + i + 1
	}
	d.checked = false
}

// Next returns what was found next, or false when more must be read first.
func (d *Decoder) Next() (Chunk, bool) {
	if d.unframed && d.end > d.start {
		if c, ok := d.nextUnframed(); ok {
			return c, true
		}
	}
	if d.complete <= d.start {
		// Without its line end, a line may still lose a CR.
		if d.end-d.start > d.maxLine+1 {
			d.start, d.complete, d.skipping = d.end, 0, true
			return d.reject(d.tooLong()), true
		}
		return Chunk{}, false
	}
	block := d.buf[d.start:d.complete]
	if !d.checked {
		if n, ok := d.plain(block); ok {
			c := Chunk{Lines: block, Count: n, First: d.line + 1}
			d.line += uint64(n)
			d.start = d.complete
			return c, true
		}
	}
	d.checked = true
	return d.nextChecked(), true
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
	if d.complete > d.start {
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
	// There is always room behind: Space keeps a byte back.
	return Chunk{Lines: append(data, '\n'), Count: 1, First: d.line}, true
}

// plain tells whether every line of a block is a message just as it stands, and
// how many there are.
func (d *Decoder) plain(block []byte) (lines int, ok bool) {
	if bytes.IndexByte(block, '\r') >= 0 || bytes.IndexByte(block, 0) >= 0 || !utf8.Valid(block) {
		return 0, false
	}
	for ; len(block) > 0; lines++ {
		i := bytes.IndexByte(block, '\n')
		if i > d.maxLine || isTerminate(block[:i]) {
			return 0, false
		}
		block = block[i+1:]
	}
	return lines, true
}

// isTerminate tells whether a line says terminate. For nearly all lines their
// ends tell that they do not: this is asked of every line.
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

// nextChecked looks at each line up to the next one that is not a message,
// closing the gaps that dropped CRs leave.
func (d *Decoder) nextChecked() Chunk {
	c := Chunk{First: d.line + 1}
	from, to := d.start, d.start
	for d.start < d.complete {
		length := bytes.IndexByte(d.buf[d.start:d.complete], '\n')
		line := bytes.TrimSuffix(d.buf[d.start:d.start+length], []byte{'\r'})
		err := d.check(line)
		end := err == nil && isTerminate(line)
		if (err != nil || end) && c.Count > 0 {
			break // these lines first; this one is looked at again
		}
		d.start += length + 1
		if err != nil {
			return d.reject(err)
		}
		if end {
			return Chunk{End: true}
		}
		to += copy(d.buf[to:], line)
		d.buf[to] = '\n'
		to++
		c.Count++
		d.line++
	}
	c.Lines = d.buf[from:to]
	return c
}

func (d *Decoder) reject(err error) Chunk {
	d.line++
	return Chunk{Err: fmt.Errorf("line %d %w", d.line, err), First: d.line}
}

func (d *Decoder) tooLong() error {
	return fmt.Errorf("is longer than %d bytes: rejected", d.maxLine)
}

// check tells what keeps a line from being a message, its number left out (P6).
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

// CheckMessage tells what keeps s from being one message, if anything (P6, P7).
func CheckMessage(s string) error {
	switch {
	case len(s) > MaxLine:
		return fmt.Errorf("a message of %d bytes, expected at most %d", len(s), MaxLine)
	case strings.Contains(s, "\n"):
		return fmt.Errorf("message %s holds a line end, expected one line", quote(s))
	case strings.Contains(s, "\x00"):
		return fmt.Errorf("message %s holds a NUL byte, expected text", quote(s))
	case !utf8.ValidString(s):
		return fmt.Errorf("message %s is not UTF-8", quote(s))
	case strings.TrimSpace(s) == Terminate:
		return fmt.Errorf("message %s would end the session", quote(s))
	}
	return nil
}

// AppendLine appends a message as a line. A CR at its end is doubled,
// because readers drop one CR before the LF.
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
