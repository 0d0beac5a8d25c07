package dialect

import (
	"bytes"
	"encoding/binary"
)

// maskedFrame is a text frame of a client.
func maskedFrame(text []byte, id uint64) []byte {
	frame := []byte{0x81}
	switch n := len(text); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	mask := binary.BigEndian.AppendUint32(nil, uint32(id)|0x01010101)
	frame = append(frame, mask...)
	for i, b := range text {
		frame = append(frame, b^mask[i%4])
	}
	return frame
}

// readFrame reads a frame, of either side, at the beginning of data: what it holds, and its size; 0
// where it is not all there.
func readFrame(data []byte) (opcode byte, payload []byte, size int) {
	if len(data) < 2 {
		return 0, nil, 0
	}
	at, n := 2, uint64(data[1]&0x7f)
	switch {
	case n == 126 && len(data) >= 4:
		at, n = 4, uint64(binary.BigEndian.Uint16(data[2:]))
	case n == 127 && len(data) >= 10:
		at, n = 10, binary.BigEndian.Uint64(data[2:])
	case n > 125:
		return 0, nil, 0
	}
	var mask []byte
	if data[1]&0x80 != 0 {
		if len(data) < at+4 {
			return 0, nil, 0
		}
		mask, at = data[at:at+4], at+4
	}
	if n > uint64(len(data)-at) {
		return 0, nil, 0
	}
	size = at + int(n)
	payload = bytes.Clone(data[at:size])
	for i := range payload {
		if mask != nil {
			payload[i] ^= mask[i%4]
		}
	}
	return data[0] & 0x0f, payload, size
}
