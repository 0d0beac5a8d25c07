// The assignment's server as its sample has it, in Go: each read is one message, and subscribers are sent to one after the other.
package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
)

var (
	mu          sync.Mutex
	subscribers []net.Conn
)

func main() {
	if len(os.Args) != 2 {
		fmt.Println("usage: server PORT")
		os.Exit(1)
	}
	listener, err := net.Listen("tcp", ":"+os.Args[1])
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("Server is listening on port", os.Args[1])
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Println("error:", err)
			continue
		}
		go serve(conn)
	}
}

func serve(conn net.Conn) {
	defer conn.Close()
	name := conn.RemoteAddr().String()
	fmt.Println("Client connected:", name)
	defer fmt.Println("Client disconnected:", name)

	fmt.Fprint(conn, "Enter your role (PUBLISHER/SUBSCRIBER) : ")
	message, err := read(conn)
	if err != nil {
		return
	}
	role := strings.ToUpper(message)
	if role != "PUBLISHER" && role != "SUBSCRIBER" {
		fmt.Fprint(conn, "Invalid role: ", message)
		return
	}
	fmt.Println(name, "registered as", role)
	mu.Lock()
	fmt.Fprint(conn, "registered as ", role, "\n")
	if role == "SUBSCRIBER" {
		subscribers = append(subscribers, conn)
	}
	mu.Unlock()
	defer remove(conn)

	for {
		message, err := read(conn)
		if err != nil || message == "terminate" {
			return
		}
		if role == "PUBLISHER" {
			fmt.Println("Received from", name+":", message)
			broadcast(name, message)
		}
	}
}

func read(conn net.Conn) (string, error) {
	buffer := make([]byte, 1024)
	n, err := conn.Read(buffer)
	return strings.TrimSpace(string(buffer[:n])), err
}

func broadcast(name, message string) {
	mu.Lock()
	defer mu.Unlock()
	for _, subscriber := range subscribers {
		// A subscriber that has left is removed by its own goroutine.
		fmt.Fprintf(subscriber, "[FROM %s]: %s", name, message)
	}
}

func remove(conn net.Conn) {
	mu.Lock()
	defer mu.Unlock()
	subscribers = slices.DeleteFunc(subscribers, func(other net.Conn) bool { return other == conn })
}
