package runner

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What sock_diag(7) is asked and answers, in offsets of its messages behind their headers.
const (
	byFamily     = 20 // SOCK_DIAG_BY_FAMILY
	listening    = 10 // the state
	requestSize  = 56
	requestMore  = 2
	requestState = 4
	requestID    = 8 // its two ports, then its two addresses
	addressSize  = 16
	answerPort   = 4
	answerQueue  = 56 // bytes that nobody has read yet, or connections that nobody has accepted
	answerMost   = 60 // of those connections
	answerSize   = 72 // attributes follow

	infoAttribute = 2 // INET_DIAG_INFO
)

// askSockets asks the system about TCP sockets of the network. It costs microseconds, where reading
// a table in /proc takes milliseconds on a machine with many connections.
func (n *namespace) askSockets(flags uint16, request []byte) (answers [][]byte, err error) {
	err = n.enter(func() error {
		socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		message := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(request)))
		message = binary.NativeEndian.AppendUint16(message, byFamily)
		message = binary.NativeEndian.AppendUint16(message, unix.NLM_F_REQUEST|flags)
		message = append(append(message, make([]byte, 8)...), request...)
		if err := unix.Sendto(socket, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		answers, err = receiveAnswers(socket, flags&unix.NLM_F_DUMP != 0)
		return err
	})
	return answers, err
}

// receiveAnswers takes one answer, or all until the system says that these were all.
func receiveAnswers(socket int, all bool) (answers [][]byte, err error) {
	buffer := make([]byte, 32<<10)
	for {
		n, _, err := unix.Recvfrom(socket, buffer, 0)
		if err != nil {
			return nil, err
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			switch {
			case m.Header.Type == unix.NLMSG_DONE:
				return answers, nil
			case m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4:
				return nil, unix.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
			case len(m.Data) < answerSize:
				return nil, fmt.Errorf("sock_diag: an answer of %d bytes", len(m.Data))
			}
			answers = append(answers, append([]byte(nil), m.Data...))
		}
		if !all {
			return answers, nil
		}
	}
}

func socketRequest(family byte, states uint32) []byte {
	request := make([]byte, requestSize)
	request[0], request[1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(request[requestState:], states)
	for i := requestSize - 8; i < requestSize; i++ {
		request[i] = 0xff // no cookie
	}
	return request
}

// listener is the queue of whoever listens on a port of the network; nil where nobody does.
func (n *namespace) listener(port int) (*Queue, error) {
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		answers, err := n.askSockets(unix.NLM_F_DUMP, socketRequest(family, 1<<listening))
		if err != nil {
			return nil, err
		}
		for _, a := range answers {
			if int(binary.BigEndian.Uint16(a[answerPort:])) == port {
				number := func(at int) int { return int(binary.NativeEndian.Uint32(a[at:])) }
				return &Queue{Waiting: number(answerQueue), Most: number(answerMost)}, nil
			}
		}
	}
	return nil, nil
}

// read is how many bytes of a connection were read at one end so far.
func (n *namespace) read(at, from netip.AddrPort) (int64, error) {
	family := byte(unix.AF_INET)
	if at.Addr().Unmap().Is6() {
		family = unix.AF_INET6
	}
	request := socketRequest(family, ^uint32(0))
	request[requestMore] = 1 << (infoAttribute - 1)
	binary.BigEndian.PutUint16(request[requestID:], at.Port())
	binary.BigEndian.PutUint16(request[requestID+2:], from.Port())
	copy(request[requestID+4:], at.Addr().Unmap().AsSlice())
	copy(request[requestID+4+addressSize:], from.Addr().Unmap().AsSlice())
	answers, err := n.askSockets(0, request)
	if err != nil {
		return 0, err
	}
	for _, a := range answers {
		waiting := binary.NativeEndian.Uint32(a[answerQueue:])
		for more := a[answerSize:]; len(more) >= unix.SizeofRtAttr; {
			size := int(binary.NativeEndian.Uint16(more))
			if size < unix.SizeofRtAttr || size > len(more) {
				break
			}
			const received = unsafe.Offsetof(unix.TCPInfo{}.Bytes_received)
			info := more[unix.SizeofRtAttr:size]
			if binary.NativeEndian.Uint16(more[2:]) == infoAttribute && len(info) >= int(received)+8 {
				return int64(binary.NativeEndian.Uint64(info[received:])) - int64(waiting), nil
			}
			more = more[min((size+3)&^3, len(more)):]
		}
	}
	return 0, errors.New("sock_diag: the system does not count what is received")
}
