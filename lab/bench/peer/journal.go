package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// recoveryTimeout is how long a broker may take to read its journal.
const recoveryTimeout = 5 * time.Minute

// StartJournal starts our broker with a journal in a folder, which it syncs before it acknowledges,
// and which takes so many bytes. What it had to read is read when StartJournal returns.
func (p *Peer) StartJournal(ctx context.Context, dir string, size int64) (*Server, error) {
	one := *p
	one.timeout = recoveryTimeout
	one.args = func(s setting) ([]string, string) {
		return []string{"--host=127.0.0.1", "--journal=" + dir, "--sync=always", "--journal-size=" + strconv.FormatInt(size, 10), s.port}, ""
	}
	return one.Start(ctx, filepath.Dir(dir), nil)
}

// StartSynced starts Redis so that it syncs what it is told before it answers. Its data go to dir.
func (p *Peer) StartSynced(ctx context.Context, dir string) (*Server, error) {
	one := *p
	one.args = func(s setting) ([]string, string) {
		return []string{s.config}, fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %q\nsave \"\"\nappendonly yes\nappendfsync always\n", s.port, s.dataPath)
	}
	return one.Start(ctx, dir, nil)
}

// JournalEnd is a place in a journal, behind a frame. The zero value is its beginning.
type JournalEnd struct {
	file string
	off  int64
}

// What a file of our broker's journal looks like, as far as it matters here: a line, and frames one
// behind the other, whose headers tell the bytes and messages that follow. See server/journal/disk.
const (
	frameMagic  = "\xf5\x00j"
	frameHeader = 40
	bytesAt     = 8
	messagesAt  = 12
	bannerSize  = int64(len("pubsublab journal 1\n"))
)

// Frames returns how many bytes each frame of messages has that was written to a journal since a
// place, and where it ends now. Nobody may write to it meanwhile.
func Frames(dir string, since JournalEnd) (end JournalEnd, sizes []int, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil {
		return end, nil, err
	}
	if len(names) == 0 {
		return end, nil, fmt.Errorf("there is no journal in %s", dir)
	}
	end = since
	header := make([]byte, frameHeader)
	for _, name := range names { // in their order
		if name < since.file {
			continue
		}
		if name != since.file {
			end = JournalEnd{name, bannerSize}
		}
		f, err := os.Open(name)
		if err != nil {
			return end, nil, err
		}
		for {
			if _, err = f.ReadAt(header, end.off); err != nil || string(header[:len(frameMagic)]) != frameMagic {
				break
			}
			size := frameHeader + int(binary.LittleEndian.Uint32(header[bytesAt:]))
			if binary.LittleEndian.Uint32(header[messagesAt:]) > 0 {
				sizes = append(sizes, size)
			}
			end.off += int64(size)
		}
		f.Close()
		if err != nil && !errors.Is(err, io.EOF) {
			return end, nil, err
		}
	}
	return end, sizes, nil
}
