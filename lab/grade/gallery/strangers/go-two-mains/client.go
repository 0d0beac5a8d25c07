package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
)

// go run client.go <ip> <port> <role> <topic>
func main() {
	if len(os.Args) < 5 {
		fmt.Println("go run client.go <ip> <port> <PUBLISHER|SUBSCRIBER> <topic>")
		os.Exit(1)
	}
	c, err := net.Dial("tcp", os.Args[1]+":"+os.Args[2])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	send := func(s string) {
		c.Write(append(binary.LittleEndian.AppendUint16(nil, uint16(len(s))), s...))
	}
	send(os.Args[3] + ";" + os.Args[4])
	go func() {
		for {
			var n uint16
			if binary.Read(c, binary.LittleEndian, &n) != nil {
				fmt.Println("disconnected")
				os.Exit(0)
			}
			b := make([]byte, n)
			io.ReadFull(c, b)
			fmt.Println(string(b))
		}
	}()
	s := bufio.NewScanner(os.Stdin)
	fmt.Print("> ")
	for s.Scan() {
		send(s.Text())
		if s.Text() == "terminate" {
			break
		}
		fmt.Print("> ")
	}
}
