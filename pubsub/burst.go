package pubsub

import "github.com/troupe-go/troupe/reactor"

// A burst is messages of one channel that are posted to a hub before it takes them: they will be delivered together, and
// so they are put together in memory, for what is one piece there is one for the kernel. A message that comes alone has
// memory of its own size, and one of a burst shares 2 KiB at most, so that who keeps one does not keep much else. What the
// last burst was is taken as a sign of what the next one of the channel will be.
type burst struct {
	of     *topic // nil while there is none
	bytes  int
	packer reactor.Packer

	lastOf    *topic
	lastBytes int
}

// hold copies a payload for a message of t.
func (b *burst) hold(t *topic, payload []byte) reactor.Piece {
	if b.of != t {
		b.end()
		b.of, b.bytes = t, len(payload)
		if b.lastOf != t || b.lastBytes < 2*len(payload) {
			return reactor.CopyPiece(payload)
		}
		b.packer.Expect(b.lastBytes)
	} else {
		b.bytes += len(payload)
	}
	return b.packer.Pack(len(payload), func(dst []byte) []byte { return append(dst, payload...) })
}

// end ends a burst: what comes next will not be delivered with it.
func (b *burst) end() {
	if b.of == nil {
		return
	}
	b.lastOf, b.lastBytes, b.of = b.of, b.bytes, nil
	b.packer.Close()
}
