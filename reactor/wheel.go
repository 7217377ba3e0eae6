package reactor

import "math/bits"

// An Expirer is told when its timer's time has come. Expire runs on the loop, must not block and must not run
// user code: it posts to a mailbox. It may arm and disarm any timer of the same loop, t included.
type Expirer interface {
	Expire(l *Loop, t *Timer)
}

// A Timer is one appointment with a Loop. It is meant to be a field of what it times, so that arming allocates
// nothing. The zero value is an unarmed timer. Only the goroutine of the loop that armed it may touch it, and it
// must not be copied or moved to another loop while armed.
type Timer struct {
	next, prev  *Timer // neighbours in a circular list, nil while unarmed
	when        int64  // absolute, in ticks
	level, slot uint8  // which list, while armed
	Owner       Expirer
}

// Armed reports whether the timer waits for its time. It is false from just before Expire on.
func (t *Timer) Armed() bool { return t.next != nil }

const (
	wheelSlotBits = 6
	wheelSlots    = 1 << wheelSlotBits
	wheelLevels   = 6

	// wheelBits is how many low bits of an instant the levels tell apart: with ticks of 1 ms, a wheel has to
	// look again at its farthest timers every 2^36 ms, which is 795 days.
	wheelBits = wheelLevels * wheelSlotBits
)

// Lists beside the wheel proper. They live in one more row, so that disarm need not know them.
const (
	asideLevel = wheelLevels

	farList    = 0 // timers beyond the current epoch, an epoch being 2^wheelBits ticks
	dueList    = 1 // armed for an instant that had already come: left to the next advance
	firingList = 2 // what was due when the running advance began
)

// A wheel holds the timers of one loop: a hierarchical timing wheel (Varghese and Lauck, "Hashed and
// Hierarchical Timing Wheels", SOSP 1987) with ticks of 1 ms. It has no locks and belongs to the loop's
// goroutine.
//
// Read an instant as a row of 6-bit digits. A timer is kept at the level of the highest digit in which its
// instant differs from the present, in the slot which that digit names. Three things follow. A lower level is
// always due before a higher one, and in a level a lower slot before a higher one, so that the earliest list is
// two bit scans away. Slots never wrap around. And timers of one instant always share one list, which keeps them
// in the order in which they were armed.
type wheel struct {
	now      int64 // the instant that has been reached; every timer in the levels lies ahead of it
	horizon  int64 // where the running advance is going; equal to now when none runs
	farEpoch int64 // no timer in the far list lies in an earlier epoch; meaningless while that list is empty
	armed    int
	occupied [wheelLevels + 1]uint64             // bit s of row l: lists[l][s] is not empty
	lists    [wheelLevels + 1][wheelSlots]*Timer // heads of circular lists, nil when empty
}

// init sets the instant an empty wheel starts from.
func (w *wheel) init(now int64) { w.now, w.horizon = now, now }

// len returns how many timers are armed.
func (w *wheel) len() int { return w.armed }

// arm sets t to fire in the first advance that reaches when; an armed timer is moved. An instant that has
// already come, or that the running advance is about to reach, is served by the next advance, never inside arm.
func (w *wheel) arm(t *Timer, when int64) {
	if t.Armed() {
		w.unlink(t)
	} else {
		w.armed++
	}
	t.when = when
	if when <= w.horizon {
		w.link(t, asideLevel, dueList)
		return
	}
	w.place(t)
}

// disarm makes sure that t does not fire, and reports whether it would have.
func (w *wheel) disarm(t *Timer) bool {
	if !t.Armed() {
		return false
	}
	w.unlink(t)
	w.armed--
	return true
}

// next returns the earliest instant at which advance has work, and false when no timer is armed. The work may be
// only to carry timers down, at most once a level: the instant may be early, it is never late. When a timer
// waits whose instant has come, next returns the present.
func (w *wheel) next() (when int64, ok bool) {
	if w.occupied[asideLevel]&(1<<dueList|1<<firingList) != 0 {
		return w.now, true
	}
	when, _, _, ok = w.earliest()
	return when, ok
}

// advance moves the present to now and fires every timer whose instant has come, in the order of their instants
// and, within one instant, of their arming. It returns how many. A clock that went back is taken to stand still.
//
// Each timer is unarmed before expire is called with it. expire may arm and disarm any timer, but not advance: a
// timer disarmed before its turn does not fire, and one armed for now or earlier fires in the next advance, so
// that advance always ends. The cost is that of the timers fired or carried down, however long the jump.
func (w *wheel) advance(now int64, expire func(*Timer)) int {
	w.horizon = max(now, w.now)
	fired := w.fireDue(expire)
	for {
		when, level, slot, ok := w.earliest()
		if !ok || when > w.horizon {
			break
		}
		w.now = when
		if level == 0 {
			fired += w.fire(level, slot, expire)
		} else {
			w.carryDown(level, slot)
		}
	}
	w.now = w.horizon
	return fired
}

