// Package client is a well-made client of the assignment: the role and each
// message it sends is a line.
//
// Its behaviours are fields, so that an entry of the gallery can show its one
// fault by replacing one of them.
package client

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"time"
)

// Client is one client. New fills in the behaviours; set others before Main.
type Client struct {
	Show   func(received []byte) // prints what one read received
	Closed func(err error)       // called when the server closed the connection
}

// New returns a client without a fault.
func New() *Client {
	return &Client{
		Show:   func(received []byte) { os.Stdout.Write(received) },
		Closed: func(error) { os.Exit(0) },
	}
}

// Main runs the client that the command line asks for. What the server says is
// printed, so it is the server that asks for the role; the first line typed is
// the answer, unless the command line gave one.
func (c *Client) Main() {
	if len(os.Args) != 3 && len(os.Args) != 4 {
		fmt.Fprintf(os.Stderr, "usage: %s HOST PORT [ROLE]\n", os.Args[0])
		os.Exit(2)
	}
	conn, err := net.Dial("tcp", net.JoinHostPort(os.Args[1], os.Args[2]))
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() {
		<-interrupted
		os.Exit(0)
	}()
	go c.read(conn)

	var typed io.Reader = os.Stdin
	if len(os.Args) == 4 {
		typed = io.MultiReader(strings.NewReader(os.Args[3]+"\n"), os.Stdin)
	}
	if c.write(conn, bufio.NewScanner(typed)) {
		select {} // there is nothing more to say, but more to hear
	}
	conn.(*net.TCPConn).CloseWrite()
	time.Sleep(2 * time.Second) // in which the server closes, if it does
}

func (c *Client) read(conn net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buffer)
		c.Show(buffer[:n])
		if err != nil {
			c.Closed(err)
		}
	}
}

// write sends the role and each message typed. It reports whether a subscriber's
// input ended without terminate.
func (c *Client) write(conn net.Conn, typed *bufio.Scanner) bool {
	typed.Buffer(nil, 1<<20)
	typed.Scan()
	role := typed.Text()
	fmt.Fprintln(conn, role)
	for typed.Scan() {
		fmt.Fprintln(conn, typed.Text())
		if strings.TrimSpace(typed.Text()) == "terminate" {
			return false
		}
	}
	return strings.EqualFold(strings.TrimSpace(role), "SUBSCRIBER")
}
