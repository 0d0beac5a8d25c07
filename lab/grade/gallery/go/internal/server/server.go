// Package server is a well-made server of the assignment: messages are lines,
// and each subscriber has a queue of its own, so that a slow one holds nobody up.
//
// Its behaviours are fields, so that an entry of the gallery can show its one
// fault by replacing one of them.
package server

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Server is one server. New fills in the behaviours; set others before Main.
type Server struct {
	Prompt  string                                  // what a client is asked first
	Role    func(said string) string                // the role in what the client answered
	Join    func(s *Session)                        // takes a registered session in
	Leave   func(s *Session)                        // called when a session has ended
	Hear    func(s *Session, line string) bool      // a line that a session said; false ends the session
	Publish func(from *Session, line string)        // gives a line to the subscribers
	Format  func(from *Session, line string) string // what a subscriber is sent
	Send    func(s *Session, text string)           // sends to one session

	mu       sync.Mutex
	sessions []*Session // registered ones, in the order in which they came; guarded by mu
	running  sync.WaitGroup
}

// New returns a server without a fault.
func New() *Server {
	s := &Server{Prompt: "Enter your role (PUBLISHER/SUBSCRIBER) : "}
	s.Role = func(said string) string { return strings.ToUpper(strings.TrimSpace(said)) }
	s.Join = s.Add
	s.Leave = func(*Session) {}
	s.Hear = s.hear
	s.Publish = s.Broadcast
	s.Format = func(from *Session, line string) string { return fmt.Sprintf("[FROM %s] : %s\n", from.Name, line) }
	s.Send = func(to *Session, text string) {
		if !to.queue.add(text) {
			to.Conn.Close()
		}
	}
	return s
}

// Add tells a client that it is registered and takes it into the list of those
// that are online, so that it misses nothing from then on.
func (s *Server) Add(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Send(session, "registered as "+session.Role+"\n")
	s.sessions = append(s.sessions, session)
}

// Each calls do for each registered session. No other Each runs at the same
// time, so that all subscribers get all lines in the same order.
func (s *Server) Each(do func(*Session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.sessions {
		do(session)
	}
}

// Broadcast sends a line to all subscribers.
func (s *Server) Broadcast(from *Session, line string) {
	s.Each(func(to *Session) {
		if to.Role == "SUBSCRIBER" {
			s.Send(to, s.Format(from, line))
		}
	})
}

func (s *Server) hear(session *Session, line string) bool {
	if strings.TrimSpace(line) == "terminate" {
		return false
	}
	if session.Role == "PUBLISHER" {
		fmt.Printf("%s : %s\n", session.Name, line)
		s.Publish(session, line)
	}
	return true
}

// Main serves the port that the command line names until SIGINT or SIGTERM.
func (s *Server) Main() {
	if len(os.Args) != 2 {
		fmt.Fprintf(os.Stderr, "usage: %s PORT\n", os.Args[0])
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", ":"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	fmt.Println("listening on", listener.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { listener.Close() })
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			fmt.Println("cannot accept:", err)
			time.Sleep(100 * time.Millisecond) // out of descriptors, perhaps
			continue
		}
		s.running.Go(func() { s.serve(ctx, conn) })
	}
	s.running.Wait()
	fmt.Println("stopped")
}

func (s *Server) serve(ctx context.Context, conn net.Conn) {
	session := newSession(conn)
	fmt.Println(session.Name, "connected")
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now()) })
	defer stop()
	s.talk(session)
	s.mu.Lock()
	s.sessions = slices.DeleteFunc(s.sessions, func(other *Session) bool { return other == session })
	s.mu.Unlock()
	session.end()
	s.Leave(session)
	fmt.Println(session.Name, "disconnected")
}

func (s *Server) talk(session *Session) {
	s.Send(session, s.Prompt)
	lines := bufio.NewScanner(session.Conn)
	lines.Buffer(nil, 1<<20)
	lines.Scan()
	session.Role = s.Role(lines.Text())
	if session.Role != "PUBLISHER" && session.Role != "SUBSCRIBER" {
		s.Send(session, "error: the role must be PUBLISHER or SUBSCRIBER\n")
		return
	}
	fmt.Println(session.Name, "registered as", session.Role)
	s.Join(session)
	for lines.Scan() && s.Hear(session, lines.Text()) {
	}
}
