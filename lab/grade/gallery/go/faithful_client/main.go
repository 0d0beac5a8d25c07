// The assignment's client as its sample has it, in Go: sends the role and each message bare, with nothing between them.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Println("usage: client HOST PORT [ROLE]")
		os.Exit(1)
	}
	conn, err := net.Dial("tcp", net.JoinHostPort(os.Args[1], os.Args[2]))
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt)
	go func() {
		<-interrupt
		fmt.Println("Interrupted")
		os.Exit(0)
	}()

	keyboard := bufio.NewScanner(os.Stdin)
	fmt.Print(read(conn)) // the question for the role
	role := ""
	if len(os.Args) > 3 {
		role = os.Args[3]
	} else if keyboard.Scan() {
		role = keyboard.Text()
	}
	fmt.Fprint(conn, role)
	fmt.Print(read(conn)) // registered, or not
	go func() {
		for {
			fmt.Println(read(conn))
		}
	}()

	for keyboard.Scan() {
		fmt.Fprint(conn, keyboard.Text())
		if keyboard.Text() == "terminate" {
			os.Exit(0)
		}
	}
	if strings.EqualFold(role, "SUBSCRIBER") {
		select {} // nothing more to say, but more to hear
	}
}

func read(conn net.Conn) string {
	buffer := make([]byte, 1024)
	n, err := conn.Read(buffer)
	if err != nil {
		fmt.Println("Connection closed")
		os.Exit(0)
	}
	return string(buffer[:n])
}
