package history_test

import (
	"fmt"
	"strings"

	"pubsublab/lab/history"
)

func Example() {
	sent := history.Publisher{Name: "ada", Sent: []string{"one", "two", "", "three"}, Acked: 4}
	transcripts := map[string]string{
		"subscriber-1": "[FROM ada] : one\n[FROM ada] : two\n[FROM ada] : \n[FROM ada] : three\n",
		"subscriber-2": "[FROM ada] : one\n[FROM ada] : three\n[FROM ada] : three\n",
	}
	h := history.History{Publishers: []history.Publisher{sent}}
	for _, name := range []string{"subscriber-1", "subscriber-2"} {
		transcript, err := history.Read(strings.NewReader(transcripts[name]), history.Plain)
		if err != nil {
			fmt.Println(name, err)
			return
		}
		h.Subscribers = append(h.Subscribers, history.Subscriber{
			Name: name, FromFirst: true, ToEnd: true, Received: transcript.Messages,
		})
	}
	fmt.Println(history.Check(h))
	// Output:
	// 4 lines from 1 publisher to 2 subscribers: 2 lost, 1 duplicated
	// subscriber-2: lost 2 lines of "ada": #2 "two" to #3 ""
	//       line 1: "one" from "ada"
	//     > line 2: "three" from "ada"
	//       line 3: "three" from "ada"
	// subscriber-2: received #4 "three" of "ada" once more, as line 3
}
