package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
)

var (
	lock        sync.Mutex
	subscribers = map[string][]net.Conn{}
)

// A frame is 2 bytes of length, little endian, and the text.
func readFrame(c net.Conn) (string, error) {
	var n uint16
	if err := binary.Read(c, binary.LittleEndian, &n); err != nil {
		return "", err
	}
	b := make([]byte, n)
	_, err := io.ReadFull(c, b)
	return string(b), err
}

func writeFrame(c net.Conn, s string) {
	b := binary.LittleEndian.AppendUint16(nil, uint16(len(s)))
	c.Write(append(b, s...))
}

func client(c net.Conn) {
	fmt.Println("+", c.RemoteAddr())
	defer fmt.Println("-", c.RemoteAddr())
	defer c.Close()
	hello, err := readFrame(c)
	if err != nil {
		return
	}
	role, topic, _ := strings.Cut(hello, ";")
	fmt.Println("*", c.RemoteAddr(), role, topic)
	if role == "SUBSCRIBER" {
		lock.Lock()
		subscribers[topic] = append(subscribers[topic], c)
		lock.Unlock()
		defer remove(topic, c)
	}
	for {
		text, err := readFrame(c)
		if err != nil || text == "terminate" {
			return
		}
		fmt.Printf("%s (%s): %s\n", c.RemoteAddr(), topic, text)
		if role == "PUBLISHER" {
			lock.Lock()
			for _, s := range subscribers[topic] {
				writeFrame(s, fmt.Sprintf("%s: %s", topic, text))
			}
			lock.Unlock()
		}
	}
}

func remove(topic string, c net.Conn) {
	lock.Lock()
	defer lock.Unlock()
	list := subscribers[topic]
	for i := range list {
		if list[i] == c {
			subscribers[topic] = append(list[:i:i], list[i+1:]...)
			return
		}
	}
}

func main() {
	if len(os.Args) < 2 {
		fmt.Println("go run server.go <port>")
		return
	}
	l, err := net.Listen("tcp", "0.0.0.0:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println("waiting for clients on", l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go client(c)
	}
}
