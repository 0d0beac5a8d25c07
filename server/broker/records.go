package broker

import (
	"bufio"
	"cmp"
	"io"
	"sync"
)

// stageSize is how much is written at once where the bytes sent are not the journal's own, in bytes: all
// that such a connection holds for itself. recordsRoom of it is for what TLS adds, which is most while
// its records are small, as the first hundred are.
const (
	stageSize   = 64 << 10
	recordsRoom = 2 << 10
	recordSize  = 16 << 10 // the most text that goes into one
)

// stage is room for that.
type stage struct {
	bytes [stageSize]byte
	text  *bufio.Writer // puts short pieces together to records
}

var stages = sync.Pool{New: func() any { return &stage{text: bufio.NewWriterSize(nil, recordSize)} }}

// fill copies the beginning of run.
func (st *stage) fill(run [][]byte) []byte {
	size := 0
	for _, data := range run {
		size += copy(st.bytes[size:], data)
	}
	return st.bytes[:size]
}

// encrypt writes the beginning of run to a connection whose records are gathered in the stage. It
// returns how many bytes that was.
func (st *stage) encrypt(secure io.Writer, run [][]byte) (n int, err error) {
	const most = stageSize - recordsRoom
	st.text.Reset(secure)
	defer st.text.Reset(nil)
	for _, data := range run {
		data = data[:min(len(data), most-n)]
		n += len(data)
		st.text.Write(data) // an error stays
	}
	return n, st.text.Flush()
}

// records gathers what TLS writes, so that many records go to the system in one call and to the client
// in one piece: each one alone would wake it. The zero value gathers nothing.
type records struct {
	mu      sync.Mutex // held while what was gathered is written, so that it comes before what follows
	on      bool
	written []byte
}

// gather has what encrypt writes gathered in room, and then written by write. The reader of the
// connection may have something to say to the client's TLS meanwhile: it keeps its place.
func (r *records) gather(room []byte, encrypt func() error, write func([]byte) (int, error)) error {
	r.mu.Lock()
	r.on, r.written = true, room[:0]
	r.mu.Unlock()
	err := encrypt()
	r.mu.Lock()
	defer r.mu.Unlock()
	written := r.written
	r.on, r.written = false, nil
	_, failed := write(written)
	return cmp.Or(err, failed)
}
