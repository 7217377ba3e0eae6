package reactor

import (
	"cmp"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

func TestTimerSize(t *testing.T) {
	if size := unsafe.Sizeof(Timer{}); bits.UintSize == 64 && size != 48 {
		t.Errorf("a Timer takes %d bytes, want 48", size)
	}
}

// An agenda is the model of a wheel: what is armed, in no order, sorted whenever somebody asks.
type agenda struct {
	now, horizon int64
	armings      int // ever, to tell the order of arming
	entries      []agendaEntry
}

type agendaEntry struct {
	id   int
	when int64
	seq  int
	late bool // armed for the past while an advance runs: not for this one
}

func (a *agenda) arm(id int, when int64, advancing bool) {
	a.disarm(id)
	a.armings++
	a.entries = append(a.entries, agendaEntry{id, when, a.armings, advancing && when <= a.horizon})
}

func (a *agenda) disarm(id int) bool {
	before := len(a.entries)
	a.entries = slices.DeleteFunc(a.entries, func(e agendaEntry) bool { return e.id == id })
	return len(a.entries) < before
}

func (a *agenda) armed(id int) bool {
	return slices.ContainsFunc(a.entries, func(e agendaEntry) bool { return e.id == id })
}

func (a *agenda) sort() {
	slices.SortFunc(a.entries, func(x, y agendaEntry) int {
		return cmp.Or(cmp.Compare(x.when, y.when), cmp.Compare(x.seq, y.seq))
	})
}

func (a *agenda) advance(now int64, expire func(id int)) {
	a.horizon = max(a.now, now)
	for {
		a.sort()
		i := slices.IndexFunc(a.entries, func(e agendaEntry) bool { return !e.late && e.when <= a.horizon })
		if i < 0 {
			break
		}
		id := a.entries[i].id
		a.entries = slices.Delete(a.entries, i, i+1)
		expire(id)
	}
	for i := range a.entries {
		a.entries[i].late = false
	}
	a.now = a.horizon
}

// A wheelChange is what a callback does, given by the position of the callback in its advance.
type wheelChange struct {
	id    int
	arm   bool
	delta int64
}

// drawDelta draws distances of every order of magnitude, on both sides, often at the edges of slots.
func drawDelta(t *rapid.T, label string) int64 {
	switch magnitude := rapid.IntRange(-3, 44).Draw(t, label+" magnitude"); {
	case magnitude <= 0:
		return int64(magnitude) * rapid.Int64Range(0, 70).Draw(t, label)
	default:
		size := int64(1) << magnitude
		return rapid.OneOf(rapid.Int64Range(0, 2*size), rapid.Int64Range(size-1, size+1)).Draw(t, label)
	}
}

func TestWheelModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const count = 24
		start := rapid.OneOf(
			rapid.Just(int64(0)),
			rapid.Int64Range(-1<<40, 1<<50),
			rapid.Int64Range(1<<wheelBits-100, 1<<wheelBits+100),
		).Draw(t, "start")

		var w wheel
		w.init(start)
		model := agenda{now: start, horizon: start}
		timers := make([]Timer, count)
		idOf := make(map[*Timer]int)
		for i := range timers {
			idOf[&timers[i]] = i
		}
		ids := rapid.IntRange(0, count-1)

		t.Repeat(map[string]func(*rapid.T){
			"arm": func(t *rapid.T) {
				id, when := ids.Draw(t, "id"), model.now+drawDelta(t, "delta")
				w.arm(&timers[id], when)
				model.arm(id, when, false)
			},
			"arm twins": func(t *rapid.T) {
				when := model.now + drawDelta(t, "delta")
				for _, id := range rapid.SliceOfN(ids, 2, 6).Draw(t, "ids") {
					w.arm(&timers[id], when)
					model.arm(id, when, false)
				}
			},
			"arm like another": func(t *rapid.T) {
				if len(model.entries) == 0 {
					t.Skip("nothing armed")
				}
				id, when := ids.Draw(t, "id"), rapid.SampledFrom(model.entries).Draw(t, "like").when
				w.arm(&timers[id], when)
				model.arm(id, when, false)
			},
			"arm for ever": func(t *rapid.T) {
				id := ids.Draw(t, "id")
				w.arm(&timers[id], math.MaxInt64)
				model.arm(id, math.MaxInt64, false)
			},
			"disarm": func(t *rapid.T) {
				id := ids.Draw(t, "id")
				if got, want := w.disarm(&timers[id]), model.disarm(id); got != want {
					t.Fatalf("disarm(%d) = %v, want %v", id, got, want)
				}
			},
			"advance": func(t *rapid.T) {
				target := model.now + drawDelta(t, "delta")
				if len(model.entries) > 0 && rapid.Bool().Draw(t, "to a timer") {
					e := rapid.SampledFrom(model.entries).Draw(t, "timer")
					if e.when < 1<<60 { // leave time to go on after
						target = e.when + rapid.Int64Range(-1, 1).Draw(t, "beside")
					}
				}
				changes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wheelChange {
					return wheelChange{ids.Draw(t, "id"), rapid.Bool().Draw(t, "arm"), drawDelta(t, "delta")}
				}), 0, 8).Draw(t, "changes")
				base := rapid.SampledFrom([]int64{model.now, max(model.now, target)}).Draw(t, "changes relative to")

				var got, want []int
				fired := w.advance(target, func(timer *Timer) {
					id := idOf[timer]
					if timer.Armed() {
						t.Fatalf("timer %d is armed while it expires", id)
					}
					if len(got) < len(changes) {
						if c := changes[len(got)]; c.arm {
							w.arm(&timers[c.id], base+c.delta)
						} else {
							w.disarm(&timers[c.id])
						}
					}
					got = append(got, id)
				})
				model.advance(target, func(id int) {
					if len(want) < len(changes) {
						if c := changes[len(want)]; c.arm {
							model.arm(c.id, base+c.delta, true)
						} else {
							model.disarm(c.id)
						}
					}
					want = append(want, id)
				})
				if !slices.Equal(got, want) {
					t.Fatalf("advance to %d fired %v, want %v", target, got, want)
				}
				if fired != len(want) {
					t.Fatalf("advance returned %d, want %d", fired, len(want))
				}
			},
			"": func(t *rapid.T) {
				if w.now != model.now || w.len() != len(model.entries) {
					t.Fatalf("now %d, len %d; want %d, %d", w.now, w.len(), model.now, len(model.entries))
				}
				for id := range timers {
					if timers[id].Armed() != model.armed(id) {
						t.Fatalf("timer %d: Armed = %v", id, timers[id].Armed())
					}
				}
				checkWheelNext(t, &w, &model)
				checkWheelLists(t, &w)
			},
		})
	})
}

