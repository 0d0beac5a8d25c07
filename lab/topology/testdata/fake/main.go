// Command fake is a node for the tests of this package: its arguments, flags aside, say what it does, in order.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	var words []string
	for _, arg := range os.Args[1:] {
		if !strings.HasPrefix(arg, "--") {
			words = append(words, arg)
		}
	}
	next := func() string {
		word := words[0]
		words = words[1:]
		return word
	}
	for len(words) > 0 {
		switch verb := next(); verb {
		case "say":
			fmt.Println(next())
		case "complain":
			fmt.Fprint(os.Stderr, next()) // no line end
		case "hear": // a line of standard input
			line, err := bufio.NewReader(os.Stdin).ReadString('\n')
			check(err)
			fmt.Print("heard ", line)
		case "env":
			fmt.Println(os.Getenv(next()))
		case "cat":
			text, err := os.ReadFile(next())
			check(err)
			os.Stdout.Write(text)
		case "write": // what a subscriber received
			check(os.WriteFile(os.Getenv("PUBSUB_OUTPUT"), []byte(next()), 0o600))
		case "listen":
			listener, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("PUBSUB_HOST"), next()))
			check(err)
			defer listener.Close()
			fmt.Println("listening")
		case "dial", "healthcheck":
			host, port, err := net.SplitHostPort(words[0])
			if err != nil {
				host, port = next(), words[0]
			}
			next()
			conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
			check(err)
			conn.Close()
			fmt.Println("connected")
		case "child": // outlives its parent, if it can
			child := exec.Command(os.Args[0], "stubborn")
			check(child.Start())
			fmt.Println(child.Process.Pid)
		case "stubborn":
			signal.Ignore(syscall.SIGTERM)
			fmt.Println("ready")
			select {}
		case "wait": // for SIGTERM
			asked := make(chan os.Signal, 1)
			signal.Notify(asked, syscall.SIGTERM)
			fmt.Println("ready")
			<-asked
			fmt.Println("asked")
		case "exit":
			code, err := strconv.Atoi(next())
			check(err)
			os.Exit(code)
		default:
			check(fmt.Errorf("unknown word %q", verb))
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
