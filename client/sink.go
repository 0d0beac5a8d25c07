package main

import (
	"io"

	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

// sink prints items in a format, whole lines at a time.
type sink struct {
	w       io.Writer
	format  protocol.Format
	visible bool // make visible what would drive a terminal

	buf  []byte
	line []byte
	err  error
}

func (s *sink) add(item *pubsub.Item) {
	to := &s.buf
	if s.visible {
		s.line = s.line[:0]
		to = &s.line
	}
	if item.Event != nil {
		*to = s.format.AppendEvent(*to, item.Event)
	} else {
		*to = s.format.AppendMessage(*to, &item.Message)
	}
	if s.visible && len(s.line) > 0 {
		s.buf = append(protocol.AppendVisible(s.buf, s.line[:len(s.line)-1]), '\n')
	}
}

// full reports whether it is time to flush even if more is to come.
func (s *sink) full() bool { return len(s.buf) >= 64<<10 }

func (s *sink) flush() {
	if len(s.buf) > 0 && s.err == nil {
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
}
