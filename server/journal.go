package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"pubsublab/server/journal"
	"pubsublab/server/journal/disk"
	"pubsublab/server/journal/jetstream"
)

// journalOptions say where the order is kept.
type journalOptions struct {
	Journal     string `group:"The order" default:"memory" env:"PUBSUB_JOURNAL" placeholder:"DIR|nats://HOST:PORT,..." help:"Keep the order in a folder of a disk (written with a slash: ./journal), or on a JetStream stream of these NATS servers, which other brokers can share; or in memory (default)."`
	Sync        string `group:"One disk" enum:"always,1s,never" default:"always" env:"PUBSUB_SYNC" help:"When what is acknowledged is on the disk: before that (always), 1s later at most, or when the system likes (never). The death of the server alone takes nothing in any case."`
	JournalSize size   `group:"One disk" default:"1GiB" env:"PUBSUB_JOURNAL_SIZE" help:"How much the folder keeps; then the oldest goes. At least 16MiB."`
	Damaged     string `group:"One disk" enum:"error,gap" default:"error" env:"PUBSUB_DAMAGED" help:"Where something in the folder is damaged: do not start (error), or put a gap in its place (gap)."`
	natsOptions
}

// natsOptions say how to get at a stream, and how one is made.
type natsOptions struct {
	JournalCreds string `group:"Several brokers" env:"PUBSUB_JOURNAL_CREDS" placeholder:"FILE" help:"Credentials of a NATS user: its JWT and the seed of its nkey."`
	JournalNKey  string `group:"Several brokers" name:"journal-nkey" env:"PUBSUB_JOURNAL_NKEY" placeholder:"FILE" help:"The seed of a NATS user's nkey, where the servers know its public key."`
	JournalCA    string `group:"Several brokers" name:"journal-ca" env:"PUBSUB_JOURNAL_CA" placeholder:"FILE" help:"Speak TLS with NATS servers that have certificates of these authorities (PEM)."`
	JournalCert  string `group:"Several brokers" env:"PUBSUB_JOURNAL_CERT" placeholder:"FILE" help:"The broker's own certificate chain for NATS (PEM)."`
	JournalKey   string `group:"Several brokers" env:"PUBSUB_JOURNAL_KEY" placeholder:"FILE" help:"Its private key (PEM)."`
	Stream       string `group:"Several brokers" default:"pubsublab" env:"PUBSUB_STREAM" help:"The stream's name. It is created if there is none."`
	Replicas     int    `group:"Several brokers" default:"0" env:"PUBSUB_REPLICAS" help:"How many NATS servers keep a stream that is created, 1 to 5; 0 for 3 where --journal names as many, else 1."`
	StreamSize   size   `group:"Several brokers" default:"1GiB" env:"PUBSUB_STREAM_SIZE" help:"How much a stream that is created keeps. At least 128MiB. Its snapshots take up to a third as much besides, and 40MiB."`
}

// check returns what is wrong with the options. It does not repeat --journal, which may hold a
// password or token.
func (o *journalOptions) check() error {
	switch {
	case o.Journal != "memory" && !o.onDisk() && !strings.Contains(o.Journal, "://"):
		return errors.New("--journal is something else than expected: memory, a folder such as ./journal, or NATS servers such as nats://a:4222,b:4222")
	case !o.onDisk() && (o.Sync != "always" || o.Damaged != "error"):
		return errors.New("--sync and --damaged need --journal with a folder")
	case o.JournalSize < disk.MinSize:
		return fmt.Errorf("--journal-size is %s, expected %s or more", humanize.IBytes(uint64(o.JournalSize)), humanize.IBytes(disk.MinSize))
	case !strings.Contains(o.Journal, "://") && (o.JournalCreds != "" || o.JournalNKey != "" || o.JournalCA != "" || o.JournalCert != "" || o.JournalKey != ""):
		return errors.New("--journal-creds, --journal-nkey, --journal-ca, --journal-cert and --journal-key need --journal with NATS servers")
	}
	return o.natsOptions.check()
}