// checkWheelNext holds next against the earliest timer: never late, and early by no more than the slot that the
// timer is in.
func checkWheelNext(t *rapid.T, w *wheel, model *agenda) {
	next, ok := w.next()
	if ok != (len(model.entries) > 0) {
		t.Fatalf("next says %v with %d armed", ok, len(model.entries))
	}
	if !ok {
		return
	}
	model.sort()
	first := model.entries[0].when
	differ := uint64(first ^ w.now)
	switch {
	case first <= w.now:
		if next != w.now {
			t.Fatalf("next = %d with a timer due at %d, want the present %d", next, first, w.now)
		}
	case differ>>wheelBits != 0:
		if next <= w.now || next > first {
			t.Fatalf("next = %d, want it in (%d, %d]", next, w.now, first)
		}
	default:
		level := (bits.Len64(differ) - 1) / wheelSlotBits
		if want := first >> (level * wheelSlotBits) << (level * wheelSlotBits); next != want {
			t.Fatalf("next = %d for a timer at %d, now %d; want %d", next, first, w.now, want)
		}
	}
}

// checkWheelLists checks that the lists are sound and that each timer is where its instant belongs.
func checkWheelLists(t *rapid.T, w *wheel) {
	total := 0
	for level := range w.lists {
		for slot, head := range w.lists[level] {
			if (head != nil) != (w.occupied[level]>>slot&1 == 1) {
				t.Fatalf("level %d slot %d: the bitmap is wrong", level, slot)
			}
			if head == nil {
				continue
			}
			for timer := head; ; {
				total++
				if int(timer.level) != level || int(timer.slot) != slot || timer.next.prev != timer {
					t.Fatalf("level %d slot %d: broken list", level, slot)
				}
				shift := level * wheelSlotBits
				switch {
				case level == asideLevel && slot == farList:
					if timer.when>>wheelBits < w.farEpoch || timer.when>>wheelBits <= w.now>>wheelBits {
						t.Fatalf("timer at %d is far, now %d, far epoch %d", timer.when, w.now, w.farEpoch)
					}
				case level == asideLevel && slot == dueList:
					if timer.when > w.now {
						t.Fatalf("timer at %d is due, now %d", timer.when, w.now)
					}
				case level == asideLevel:
					t.Fatalf("a timer in list %d beside the wheel", slot)
				default:
					if timer.when <= w.now || timer.when>>(shift+wheelSlotBits) != w.now>>(shift+wheelSlotBits) ||
						timer.when>>shift&(wheelSlots-1) != int64(slot) {
						t.Fatalf("timer at %d in level %d slot %d, now %d", timer.when, level, slot, w.now)
					}
				}
				if timer = timer.next; timer == head {
					break
				}
			}
		}
	}
	if total != w.len() {
		t.Fatalf("%d timers in the lists, len %d", total, w.len())
	}
}

