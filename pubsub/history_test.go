package pubsub

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A naiveHistory is what a channel should have.
type naiveHistory struct {
	name     string
	rule     *HistoryRule
	sequence uint64
	kept     []naiveMessage
}

type naiveMessage struct {
	sequence uint64
	text     string
	time     int64
}

func (h *naiveHistory) bytes() (n int) {
	for _, m := range h.kept {
		n += sizeOf(h.name, len(m.text))
	}
	return n
}

// naiveHistories are those of all channels.
type naiveHistories struct {
	rules    []HistoryRule
	most     int
	channels map[string]*naiveHistory
	unkept   uint64
}

func (n *naiveHistories) bytes() (sum int) {
	for _, h := range n.channels {
		sum += h.bytes()
	}
	return sum
}

func (n *naiveHistories) rule(channel string) *HistoryRule {
	for i := range n.rules { // the patterns of this test are words and a star
		if p := n.rules[i].Pattern; p == channel || strings.HasSuffix(p, "*") && strings.HasPrefix(channel, p[:len(p)-1]) {
			return &n.rules[i]
		}
	}
	return nil
}

func (n *naiveHistories) channel(name string) *naiveHistory {
	h := n.channels[name]
	if h == nil {
		h = &naiveHistory{name: name, rule: n.rule(name)}
		n.channels[name] = h
	}
	return h
}

// trim gives up the oldest messages until more would fit.
func (n *naiveHistories) trim(h *naiveHistory, count, bytes int) {
	over := func() bool {
		return h.rule.Count > 0 && len(h.kept)+count > h.rule.Count || h.rule.Bytes > 0 && h.bytes()+bytes > h.rule.Bytes ||
			bytes > 0 && n.bytes()+bytes > n.most
	}
	for len(h.kept) > 0 && over() {
		h.kept = h.kept[1:]
	}
}

func (n *naiveHistories) publish(name, text string) {
	h := n.channel(name)
	h.sequence++
	if h.rule == nil {
		return
	}
	size := sizeOf(name, len(text))
	n.trim(h, 1, size)
	if h.rule.Bytes > 0 && size > h.rule.Bytes || n.bytes()+size > n.most {
		n.unkept++
		return
	}
	h.kept = append(h.kept, naiveMessage{h.sequence, text, 0})
}

func (n *naiveHistories) set(rules []HistoryRule) {
	n.rules = rules
	for name, h := range n.channels {
		if h.rule = n.rule(name); h.rule == nil {
			h.kept = nil
			continue
		}
		n.trim(h, 0, 0)
	}
}

// replay is what a subscription hears at once.
func (n *naiveHistories) replay(name string, epoch uint64, o SubscribeOptions) (heard []string) {
	h := n.channel(name)
	kept := h.kept
	switch {
	case o.Last > 0:
		kept = kept[max(0, len(kept)-o.Last):]
	case !o.From.IsZero():
		for len(kept) > 0 && kept[0].time < o.From.UnixMilli() {
			kept = kept[1:]
		}
	case *o.After == Position{}:
	case o.After.Epoch != epoch || o.After.Sequence > h.sequence:
		heard = append(heard, "gap of 0")
	default:
		for len(kept) > 0 && kept[0].sequence <= o.After.Sequence {
			kept = kept[1:]
		}
		first := h.sequence + 1
		if len(kept) > 0 {
			first = kept[0].sequence
		}
		if missed := first - o.After.Sequence - 1; missed > 0 {
			heard = append(heard, fmt.Sprintf("gap of %d", missed))
		}
	}
	for _, m := range kept {
		heard = append(heard, m.text)
	}
	return heard
}

