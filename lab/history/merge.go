package history

// A merge looks for one order that agrees with several sequences of nodes. Every sequence waits at its head; a node that
// all sequences which hold it wait at is next in the order. When no node is next, the sequences contradict each other.
type merge struct {
	// Static after construction.
	seqs  [][]int32
	holds []bitset // per sequence: its nodes; made at the first contradiction

	head    []int   // per sequence: how far it is
	waiting []int32 // per node: the first sequence that waits at it, or none
	behind  []int32 // per sequence: the next one that waits at the same node, or none
	others  []int32 // per node: how many sequences hold it and do not wait at it yet
	done    bitset
	ready   []int32
	order   []int32

	// To find what is after a node in every order that agrees: see after.
	hot    []bool // per sequence: it has passed such a node
	marked bitset // such nodes
}

type bitset []uint64

func newBitset(n int) bitset      { return make(bitset, (n+63)/64) }
func (b bitset) set(i int32)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) unset(i int32)    { b[i/64] &^= 1 << (i % 64) }
func (b bitset) has(i int32) bool { return b[i/64]>>(i%64)&1 == 1 }

func newMerge(seqs [][]int32, nodes int) *merge {
	m := &merge{seqs: seqs, head: make([]int, len(seqs)), waiting: make([]int32, nodes), behind: make([]int32, len(seqs)),
		others: make([]int32, nodes), done: newBitset(nodes), hot: make([]bool, len(seqs)), marked: newBitset(nodes)}
	for node := range m.waiting {
		m.waiting[node] = none
	}
	for _, seq := range seqs {
		for _, node := range seq {
			m.others[node]++
		}
	}
	for q := range seqs {
		m.wait(int32(q))
	}
	return m
}

// wait lets a sequence wait at its next node that is not in the order yet.
func (m *merge) wait(q int32) {
	for m.head[q] < len(m.seqs[q]) && m.done.has(m.seqs[q][m.head[q]]) {
		m.head[q]++
	}
	node := m.at(q)
	if node == none {
		return
	}
	m.behind[q], m.waiting[node] = m.waiting[node], q
	if m.others[node]--; m.others[node] == 0 {
		m.ready = append(m.ready, node)
	}
}

// at is the node that a sequence waits at, or none at its end.
func (m *merge) at(q int32) int32 {
	if m.head[q] == len(m.seqs[q]) {
		return none
	}
	return m.seqs[q][m.head[q]]
}

// run goes on until all sequences are at their ends, or contradict each other.
func (m *merge) run() {
	for len(m.ready) > 0 {
		node := m.ready[len(m.ready)-1]
		m.ready = m.ready[:len(m.ready)-1]
		m.emit(node)
	}
}

// emit makes a node the next one of the order. Sequences that hold it further on will skip it.
func (m *merge) emit(node int32) {
	m.done.set(node)
	m.order = append(m.order, node)
	for q := m.waiting[node]; q != none; q = m.behind[q] {
		if m.hot[q] {
			m.marked.set(node)
		}
	}
	hot := m.marked.has(node)
	for q := m.waiting[node]; q != none; {
		next := m.behind[q]
		m.hot[q] = hot
		m.head[q]++
		m.wait(q)
		q = next
	}
}

// drop takes the node that a sequence waits at out of that sequence.
func (m *merge) drop(q int32) {
	node := m.at(q)
	link := &m.waiting[node]
	for *link != q {
		link = &m.behind[*link]
	}
	*link = m.behind[q]
	m.holds[q].unset(node)
	m.head[q]++
	if m.others[node] == 0 && m.waiting[node] != none {
		m.ready = append(m.ready, node)
	}
	m.wait(q)
}

// after gives the nodes that come after a node, or are it, in every order that agrees with the sequences, which do
// not contradict each other.
func after(seqs [][]int32, nodes int, node int32) bitset {
	m := newMerge(seqs, nodes)
	m.marked.set(node)
	m.run()
	return m.marked
}

// later says whether a sequence holds a node and has not come to it yet.
func (m *merge) later(q, node int32) bool {
	return m.holds[q].has(node) && !m.done.has(node) && m.at(q) != node
}

// cycle gives sequences that contradict each other: each one has the node that the one before it waits at later than
// the node that it waits at itself, and the first one has that of the last. It is nil when all are at their ends.
func (m *merge) cycle() []int32 {
	if m.holds == nil {
		for _, seq := range m.seqs {
			held := newBitset(len(m.waiting))
			for _, node := range seq {
				held.set(node)
			}
			m.holds = append(m.holds, held)
		}
	}
	q := int32(0)
	for m.at(q) == none {
		if q++; int(q) == len(m.seqs) {
			return nil
		}
	}
	var path []int32
	step := make(map[int32]int)
	for {
		if from, again := step[q]; again {
			return path[from:]
		}
		step[q] = len(path)
		path = append(path, q)
		node := m.at(q)
		for q = 0; !m.later(q, node); {
			q++
		}
	}
}
