package gallery_test

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// faults holds for each entry that has one whether a server (or client) shows it.
var faults = map[string]func(*rig) bool{
	"single-client": func(r *rig) bool {
		r.must("SUBSCRIBER")
		return r.join("PUBLISHER") == nil
	},
	"port-not-reusable": func(r *rig) bool {
		r.must("SUBSCRIBER")
		r.server.kill(r.T)
		return !r.serve() && r.comes(r.server.output, "in use")
	},
	"no-prompt":       func(r *rig) bool { return !r.comes(r.dial().said, "role") },
	"upper-case-only": func(r *rig) bool { return r.join("publisher") == nil },
	"hides-messages": func(r *rig) bool {
		subscriber, publisher, message := r.must("SUBSCRIBER"), r.must("PUBLISHER"), word("m")
		publisher.say(message)
		r.await(subscriber.said, message)
		return !r.comes(r.server.output, message)
	},
	"hides-roles": func(r *rig) bool {
		name := r.must("SUBSCRIBER").LocalAddr().String()
		r.await(r.server.output, name+" connected")
		r.must("PUBLISHER").leave()
		output := strings.ToUpper(r.server.output.String())
		return !strings.Contains(output, "SUBSCRIBER") && !strings.Contains(output, "PUBLISHER")
	},
	"drops-first": func(r *rig) bool {
		subscriber, publisher := r.must("SUBSCRIBER"), r.must("PUBLISHER")
		first, second := word("first"), word("second")
		publisher.say(first)
		lost := !r.comes(subscriber.said, first)
		publisher.say(second)
		r.await(subscriber.said, second)
		return lost
	},
	"doubles": func(r *rig) bool {
		subscriber, publisher, message := r.must("SUBSCRIBER"), r.must("PUBLISHER"), word("m")
		publisher.say(message)
		r.fence(subscriber)
		return strings.Count(subscriber.said.String(), message) == 2
	},
	"reorders": func(r *rig) bool {
		subscriber, publisher := r.must("SUBSCRIBER"), r.must("PUBLISHER")
		sent := burst(500)
		publisher.send(strings.Join(sent, "\n") + "\n")
		require.True(r, subscriber.said.wait(r.T, 0, func(text string) bool { return len(messages(text)) == len(sent) }))
		received := messages(subscriber.said.String())
		inOrder := slices.Equal(sent, received)
		slices.Sort(sent)
		slices.Sort(received)
		require.Equal(r, sent, received)
		return !inOrder
	},
	"slow": func(r *rig) bool {
		subscriber, publisher := r.must("SUBSCRIBER"), r.must("PUBLISHER")
		for range 5 { // a busy machine is slow now and then, and not always
			message, began := word("m"), time.Now()
			publisher.say(message)
			if r.await(subscriber.said, message); time.Since(began) < 900*time.Millisecond {
				return false
			}
		}
		return true
	},
	"overtakes": func(r *rig) bool {
		subscriber, publisher, first := r.must("SUBSCRIBER"), r.must("PUBLISHER"), word("first")
		publisher.say(first)
		for range 100 {
			second := word("second")
			r.await(r.server.output, first) // it was read alone
			publisher.say(second)
			r.await(subscriber.said, second)
			r.await(subscriber.said, first)
			if text := subscriber.said.String(); strings.Index(text, second) < strings.Index(text, first) {
				return true
			}
			first = word("first")
			publisher.say(first)
		}
		return false
	},
	"stops-at-terminate": func(r *rig) bool {
		r.must("PUBLISHER").terminate() // its connection's end is the server's last act, if it is one
		return r.join("SUBSCRIBER") == nil
	},
	"role-before-accept": func(r *rig) bool {
		r.dial()
		return r.join("SUBSCRIBER") == nil
	},
	"first-subscriber-only": func(r *rig) bool {
		first, second, publisher, message := r.must("SUBSCRIBER"), r.must("SUBSCRIBER"), r.must("PUBLISHER"), word("m")
		publisher.say(message)
		r.await(first.said, message)
		return !r.comes(second.said, message)
	},
	"echoes": func(r *rig) bool {
		subscriber, publisher, message := r.must("SUBSCRIBER"), r.must("PUBLISHER"), word("m")
		publisher.say(message)
		r.await(subscriber.said, message)
		publisher.terminate()
		return strings.Contains(publisher.said.String(), message)
	},
	"subscribers-publish": func(r *rig) bool {
		subscriber, talker, message := r.must("SUBSCRIBER"), r.must("SUBSCRIBER"), word("m")
		talker.say(message)
		talker.terminate()
		r.fence(subscriber)
		return strings.Contains(subscriber.said.String(), message)
	},
	"no-prefix": func(r *rig) bool {
		subscriber, publisher, message := r.must("SUBSCRIBER"), r.must("PUBLISHER"), word("m")
		publisher.say(message)
		r.await(subscriber.said, message)
		return !strings.Contains(subscriber.said.String(), "[FROM")
	},
	"wrong-sender": func(r *rig) bool {
		subscriber, publisher, other, message := r.must("SUBSCRIBER"), r.must("PUBLISHER"), r.must("PUBLISHER"), word("m")
		publisher.say(message)
		r.await(subscriber.said, message)
		return !strings.Contains(subscriber.said.String(), publisher.LocalAddr().String()) &&
			strings.Contains(subscriber.said.String(), other.LocalAddr().String())
	},
	"merges-lines": func(r *rig) bool {
		subscriber, publisher := r.must("SUBSCRIBER"), r.must("PUBLISHER")
		first, second := word("first"), word("second")
		publisher.send(first + "\n" + second + "\n")
		r.await(subscriber.said, second)
		return strings.Count(subscriber.said.String(), "[FROM") == 1
	},
	"cuts-messages": func(r *rig) bool {
		subscriber, publisher, end := r.must("SUBSCRIBER"), r.must("PUBLISHER"), word("e")
		publisher.say("a message of more than sixteen bytes, " + end)
		r.await(subscriber.said, end[1:])
		return !strings.Contains(subscriber.said.String(), "than sixteen bytes, "+end)
	},
	"truncates": func(r *rig) bool {
		subscriber, publisher := r.must("SUBSCRIBER"), r.must("PUBLISHER")
		publisher.say("a message of more than sixteen bytes")
		r.fence(subscriber)
		return strings.Contains(subscriber.said.String(), "a message of mor\n")
	},
	"loses-last": func(r *rig) bool {
		subscriber, publisher, message := r.must("SUBSCRIBER"), r.must("PUBLISHER"), word("m")
		publisher.send(message + "\nterminate\n")
		publisher.said.ends(r.T, 0)
		r.fence(subscriber)
		return !strings.Contains(subscriber.said.String(), message)
	},
	"publishes-terminate": func(r *rig) bool {
		subscriber, publisher := r.must("SUBSCRIBER"), r.must("PUBLISHER")
		publisher.terminate()
		r.fence(subscriber)
		return strings.Contains(subscriber.said.String(), "terminate")
	},
	"repeats-last": func(r *rig) bool {
		subscriber, publisher, message := r.must("SUBSCRIBER"), r.must("PUBLISHER"), word("m")
		publisher.say(message)
		r.await(subscriber.said, message)
		publisher.leave()
		r.fence(subscriber)
		return strings.Count(subscriber.said.String(), message) == 2
	},
	"loses-together": func(r *rig) bool {
		subscriber := r.must("SUBSCRIBER")
		publish := func(publishers ...*peer) (lost int) {
			before := len(messages(subscriber.said.String()))
			for _, publisher := range publishers {
				publisher.send(strings.Join(burst(100), "\n") + "\n")
			}
			for _, publisher := range publishers {
				publisher.terminate()
			}
			r.fence(subscriber)
			return 100*len(publishers) - (len(messages(subscriber.said.String())) - before - 1)
		}
		first, second := r.must("PUBLISHER"), r.must("PUBLISHER")
		require.Zero(r, publish(r.must("PUBLISHER")), "one publisher alone loses messages, too")
		return publish(first, second) > 0
	},
	"crashes-on-leave": func(r *rig) bool {
		r.timeout = 0 // it dies, and does not fall silent
		r.must("SUBSCRIBER").leave()
		return r.join("PUBLISHER") == nil && r.server.output.ends(r.T, 0)
	},
	"deadlocks-on-leave": func(r *rig) bool {
		r.must("PUBLISHER").leave()
		r.must("SUBSCRIBER").leave()
		return r.join("PUBLISHER") == nil && !r.server.output.over()
	},
	"skips-after-leave": func(r *rig) bool {
		first, second, third, publisher := r.must("SUBSCRIBER"), r.must("SUBSCRIBER"), r.must("SUBSCRIBER"), r.must("PUBLISHER")
		first.leave()
		skipped, next := word("skipped"), word("next")
		publisher.say(skipped)
		r.await(third.said, skipped)
		publisher.say(next)
		r.await(second.said, next)
		return !strings.Contains(second.said.String(), skipped)
	},
	"stops-at-gone": func(r *rig) bool {
		first, second, third := r.must("SUBSCRIBER"), r.must("SUBSCRIBER"), r.must("SUBSCRIBER")
		publisher, message := r.must("PUBLISHER"), word("m")
		second.leave()
		for _, message := range []string{word("m"), message} {
			publisher.say(message)
			r.await(first.said, message)
		}
		return !r.comes(third.said, message)
	},
	"dies-at-reset": func(r *rig) bool {
		r.timeout = 0
		publisher := r.must("PUBLISHER")
		require.NoError(r, publisher.Conn.(*net.TCPConn).SetLinger(0)) // so that closing resets
		publisher.leave()
		return r.join("PUBLISHER") == nil && r.server.output.ends(r.T, 0)
	},
	"dies-without-role": func(r *rig) bool {
		r.timeout = 0
		r.dial().leave()
		return r.join("PUBLISHER") == nil && r.server.output.ends(r.T, 0)
	},
	"dies-at-200": func(r *rig) bool {
		r.timeout = 0
		return crowd(r) == 200 && r.server.output.ends(r.T, 0)
	},
	"full-for-ever": func(r *rig) bool {
		r.timeout *= 3 // a hundred answers are awaited, and none of them may be taken for lost that is only late
		return crowd(r) == 100 && !r.server.output.over()
	},
	"doubles-for-newcomers": func(r *rig) bool {
		r.must("SUBSCRIBER").leave()
		subscriber, publisher, message := r.must("SUBSCRIBER"), r.must("PUBLISHER"), word("m")
		publisher.say(message)
		r.fence(subscriber)
		return strings.Count(subscriber.said.String(), message) == 2
	},
	"mixes-lines": func(r *rig) bool {
		subscriber, publishers := r.must("SUBSCRIBER"), []*peer{r.must("PUBLISHER"), r.must("PUBLISHER")}
		for _, publisher := range publishers {
			publisher.send(strings.Join(burst(100), "\n") + "\n")
		}
		for _, publisher := range publishers {
			publisher.terminate()
		}
		r.fence(subscriber)
		return slices.ContainsFunc(strings.Split(subscriber.said.String(), "\n"), func(line string) bool {
			return strings.Count(line, "[FROM") > 1
		})
	},
	"dies-at-empty-line": func(r *rig) bool {
		r.timeout = 0
		subscriber, publisher, message := r.must("SUBSCRIBER"), r.must("PUBLISHER"), word("m")
		publisher.send("\n" + message + "\n")
		return !r.comes(subscriber.said, message) && r.server.output.ends(r.T, 0)
	},
	"keeps-sockets": func(r *rig) bool {
		publisher := r.must("PUBLISHER")
		require.NoError(r, publisher.Conn.(*net.TCPConn).CloseWrite())
		return !publisher.said.ends(r.T, r.timeout)
	},
	"stalls": func(r *rig) bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+r.port)
		require.NoError(r, err)
		defer conn.Close()
		idle := &peer{Conn: conn, rig: r} // reads nothing
		idle.say("SUBSCRIBER")
		r.await(r.server.output, conn.LocalAddr().String()+" regist")
		subscriber, publisher, end := r.must("SUBSCRIBER"), r.must("PUBLISHER"), word("end")
		flood := strings.Repeat(strings.Repeat("long ", 12_800)+"\n", 128) // 8 MB: more than is buffered on the way
		publisher.send(flood + end + "\n")
		return !subscriber.said.wait(r.T, r.timeout, func(text string) bool { return strings.HasSuffix(text, end+"\n") })
	},
	"client-keeps-on": func(r *rig) bool {
		client := r.client("PUBLISHER")
		client.types(r.T, "terminate")
		return !client.output.ends(r.T, r.timeout)
	},
	"client-ignores-interrupt": func(r *rig) bool {
		client := r.client("SUBSCRIBER")
		client.interrupt(r.T)
		return !client.output.ends(r.T, r.timeout)
	},
	"client-sends-prompt": func(r *rig) bool {
		subscriber, client, message := r.must("SUBSCRIBER"), r.client("PUBLISHER"), word("m")
		client.types(r.T, message)
		r.await(subscriber.said, message)
		return strings.Count(subscriber.said.String(), "[FROM") > 1
	},
	"client-exits-1": func(r *rig) bool {
		client := r.client("PUBLISHER")
		client.types(r.T, "terminate")
		return client.output.ends(r.T, 0) && client.cmd.ProcessState.ExitCode() == 1
	},
	"client-drops-rest": func(r *rig) bool {
		client, publisher, sent := r.client("SUBSCRIBER"), r.must("PUBLISHER"), burst(100)
		publisher.send(strings.Join(sent, "\n") + "\n")
		return !client.output.wait(r.T, r.timeout, func(text string) bool { return len(messages(text)) == len(sent) })
	},
	"client-one-message": func(r *rig) bool {
		client, publisher, first, second := r.client("SUBSCRIBER"), r.must("PUBLISHER"), word("first"), word("second")
		publisher.say(first)
		r.await(client.output, first)
		publisher.say(second)
		return !r.comes(client.output, second)
	},
}

// crowd lets clients come and go and returns how many were served before one was not.
func crowd(r *rig) int {
	const size = 250
	for served := range size {
		p := r.join("PUBLISHER")
		if p == nil {
			return served
		}
		p.Close()
	}
	return size
}

// burst returns n messages.
func burst(n int) []string {
	var sent []string
	for range n {
		sent = append(sent, word("m"))
	}
	return sent
}

// messages returns the messages in what a subscriber received as lines.
func messages(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		if _, message, ok := strings.Cut(line, "] : "); ok {
			found = append(found, strings.TrimSuffix(message, "\n"))
		}
	}
	return found
}