func TestWheelSortByWhen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whens := rapid.SliceOf(rapid.Int64Range(0, 20)).Draw(t, "whens")
		timers := make([]Timer, len(whens))
		var chain *Timer
		for i := len(whens) - 1; i >= 0; i-- {
			timers[i].when, timers[i].next = whens[i], chain
			chain = &timers[i]
		}
		want := make([]*Timer, len(whens))
		for i := range timers {
			want[i] = &timers[i]
		}
		slices.SortStableFunc(want, func(a, b *Timer) int { return cmp.Compare(a.when, b.when) })
		var got []*Timer
		for timer := sortByWhen(chain); timer != nil; timer = timer.next {
			got = append(got, timer)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v sorted wrongly", whens)
		}
	})
}

// A loop that sleeps until next and then advances to it must reach a lone timer in a few steps.
func TestWheelNextReachesTimer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Int64Range(0, 1<<50).Draw(t, "now")
		when := now + rapid.Int64Range(0, 1<<rapid.IntRange(0, 60).Draw(t, "magnitude")).Draw(t, "delay")
		var (
			w     wheel
			timer Timer
		)
		w.init(now)
		w.arm(&timer, when)
		for step := 0; timer.Armed(); step++ {
			if step > wheelLevels {
				t.Fatalf("not fired after %d steps", step)
			}
			next, ok := w.next()
			if !ok || next > when {
				t.Fatalf("next = %d, %v; the timer is at %d", next, ok, when)
			}
			w.advance(next, func(*Timer) {
				if w.now != when {
					t.Fatalf("fired at %d, want %d", w.now, when)
				}
			})
		}
	})
}

// Would not end in the time of a test run if a jump took a step per tick, or per epoch.
func TestWheelHugeJump(t *testing.T) {
	var (
		w      wheel
		timers [7]Timer
		fired  []int64
	)
	w.init(math.MinInt64)
	whens := [...]int64{math.MaxInt64, math.MaxInt64 - 1, 1 << 60, 1 << 36, 0, -1, math.MinInt64 + 1}
	for i := range timers {
		w.arm(&timers[i], whens[i])
	}
	if n := w.advance(math.MaxInt64, func(t *Timer) { fired = append(fired, t.when) }); n != len(timers) {
		t.Errorf("fired %d timers, want %d", n, len(timers))
	}
	slices.Reverse(fired)
	if !slices.Equal(fired, whens[:]) {
		t.Errorf("fired, from the last, %d; want %d", fired, whens)
	}
	if _, ok := w.next(); ok {
		t.Error("next says there is work")
	}
}

