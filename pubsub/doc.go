// Package pubsub carries messages from publishers to subscribers by the names of channels.
//
//	broker := system.Broker()
//	broker.Subscribe("news.*", func(m *pubsub.Message) { ... }, pubsub.SubscribeOptions{Pattern: true})
//	broker.Publish("news.sport", []byte("hello"))
//
// Most programs need Subscribe, SubscribeChan, Publish and Members, and [actors.Conn.Subscribe] for connections. Attach,
// [Run], [Frames], [Patient] and [Owner] are for those who have subscribers of their own kind, [Engine] and [Inlet] for
// those who join nodes.
//
// # Contract
//
// Messages of one publisher on one channel reach each subscriber in the order in which they were published, each once
// for each subscription (feature S5), from when Subscribe has returned until Cancel is called. Two publishers have no
// order between them, but all subscribers to one channel see the same one, and Message.Sequence counts it. What is not
// delivered is counted: by the Subscription that was too slow or whose Go channel nobody reads any more, and in [Stats].
// A message that Publish has accepted is not lost otherwise.
//
// # How
//
// A channel gives its messages their order. Each loop has a hub, to which a message is handed once, however many
// subscribers live there; the hub tells them in a turn of its own, and they, after it, write what they got in one go.
// The payload is copied once, when it is published. Connections share these bytes, or the frame that an [Encoder] made
// of them, once for each wire protocol. Patterns are found by an index: see package glob.
//
// The package knows subscribers by a small interface, not connections: see [Subscriber].
//
// [actors.Conn.Subscribe]: https://pkg.go.dev/github.com/troupe-go/troupe/actors#Conn.Subscribe
package pubsub
