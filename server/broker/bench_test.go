package broker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

// BenchmarkFanOut publishes b.N lines of 64 bytes from two publishers over loopback and waits until
// every subscriber has received every one of them. An op is one published line; delivered/s counts
// each line once for each subscriber. The clients are in this process: their CPU time is in the
// figures too.
func BenchmarkFanOut(b *testing.B) {
	for _, subscribers := range []int{1, 2, 20, 100} {
		b.Run(fmt.Sprintf("2to%d", subscribers), func(b *testing.B) { benchmarkFanOut(b, 2, subscribers, 64) })
	}
}

// BenchmarkPublish is BenchmarkFanOut with nobody to listen: what taking lines in costs.
func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{16, 64, 1024} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) { benchmarkFanOut(b, 1, 0, size) })
	}
}

func benchmarkFanOut(b *testing.B, publishers, subscribers, size int) {
	broker := New(Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	go broker.Serve(listener)
	defer broker.Shutdown(context.Background())

	line := append(bytes.Repeat([]byte("the quick brown fox jumps over a lazy dog "), 1+size/42)[:size-1], '\n')
	each := (b.N + publishers - 1) / publishers
	var received sync.WaitGroup
	for range subscribers {
		conn := tcpJoin(b, listener, "SUBSCRIBER\n")
		received.Go(func() {
			defer conn.Close()
			buf := make([]byte, 256<<10)
			for left := each * publishers; left > 0; {
				n, err := conn.Read(buf)
				if err != nil {
					b.Error("a subscriber was cut off:", err)
					return
				}
				left -= bytes.Count(buf[:n], []byte{'\n'})
			}
		})
	}
	conns := make([]net.Conn, publishers)
	for i := range conns {
		conns[i] = tcpJoin(b, listener, fmt.Sprintf("PUBLISHER name=p%d\n", i))
	}
	block := bytes.Repeat(line, max(1, (64<<10)/len(line)))

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	start := time.Now()
	var sent sync.WaitGroup
	for _, conn := range conns {
		sent.Go(func() {
			defer conn.Close()
			for left := each * len(line); left > 0; {
				n := min(left, len(block))
				conn.Write(block[:n])
				left -= n
			}
			io.WriteString(conn, protocol.Terminate+"\n")
			io.Copy(io.Discard, conn)
		})
	}
	sent.Wait()
	received.Wait()
	elapsed := time.Since(start)
	b.StopTimer()
	runtime.ReadMemStats(&after)

	lines := float64(each * publishers)
	b.SetBytes(int64(len(line) * max(1, subscribers)))
	b.ReportMetric(lines*float64(max(1, subscribers))/elapsed.Seconds(), "delivered/s")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/lines, "mallocs/line")
}

// BenchmarkIdleSubscriber is what b.N subscribers cost who have nothing to receive: bytes of heap
// and of stacks for each, after a collection. Run it with -benchtime=5000x. The clients are bare
// sockets, which take no Go memory.
func BenchmarkIdleSubscriber(b *testing.B) {
	broker := New(Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	go broker.Serve(listener)
	defer broker.Shutdown(context.Background())
	server := &syscall.SockaddrInet4{Port: listener.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}

	memory := func() (heap, stacks uint64) {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, m.StackInuse
	}
	heap, stacks := memory()
	buf := make([]byte, 256)
	for range b.N {
		socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		require.NoError(b, err)
		defer syscall.Close(socket)
		require.NoError(b, syscall.Connect(socket, server))
		_, err = syscall.Write(socket, []byte("SUBSCRIBER topic=never\n"))
		require.NoError(b, err)
		for welcome := ""; !strings.HasSuffix(welcome, "\n"); {
			n, err := syscall.Read(socket, buf)
			require.NoError(b, err)
			require.Positive(b, n)
			welcome += string(buf[:n])
		}
	}
	heapThen, stacksThen := memory()
	b.ReportMetric((float64(heapThen)-float64(heap))/float64(b.N), "heap-B/subscriber")
	b.ReportMetric((float64(stacksThen)-float64(stacks))/float64(b.N), "stack-B/subscriber")
	b.ReportMetric(0, "ns/op")
}
