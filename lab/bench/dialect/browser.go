package dialect

import (
	"bytes"
	"fmt"
	"strings"
)

// Batcher is a dialect whose publishers send messages in requests.
type Batcher interface {
	// Request makes one request of messages that AppendMessage has appended for the topic.
	Request(topic string, messages []byte) []byte
}

// Browser is the HTTP side of this project's broker: posts of lines, and server-sent events. Topics
// are of letters, digits and dots.
type Browser struct{ marked }

func (Browser) Publisher(c *Conn, _, _ string) error {
	return c.ask("GET /healthz HTTP/1.1", "")
}

func (Browser) Subscriber(c *Conn, topic string) error {
	path := "/subscribe"
	if topic != "" {
		path += "?topic=" + topic
	}
	return c.ask("GET "+path+" HTTP/1.1", "event: registered")
}

func (Browser) AppendMessage(dst []byte, _ string, payload []byte) []byte {
	return append(append(dst, payload...), mark, '\n')
}

func (Browser) Request(topic string, messages []byte) []byte {
	path := "/publish?name=p0"
	if topic != "" {
		path += "&topic=" + topic
	}
	return post(path, messages)
}

// Centrifugo publishes over its HTTP API, and subscribes to its unidirectional server-sent events. A
// topic is a channel.
type Centrifugo struct{ marked }

func (Centrifugo) Publisher(c *Conn, _, _ string) error {
	if _, err := c.Conn.Write(post("/api/info", []byte("{}"))); err != nil {
		return err
	}
	return c.answered("")
}

// Subscriber asks in HTTP/1.0, so that there are no chunks of HTTP, which could cut a payload in two.
func (Centrifugo) Subscriber(c *Conn, topic string) error {
	channel := orAll(topic)
	return c.ask(`GET /connection/uni_sse?cf_connect={"subs":{"`+channel+`":{}}} HTTP/1.0`, `"subs":{"`+channel+`":`)
}

func (Centrifugo) AppendMessage(dst []byte, topic string, payload []byte) []byte {
	dst = append(append(dst, `{"publish":{"channel":"`...), orAll(topic)...)
	dst = append(append(dst, `","data":"`...), payload...)
	return append(dst, mark, '"', '}', '}', ',')
}

func (Centrifugo) Request(_ string, messages []byte) []byte {
	return post("/api/batch", fmt.Appendf(nil, `{"commands":[%s]}`, bytes.TrimSuffix(messages, []byte{','})))
}

// post makes a request.
func post(path string, body []byte) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

// ask sends a request without a body, and returns when the answer has a line with what is expected.
func (c *Conn) ask(request, expected string) error {
	if err := c.send("%s\r\nHost: localhost\r\n\r\n", request); err != nil {
		return err
	}
	return c.answered(expected)
}

// answered reads the beginning of an answer, up to the line that holds what is expected.
func (c *Conn) answered(expected string) error {
	line, err := c.in.ReadString('\n')
	if err == nil && !strings.Contains(line, " 200 ") {
		return fmt.Errorf("the broker says %q, expected 200", strings.TrimSpace(line))
	}
	for err == nil && !strings.Contains(line, expected) {
		line, err = c.in.ReadString('\n')
	}
	if err != nil {
		return fmt.Errorf("waiting for %q: %w", expected, err)
	}
	return nil
}

// mark is what payloads for browsers end with. No other byte that they get is one, in comments, pings
// or news of who joined.
const mark = '~'

// marked counts deliveries by their marks.
type marked struct{}

func (marked) NewCounter() Counter { return marked{} }

func (marked) Count(block []byte) int { return bytes.Count(block, []byte{mark}) }
