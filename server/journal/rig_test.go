package journal_test

import (
	"testing"

	"go.uber.org/goleak"

	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	journaltest.Run(t, func(_ *testing.T, history int) journal.Journal { return journal.NewMemory(history) })
}

// rig is a journal in memory, where what is appended is there when Append returns.
type rig struct {
	*journaltest.Rig
	memory *journal.Memory
}

func newRig(t testing.TB, limit int) *rig {
	memory := journal.NewMemory(limit)
	return &rig{journaltest.NewRig(t, memory), memory}
}
