package jetstream

import (
	"fmt"
	"testing"

	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func TestJournal(t *testing.T) {
	n := startNode(t)
	streams := 0
	journaltest.Run(t, func(t *testing.T, history int) journal.Journal {
		cfg := n.config()
		streams++
		cfg.Stream = fmt.Sprint("test", streams)
		cfg.History = history
		return connect(t, cfg)
	})
}
