package main

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// byteOrderMark is what some editors put before a text, those of Windows above all. It is not part
// of the text.
const byteOrderMark = "\ufeff"

var errUTF16 = errors.New("it is UTF-16, expected UTF-8")

// textReader reads a text without the byte order mark before it. A text in UTF-16, which begins
// with such a mark of its own, is errUTF16.
type textReader struct {
	io.Reader
	begun bool
	head  []byte // read to see whether it is a mark, and is none
}

func (t *textReader) Read(p []byte) (int, error) {
	if !t.begun {
		if err := t.begin(); err != nil {
			return 0, err
		}
	}
	if n := copy(p, t.head); n > 0 {
		t.head = t.head[n:]
		return n, nil
	}
	return t.Reader.Read(p)
}

// begin reads no more than it has to: what is behind may come much later.
func (t *textReader) begin() error {
	one := make([]byte, 1)
	for {
		switch string(t.head) {
		case byteOrderMark:
			t.begun, t.head = true, nil
			return nil
		case "\xff\xfe", "\xfe\xff":
			return errUTF16
		case "", "\xef", "\xef\xbb", "\xff", "\xfe":
		default:
			t.begun = true
			return nil
		}
		n, err := t.Reader.Read(one)
		t.head = append(t.head, one[:n]...)
		if n == 0 && err != nil {
			t.begun = len(t.head) > 0 // and the error comes again behind that
			if !t.begun || err != io.EOF {
				return err
			}
			return nil
		}
	}
}

// readText returns the text of a small file.
func readText(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(&textReader{Reader: bytes.NewReader(data)})
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: name, Err: err}
	}
	return text, nil
}
