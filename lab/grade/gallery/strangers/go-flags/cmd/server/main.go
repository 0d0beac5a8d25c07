package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

type hub struct {
	mu   sync.Mutex
	subs map[net.Conn]bool
}

func (h *hub) send(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.subs {
		fmt.Fprintln(c, line)
	}
}

func (h *hub) handle(c net.Conn) {
	defer c.Close()
	addr := c.RemoteAddr().String()
	log.Println("connected:", addr)
	defer log.Println("disconnected:", addr)
	sc := bufio.NewScanner(c)
	if !sc.Scan() {
		return
	}
	role := strings.TrimSpace(sc.Text())
	log.Printf("%s is a %s", addr, role)
	if role == "Subscriber" {
		h.mu.Lock()
		h.subs[c] = true
		h.mu.Unlock()
		defer func() {
			h.mu.Lock()
			delete(h.subs, c)
			h.mu.Unlock()
		}()
	}
	for sc.Scan() {
		text := sc.Text()
		if text == "terminate" {
			return
		}
		log.Printf("%s: %s", addr, text)
		if role != "Publisher" {
			continue
		}
		line := addr + " " + text
		if os.Getenv("FAULT") == "reorders" {
			go func() {
				time.Sleep(time.Duration(rand.Intn(200)) * time.Millisecond)
				h.send(line)
			}()
			continue
		}
		h.send(line)
	}
}

func main() {
	port := flag.Int("port", 8080, "port to listen on")
	flag.Parse()
	ln, err := net.Listen("tcp", fmt.Sprintf(":%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("server listening on :%d", *port)
	h := &hub{subs: map[net.Conn]bool{}}
	for {
		c, err := ln.Accept()
		if err != nil {
			log.Println(err)
			continue
		}
		go h.handle(c)
	}
}
