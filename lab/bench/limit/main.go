// Command limit is what brokers are compared with where there is nothing left to leave out: "limit
// relay" copies what publishers send to all subscribers and looks at nothing, "limit kernel" has no
// publishers and writes to all subscribers by itself.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	"pubsublab/protocol"
)

// blockSize is what the relay reads at most at once.
const blockSize = 64 << 10

func main() {
	if len(os.Args) != 3 || os.Args[1] != "relay" && os.Args[1] != "kernel" {
		fmt.Fprintln(os.Stderr, "usage: limit relay|kernel HOST:PORT")
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "limit:", serve(os.Args[2], os.Args[1] == "relay"))
	os.Exit(1)
}

// serve ends when it cannot accept any more.
func serve(address string, relay bool) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s := &subscribers{}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			if err := s.session(conn, relay); err != nil && !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, "limit:", err)
			}
		}()
	}
}

type subscribers struct {
	mu    sync.Mutex
	conns []net.Conn // guarded by mu; changed only by making a new slice
}

func (s *subscribers) all() []net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

// session lets a client in as the line protocol does, as far as the benchmark's clients need it.
func (s *subscribers) session(conn net.Conn, relay bool) error {
	if _, err := io.WriteString(conn, protocol.Prompt); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	role, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	if strings.HasPrefix(role, "SUBSCRIBER") {
		s.mu.Lock()
		s.conns = append(slices.Clip(s.conns), conn)
		s.mu.Unlock()
	}
	if _, err := io.WriteString(conn, "registered as "+role); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(role, "SUBSCRIBER"):
		io.Copy(io.Discard, conn) // until it leaves, in whatever way
		s.mu.Lock()
		s.conns = slices.DeleteFunc(slices.Clone(s.conns), func(c net.Conn) bool { return c == conn })
		s.mu.Unlock()
		return nil
	case relay:
		return s.copy(in)
	default:
		return s.write(in)
	}
}

func (s *subscribers) copy(in *bufio.Reader) error {
	block := make([]byte, blockSize)
	for {
		n, err := in.Read(block)
		if err != nil {
			return err
		}
		for _, c := range s.all() {
			c.Write(block[:n])
		}
	}
}

// write does what a publisher orders: "TIMES LENGTH", and a block of that length.
func (s *subscribers) write(in *bufio.Reader) error {
	for {
		var times, length int
		if _, err := fmt.Fscanf(in, "%d %d\n", &times, &length); err != nil {
			return err
		}
		block := make([]byte, length)
		if _, err := io.ReadFull(in, block); err != nil {
			return err
		}
		for range times {
			for _, c := range s.all() {
				c.Write(block)
			}
		}
	}
}
