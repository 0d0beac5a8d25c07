package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
)

func main() {
	host := flag.String("host", "localhost", "server address")
	port := flag.String("port", "8080", "server port")
	role := flag.String("role", "Subscriber", "Publisher or Subscriber")
	flag.Parse()

	conn, err := net.Dial("tcp", net.JoinHostPort(*host, *port))
	if err != nil {
		log.Fatal("could not connect: ", err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s\n", *role)
	go func() {
		io.Copy(os.Stdout, conn)
		fmt.Println("server closed the connection")
		os.Exit(0)
	}()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Fprintln(conn, in.Text())
		if in.Text() == "terminate" {
			return
		}
	}
}
