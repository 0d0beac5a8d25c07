package protocol

import (
	"encoding/json"
	"strconv"
)

// What a browser gets besides messages and events (P13). A message is its data as in JSON, with its
// position as the id; an event is named, and has no id.
const (
	// KeepAlive is a comment.
	KeepAlive = ":\n\n"
	// retry makes browsers come back after so many milliseconds.
	retry = "retry: 1000\n"
)

// appendID appends the field that a browser gives back as Last-Event-ID: the position of the last
// message that it has.
func appendID(dst []byte, pos uint64) []byte {
	return append(strconv.AppendUint(append(dst, "id: "...), pos, 10), '\n')
}

// ParseLastEventID returns where a browser goes on that gives this Last-Event-ID.
func ParseLastEventID(s string) (From, error) {
	pos, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return From{}, Errorf("bad Last-Event-ID %s, expected a position", Quoted(s))
	}
	return FromPosition(pos + 1), nil
}

// AppendSSE appends w as the event that comes first. Its id is the position before the first that can
// come, so that a browser which comes back before it has got any message misses none.
func (w Welcome) AppendSSE(dst []byte) []byte {
	dst = appendID(append(dst, retry...), w.Next-1)
	return appendSSE(dst, "registered", struct {
		Name        string `json:"name"`
		Publishers  int    `json:"publishers"`
		Subscribers int    `json:"subscribers"`
		Next        uint64 `json:"next"`
		Journal     string `json:"journal"`
		Sync        string `json:"sync,omitempty"`
	}{w.Name, w.Publishers, w.Subscribers, w.Next, w.Journal, w.Sync})
}

// AppendEnd appends the last event: why the server ends the stream. A browser comes back by itself
// unless it is told not to.
func AppendEnd(dst []byte, why string) []byte {
	return appendSSE(dst, "end", struct {
		Error string `json:"error"`
		Again bool   `json:"again"`
	}{why, (&Refusal{why}).Temporary()})
}

func appendSSE(dst []byte, event string, data any) []byte {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err) // only for what is no JSON
	}
	return append(append(append(dst, "event: "+event+"\ndata: "...), text...), "\n\n"...)
}
