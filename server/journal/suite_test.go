package journal_test

import (
	"testing"

	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func TestMemory(t *testing.T) {
	journaltest.Run(t, func(_ *testing.T, history int) journal.Journal { return journal.NewMemory(history) })
}
