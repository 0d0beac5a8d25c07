package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
)

func runClient(host, port, role, topic string) {
	c, err := net.Dial("tcp", net.JoinHostPort(host, port))
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	dec, enc := json.NewDecoder(c), json.NewEncoder(c)
	role = strings.ToUpper(role)
	enc.Encode(Packet{Kind: "hello", Role: role, Topic: topic})
	var p Packet
	if dec.Decode(&p) != nil || p.Kind != "welcome" {
		fmt.Println("the server did not welcome us")
		os.Exit(1)
	}
	fmt.Printf("welcome, %s!\n", role)
	go func() {
		for {
			var p Packet
			if dec.Decode(&p) != nil {
				os.Exit(0)
			}
			fmt.Printf("[%s] %s: %s\n", p.Topic, p.From, p.Text)
		}
	}()
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		line = strings.TrimSpace(line)
		if err != nil || line == "terminate" {
			enc.Encode(Packet{Kind: "terminate"})
			c.Close()
			return
		}
		enc.Encode(Packet{Kind: "message", Text: line})
	}
}
