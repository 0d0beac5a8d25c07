package broker

import (
	"bytes"

	"pubsublab/protocol"
	"pubsublab/server/feed"
)

// echo logs what is published, in its order, to the end of the journal or until
// Shutdown has run out of time. It is a subscriber like others: what it lags
// behind is history that cannot be dropped.
func (b *Broker) echo(cursor *feed.Cursor, wake <-chan struct{}) {
	defer cursor.Close()
	for {
		run, err := cursor.Next()
		if err != nil {
			return
		}
		if len(run) == 0 {
			<-wake
			continue
		}
		for line := range bytes.Lines(run) {
			select {
			case <-b.broken:
				return
			default:
			}
			b.logLine(line)
		}
		cursor.Advance(len(run))
	}
}

// logLine logs a tsv line, if it is a message.
func (b *Broker) logLine(line []byte) {
	m, e, err := protocol.ParseTSV(protocol.TrimLine(line))
	if err != nil || e.Kind != 0 {
		return
	}
	attrs := []any{"from", m.From, "line", m.Line}
	if m.Topic != "" {
		attrs = append(attrs, "topic", m.Topic)
	}
	b.log.Info("published", attrs...)
}
