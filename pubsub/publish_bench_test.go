package pubsub

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// mixedPattern is one of many that subscribers use.
func mixedPattern(i int) string {
	switch i % 5 {
	case 0:
		return fmt.Sprintf("user.%d.*", i)
	case 1:
		return fmt.Sprintf("room.[0-9]*.%d", i)
	case 2:
		return fmt.Sprintf("*.log.%d", i)
	case 3:
		return fmt.Sprintf("a%d*b*c", i)
	default:
		return fmt.Sprintf("device.%d.?", i)
	}
}

// BenchmarkPublish is the cost for the publisher while 10,000 patterns stand, each with a subscriber, on another loop of
// the same program. After each thousand it waits until they are delivered, which is not counted.
func BenchmarkPublish(b *testing.B) {
	const patterns, names, batch = 10_000, 1000, 1000
	broker, g := startBroker(b, 1, Options{})
	var all []*counter
	add := func(name string, o SubscribeOptions) *counter {
		c := &counter{}
		if err := broker.Attach(&c.Subscription, name, c, g.Loops()[0], o); err != nil {
			b.Fatal(err)
		}
		all = append(all, c)
		return c
	}
	for i := range patterns {
		add(mixedPattern(i), SubscribeOptions{Pattern: true})
	}
	name := func(i int) string { return fmt.Sprint("user.", i%names*5, ".inbox") }
	payload := make([]byte, 64)
	for _, bench := range []struct {
		name string
		prep func(i int) (channel string)
	}{
		{"nobody", func(int) string { return "nobody.wants.this" }},
		{"seen", name},
		{"first", func(i int) string { return fmt.Sprintf("user.%d.%d", i%patterns, i) }},
		{"changed", func(i int) string {
			add(fmt.Sprint("new*", i), SubscribeOptions{Pattern: true}).Cancel()
			return name(i)
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var spent time.Duration
			channels := make([]string, batch)
			b.ReportAllocs()
			for i := 0; i < b.N; {
				n := min(batch, b.N-i)
				if bench.name == "changed" {
					n = 1
				}
				for k := range n {
					channels[k] = bench.prep(i + k)
				}
				begin := time.Now()
				for _, channel := range channels[:n] {
					if _, err := broker.Publish(channel, payload); err != nil {
						b.Fatal(err)
					}
				}
				spent += time.Since(begin)
				i += n
				for broker.Stats().Waiting > 0 {
					runtime.Gosched()
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "ns/publish")
		})
	}
	for _, c := range all {
		c.Cancel()
	}
}

// A counter is the least Subscriber.
type counter struct {
	Subscription
	n int
}

func (c *counter) Deliver(_ *Subscription, run *Run) int {
	c.n += len(run.Messages())
	return 0
}

func (c *counter) Unsubscribed(*Subscription) {}
