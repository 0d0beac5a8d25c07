package dialect

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// MQTT is MQTT 3.1.1 with QoS 0.
type MQTT struct{}

// The first bytes of packets.
const (
	mqttConnect   = 0x10
	mqttConnAck   = 0x20
	mqttPublish   = 0x30
	mqttSubscribe = 0x82
	mqttSubAck    = 0x90
)

func (MQTT) Publisher(c *Conn, _, _ string) error {
	// Protocol level 4, clean session, no keep-alive, a client name of the broker's choice.
	body := []byte("\x00\x04MQTT\x04\x02\x00\x00\x00\x00")
	return mqttAsk(c, mqttConnect, body, mqttConnAck, "\x00\x00")
}

func (m MQTT) Subscriber(c *Conn, topic string) error {
	if err := m.Publisher(c, "", ""); err != nil {
		return err
	}
	body := append(mqttString([]byte{0, 1}, mqttTopic(topic)), 0)
	return mqttAsk(c, mqttSubscribe, body, mqttSubAck, "\x00\x01\x00")
}

// mqttAsk sends a packet of fewer than 128 bytes and waits for the answer to it.
func mqttAsk(c *Conn, kind byte, body []byte, answer byte, want string) error {
	if _, err := c.Conn.Write(append([]byte{kind, byte(len(body))}, body...)); err != nil {
		return err
	}
	got := make([]byte, 2+len(want))
	if _, err := io.ReadFull(c, got); err != nil {
		return fmt.Errorf("waiting for MQTT packet %#x: %w", answer, err)
	}
	if got[0] != answer || string(got[2:]) != want {
		return fmt.Errorf("the broker sends % x, expected packet %#x with % x", got, answer, want)
	}
	return nil
}

func (MQTT) AppendMessage(dst []byte, topic string, payload []byte) []byte {
	topic = mqttTopic(topic)
	dst = append(dst, mqttPublish)
	dst = binary.AppendUvarint(dst, uint64(2+len(topic)+len(payload))) // MQTT writes lengths as protocol buffers do
	return append(mqttString(dst, topic), payload...)
}

func mqttTopic(topic string) string { return strings.ReplaceAll(orAll(topic), ".", "/") }

func mqttString(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

func (MQTT) NewCounter() Counter { return &mqttCounter{} }

// mqttCounter walks from packet to packet: nothing in their bytes marks an end.
type mqttCounter struct {
	kind   byte // first byte of the packet; 0 between packets
	inSize bool
	shift  uint
	left   int // bytes of the packet's body that are still to come
}

func (m *mqttCounter) Count(block []byte) (n int) {
	for i := 0; i < len(block); {
		switch {
		case m.kind == 0:
			m.kind, m.inSize, m.shift, m.left = block[i], true, 0, 0
			i++
		case m.inSize:
			m.left |= int(block[i]&0x7f) << m.shift
			m.shift += 7
			m.inSize = block[i]&0x80 != 0
			i++
		default:
			take := min(m.left, len(block)-i)
			m.left -= take
			i += take
		}
		if m.kind != 0 && !m.inSize && m.left == 0 {
			if m.kind&0xf0 == mqttPublish {
				n++
			}
			m.kind = 0
		}
	}
	return n
}