func TestWheelArmInCallbackWaitsForNextAdvance(t *testing.T) {
	var (
		w     wheel
		timer Timer
		fires int
	)
	rearm := func(t *Timer) {
		fires++
		w.arm(t, 0)
	}
	w.init(0)
	w.arm(&timer, 10)
	for want := 1; want <= 3; want++ {
		w.advance(10, rearm)
		if fires != want {
			t.Fatalf("fired %d times after %d advances", fires, want)
		}
		if next, ok := w.next(); !ok || next != 10 {
			t.Fatalf("next = %d, %v; want 10", next, ok)
		}
	}
}

func TestWheelClockGoingBack(t *testing.T) {
	var (
		w     wheel
		timer Timer
	)
	w.init(1000)
	w.arm(&timer, 1001)
	if n := w.advance(-5000, func(*Timer) {}); n != 0 || w.now != 1000 {
		t.Errorf("fired %d, now %d; want 0, 1000", n, w.now)
	}
	if n := w.advance(1001, func(*Timer) {}); n != 1 {
		t.Errorf("fired %d, want 1", n)
	}
}

func TestWheelAllocatesNothing(t *testing.T) {
	var w wheel
	w.init(0)
	timers := make([]Timer, 1000)
	random := rand.New(rand.NewPCG(1, 2))
	now := int64(0)
	expire := func(t *Timer) { w.arm(t, now+random.Int64N(1<<random.IntN(40))-10) }
	for i := range timers {
		expire(&timers[i])
	}
	allocs := testing.AllocsPerRun(1000, func() {
		now += random.Int64N(100)
		w.advance(now, expire)
		w.next()
		if t := &timers[random.IntN(len(timers))]; w.disarm(t) {
			w.arm(t, now)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}

const benchmarkTimers = 1 << 20

// newBenchmarkWheel returns a wheel with a million timers spread over a minute.
func newBenchmarkWheel() (*wheel, []Timer, *rand.Rand) {
	w, timers := new(wheel), make([]Timer, benchmarkTimers)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range timers {
		w.arm(&timers[i], 1+random.Int64N(60_000))
	}
	return w, timers, random
}

// One timer, again and again, beside a million others: what an idle timeout costs per request.
func BenchmarkWheelArmDisarm(b *testing.B) {
	w, _, _ := newBenchmarkWheel()
	var timer Timer
	b.ReportAllocs()
	when := int64(30_000)
	for b.Loop() {
		w.arm(&timer, when)
		w.disarm(&timer)
		when ^= 0x1fff
	}
}

// Any of a million timers, so that each access is a cache miss: the cost of arming as such.
func BenchmarkWheelRearmAny(b *testing.B) {
	w, timers, random := newBenchmarkWheel()
	b.ReportAllocs()
	for b.Loop() {
		n := random.Uint64()
		w.arm(&timers[n%benchmarkTimers], 1+int64(n>>32%60_000))
	}
}

// A tick of a loop with a million timers of a minute each, which are armed again as they fire.
func BenchmarkWheelAdvance(b *testing.B) {
	w, _, _ := newBenchmarkWheel()
	now, fired := int64(0), 0
	expire := func(t *Timer) { w.arm(t, now+60_000) }
	b.ReportAllocs()
	for b.Loop() {
		now++
		fired += w.advance(now, expire)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(fired, 1)), "ns/timer")
	b.ReportMetric(float64(fired)/float64(b.N), "timers/op")
}

// What a turn of a loop pays when no timer is due.
func BenchmarkWheelNextAndAdvanceIdle(b *testing.B) {
	var (
		w     wheel
		timer Timer
	)
	w.arm(&timer, math.MaxInt64)
	now := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		now++
		w.next()
		w.advance(now, func(*Timer) {})
	}
}