// earliest finds the list to deal with first and the instant at which that has to happen.
func (w *wheel) earliest() (when int64, level, slot uint8, ok bool) {
	for level := range uint8(wheelLevels) {
		if w.occupied[level] == 0 {
			continue
		}
		slot := uint8(bits.TrailingZeros64(w.occupied[level]))
		shift := level * wheelSlotBits
		return w.now>>(shift+wheelSlotBits)<<(shift+wheelSlotBits) | int64(slot)<<shift, level, slot, true
	}
	if w.occupied[asideLevel]&(1<<farList) != 0 {
		return w.farEpoch << wheelBits, asideLevel, farList, true
	}
	return 0, 0, 0, false
}

// fireDue fires what was armed too late for the advance before. Those timers come in any order: they are the
// only ones that have to be sorted.
func (w *wheel) fireDue(expire func(*Timer)) int {
	if w.occupied[asideLevel]&(1<<dueList) != 0 {
		for t := sortByWhen(w.detach(asideLevel, dueList)); t != nil; {
			rest := t.next
			w.link(t, asideLevel, firingList)
			t = rest
		}
	}
	return w.fire(asideLevel, firingList, expire)
}

// fire empties one list. Nothing is added to it meanwhile, since arm sends all that is due to the due list.
func (w *wheel) fire(level, slot uint8, expire func(*Timer)) (fired int) {
	for t := w.lists[level][slot]; t != nil; t = w.lists[level][slot] {
		w.unlink(t)
		w.armed--
		fired++
		expire(t)
	}
	return fired
}

// carryDown distributes a list, whose range of instants the present has just entered, over the levels below.
func (w *wheel) carryDown(level, slot uint8) {
	for t := w.detach(level, slot); t != nil; {
		rest := t.next
		w.place(t)
		t = rest
	}
}

// place links t where its instant, which is not before the present, belongs.
func (w *wheel) place(t *Timer) {
	differ := uint64(t.when ^ w.now)
	if differ>>wheelBits != 0 {
		epoch := t.when >> wheelBits
		if w.lists[asideLevel][farList] == nil || epoch < w.farEpoch {
			w.farEpoch = epoch
		}
		w.link(t, asideLevel, farList)
		return
	}
	level := uint8(bits.Len64(differ|1)-1) / wheelSlotBits
	w.link(t, level, uint8(t.when>>(level*wheelSlotBits))&(wheelSlots-1))
}

// link appends t to a list.
func (w *wheel) link(t *Timer, level, slot uint8) {
	t.level, t.slot = level, slot
	head := w.lists[level][slot]
	if head == nil {
		t.next, t.prev = t, t
		w.lists[level][slot] = t
		w.occupied[level] |= 1 << slot
		return
	}
	t.next, t.prev = head, head.prev
	head.prev.next = t
	head.prev = t
}

// unlink takes t out of its list and leaves it unarmed.
func (w *wheel) unlink(t *Timer) {
	head := &w.lists[t.level][t.slot]
	if t.next == t {
		*head = nil
		w.occupied[t.level] &^= 1 << t.slot
	} else {
		t.prev.next, t.next.prev = t.next, t.prev
		if *head == t {
			*head = t.next
		}
	}
	t.next, t.prev = nil, nil
}

// detach empties a list, which must have timers, and returns them as a chain: linked by next only, up to nil.
func (w *wheel) detach(level, slot uint8) *Timer {
	head := w.lists[level][slot]
	w.lists[level][slot] = nil
	w.occupied[level] &^= 1 << slot
	head.prev.next = nil
	return head
}

// sortByWhen sorts a chain and keeps the order of timers of one instant. It merges in place, so that a loop that
// comes out of a long stall with many periodic timers to catch up on neither allocates nor takes quadratic time.
func sortByWhen(chain *Timer) *Timer {
	var runs [64]*Timer // runs[i]: nil, or a sorted chain of 2^i timers which came before those of all runs[:i]
	for chain != nil {
		run := chain
		chain, run.next = run.next, nil
		i := 0
		for ; runs[i] != nil; i++ {
			run, runs[i] = mergeByWhen(runs[i], run), nil
		}
		runs[i] = run
	}
	for _, run := range runs {
		chain = mergeByWhen(run, chain)
	}
	return chain
}

// mergeByWhen merges two sorted chains; of one instant, the timers of a come first.
func mergeByWhen(a, b *Timer) (chain *Timer) {
	end := &chain
	for a != nil && b != nil {
		if b.when < a.when {
			*end, b = b, b.next
		} else {
			*end, a = a, a.next
		}
		end = &(*end).next
	}
	if a == nil {
		a = b
	}
	*end = a
	return chain
}