// TestHistoryAgreesWithModel: what histories keep, within which bounds, what they give up, and what a subscription hears
// that begins at any position, is what a naive model says.
func TestHistoryAgreesWithModel(t *testing.T) {
	channels := []string{"a", "b", "ab", "none"}
	rule := rapid.Custom(func(t *rapid.T) HistoryRule {
		r := HistoryRule{Pattern: rapid.SampledFrom([]string{"a", "b", "a*", "ab", "*b", "b*"}).Draw(t, "pattern")}
		if strings.HasPrefix(r.Pattern, "*") {
			r.Pattern = "b"
		}
		r.Count = rapid.IntRange(0, 6).Draw(t, "count")
		r.Bytes = rapid.SampledFrom([]int{0, 1, 257, 258, 600, 1500}).Draw(t, "bytes")
		if r.Count+r.Bytes == 0 {
			r.Age = time.Hour
		}
		return r
	})
	rules := rapid.SliceOfN(rule, 0, 4)
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.SampledFrom([]int{256, 1000, 2000, 1 << 20}).Draw(rt, "MaxHistoryBytes")
		first := rules.Draw(rt, "rules")
		b, m := manualBroker(t, Options{History: first, MaxHistoryBytes: most})
		model := &naiveHistories{rules: first, most: most, channels: map[string]*naiveHistory{}}
		pick := func(rt *rapid.T) string { return rapid.SampledFrom(channels).Draw(rt, "channel") }
		for _, name := range channels { // they have subscriptions, so that none is forgotten
			newListener(t, m.Group()).attach(b, name, SubscribeOptions{})
		}
		rt.Repeat(map[string]func(*rapid.T){
			"publish": func(rt *rapid.T) {
				name := pick(rt)
				text := fmt.Sprintf("%*d", rapid.SampledFrom([]int{1, 1, 1, 50, 256, 800}).Draw(rt, "size"), model.channel(name).sequence+1)
				model.publish(name, text)
				publish(t, b, name, text)
				if h := model.channel(name); len(h.kept) > 0 && h.kept[len(h.kept)-1].text == text { // its time is ours
					sh := b.plain.shard(name)
					kept := sh.topics[name].history
					h.kept[len(h.kept)-1].time = kept.at(kept.len() - 1).Time
				}
			},
			"rules": func(rt *rapid.T) {
				r := rules.Draw(rt, "rules")
				model.set(r)
				if err := b.SetHistory(r); err != nil {
					rt.Fatal(err)
				}
			},
			"subscribe": func(rt *rapid.T) {
				name := pick(rt)
				h, epoch := model.channel(name), b.Channel(name, 0).Position.Epoch
				var o SubscribeOptions
				switch rapid.IntRange(0, 3).Draw(rt, "kind") {
				case 0:
					o.Last = rapid.SampledFrom([]int{1, 2, 3, 1000}).Draw(rt, "last")
				case 1:
					o.From = time.Now().Add(time.Duration(rapid.IntRange(-3, 3).Draw(rt, "hours")) * time.Hour)
					if len(h.kept) > 0 && rapid.Bool().Draw(rt, "exactly") {
						o.From = time.UnixMilli(rapid.SampledFrom(h.kept).Draw(rt, "from").time)
					}
				case 2:
					o.After = &Position{epoch, rapid.Uint64Range(0, h.sequence+2).Draw(rt, "after")}
				default:
					o.After = rapid.SampledFrom([]*Position{{}, {0, 1}, {1, 0}, {^epoch, h.sequence}, {epoch, 1<<64 - 1}, {0, 1<<64 - 1}}).Draw(rt, "position")
				}
				l := newListener(t, m.Group()).attach(b, name, o)
				m.Run()
				if want := model.replay(name, epoch, o); !slices.Equal(l.got, want) {
					rt.Fatalf("%+v, after %v: heard %.300q, want %.300q", o, o.After, l.got, want)
				}
				if (o.Last > 0 || o.After != nil || !o.From.IsZero()) && l.Began() != b.Channel(name, 0).Position {
					rt.Fatalf("began at %v", l.Began())
				}
				l.Cancel()
				m.Run()
			},
			"": func(rt *rapid.T) {
				for _, name := range channels {
					h, info := model.channel(name), b.Channel(name, 0)
					if info.Kept != len(h.kept) || info.KeptBytes != h.bytes() || info.Position.Sequence != h.sequence {
						rt.Fatalf("%+v, want %d messages, %d bytes, at %d", info, len(h.kept), h.bytes(), h.sequence)
					}
				}
				if s := b.Stats(); s.HistoryBytes != model.bytes() || s.Unkept != model.unkept {
					rt.Fatalf("%d bytes, want %d; %d unkept, want %d", s.HistoryBytes, model.bytes(), s.Unkept, model.unkept)
				}
			},
		})
		b.Close()
		m.Run()
	})
}
