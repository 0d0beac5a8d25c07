package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
)

// Packet is what client and server exchange.
type Packet struct {
	Kind  string `json:"kind"`
	Role  string `json:"role,omitempty"`
	Topic string `json:"topic,omitempty"`
	From  string `json:"from,omitempty"`
	Text  string `json:"text,omitempty"`
}

type subscriber struct {
	topic string
	ch    chan Packet
}

var (
	mu   sync.Mutex
	subs = map[*subscriber]bool{}
)

func runServer(port string) {
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("🟢 server up on port", port)
	for {
		c, err := l.Accept()
		if err == nil {
			go session(c)
		}
	}
}

func session(c net.Conn) {
	defer c.Close()
	name := c.RemoteAddr().String()
	dec, enc := json.NewDecoder(c), json.NewEncoder(c)
	var hello Packet
	if dec.Decode(&hello) != nil {
		return
	}
	fmt.Printf("➕ %s %s on %q\n", name, hello.Role, hello.Topic)
	enc.Encode(Packet{Kind: "welcome"})
	if hello.Role == "SUBSCRIBER" {
		s := &subscriber{hello.Topic, make(chan Packet, 1000)}
		mu.Lock()
		subs[s] = true
		mu.Unlock()
		go func() {
			for p := range s.ch {
				enc.Encode(p)
			}
		}()
		defer func() {
			mu.Lock()
			delete(subs, s)
			close(s.ch)
			mu.Unlock()
		}()
	}
	for {
		var p Packet
		if dec.Decode(&p) != nil || p.Kind == "terminate" {
			fmt.Println("➖", name)
			return
		}
		fmt.Printf("💬 %s [%s] %s\n", name, hello.Topic, p.Text)
		if hello.Role != "PUBLISHER" {
			continue
		}
		mu.Lock()
		for s := range subs {
			if s.topic == hello.Topic {
				s.ch <- Packet{Kind: "message", From: name, Topic: hello.Topic, Text: p.Text}
			}
		}
		mu.Unlock()
	}
}