func (o *natsOptions) check() error {
	switch {
	case o.JournalCreds != "" && o.JournalNKey != "":
		return errors.New("--journal-creds and --journal-nkey are two ways to be a NATS user, expected one of them")
	case (o.JournalCert == "") != (o.JournalKey == ""):
		return errors.New("--journal-cert and --journal-key go together")
	case o.Replicas < 0 || o.Replicas > 5:
		return fmt.Errorf("--replicas is %d, expected 0 to 5", o.Replicas)
	case o.StreamSize < jetstream.MinSize:
		return fmt.Errorf("--stream-size is %s, expected %s or more", humanize.IBytes(uint64(o.StreamSize)), humanize.IBytes(jetstream.MinSize))
	}
	return nil
}

// onDisk reports whether the order is kept in a folder. One is written with a slash, unless it is
// there already, so that a bad address of NATS is not taken for one.
func (o *journalOptions) onDisk() bool {
	if o.Journal == "memory" || strings.ContainsAny(o.Journal, "@") || strings.Contains(o.Journal, "://") {
		return false
	}
	info, err := os.Stat(o.Journal)
	return err == nil && info.IsDir() || strings.ContainsRune(filepath.ToSlash(o.Journal), '/')
}

// syncMode is what clients are told of the disk: nothing where there is none.
func (o *journalOptions) syncMode() string {
	if o.onDisk() {
		return o.Sync
	}
	return ""
}

// config is that of a stream at these servers.
func (o *natsOptions) config(servers string, history int, log *slog.Logger) jetstream.Config {
	replicas := o.Replicas
	if replicas == 0 {
		replicas = 1
		if strings.Count(servers, ",") >= 2 {
			replicas = 3
		}
	}
	return jetstream.Config{
		Servers: servers, Stream: o.Stream, Replicas: replicas, Size: int64(o.StreamSize), History: history, Log: log,
		Access: jetstream.Access{
			Creds: o.JournalCreds, NKey: o.JournalNKey, CA: o.JournalCA, Cert: o.JournalCert, Key: o.JournalKey,
		},
	}
}

// openTimeout is how long the server waits for its stream before it listens all the same: what is
// wrong with the options shows in that time, and is reported before anybody connects.
const openTimeout = 3 * time.Second

// openJournal returns the journal, and a context that ends with the cause when the journal cannot
// go on. It may still wait for NATS.
func (o *journalOptions) openJournal(stop context.Context, history int, log *slog.Logger) (journal.Journal, context.Context, error) {
	if o.Journal == "memory" {
		return journal.NewMemory(history), context.Background(), nil
	}
	if o.onDisk() {
		return o.openDisk(history, log)
	}
	j := jetstream.Defer(o.config(o.Journal, history, log))
	select {
	case <-j.Ready():
	case <-time.After(openTimeout):
	case <-stop.Done():
	case <-j.Life().Done():
		return nil, nil, fmt.Errorf("--journal: %w", context.Cause(j.Life()))
	}
	return j, j.Life(), nil
}

// folderTimeout is for how long a server waits for the end of the one before it on the same folder.
const folderTimeout = 5 * time.Second

func (o *journalOptions) openDisk(history int, log *slog.Logger) (journal.Journal, context.Context, error) {
	j, err := disk.Open(disk.Config{
		Dir: o.Journal, Wait: folderTimeout, SyncEvery: map[string]time.Duration{"1s": time.Second, "never": -1}[o.Sync],
		Size: int64(o.JournalSize), History: history, Gaps: o.Damaged == "gap", Log: log.With("sync", o.Sync),
	})
	var damage *disk.DamageError
	if errors.As(err, &damage) && o.Damaged != "gap" {
		return nil, nil, fmt.Errorf("--journal %s: %w. To go on with a gap in its place, start with --damaged=gap", o.Journal, err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("--journal %s: %w", o.Journal, err)
	}
	return j, j.Life(), nil
}
