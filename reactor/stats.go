package reactor

// Stats describes a loop. Numbers are since its start unless they are said to be of the moment.
type Stats struct {
	Counters
	Cells            int    // registered descriptors, of the moment
	Timers           int    // armed timers, of the moment
	Detached         uint64 // turns given on goroutines beside the loop
	Overloads        uint64 // such turns that found no goroutine free and ran on the loop
	Takeovers        uint64 // turns that lost the loop because they took too long
	TakeoversRefused uint64 // turns that kept a loop they should have lost: no goroutine was free
}

// Add adds o to s.
func (s *Stats) Add(o Stats) {
	s.Counters.add(o.Counters)
	s.Cells += o.Cells
	s.Timers += o.Timers
	s.Detached += o.Detached
	s.Overloads += o.Overloads
	s.Takeovers += o.Takeovers
	s.TakeoversRefused += o.TakeoversRefused
}

// statsEvery is how many milliseconds the statistics of a busy loop may be old.
const statsEvery = 10

// publish makes the loop's counters readable: when it is about to sleep, and now and then while it is busy.
func (l *Loop) publish(w *Worker, sleeps bool) {
	if !sleeps && l.now-l.statsAt < statsEvery {
		return
	}
	l.statsAt = l.now
	l.inMu.Lock()
	l.counters.add(w.Counters)
	w.Counters = Counters{}
	l.stats = Stats{
		Timers:    l.wheel.len(),
		Detached:  l.detached,
		Overloads: l.overloads,
		Takeovers: l.takeovers,
	}
	l.inMu.Unlock()
}

// Stats is at most some milliseconds old while the loop is busy, and exact while it sleeps. Safe from any goroutine.
func (l *Loop) Stats() Stats {
	l.inMu.Lock()
	s := l.stats
	s.Counters = l.counters
	l.inMu.Unlock()
	s.Cells = int(l.slots.used.Load())
	s.TakeoversRefused = l.refused.Load()
	return s
}

// GroupStats describes a group of loops.
type GroupStats struct {
	Stats        // of all loops together
	Loops        []Stats
	Faults       uint64 // errors of pollers
	Busy         int    // turns under way beside the loops, of the moment
	Waiting      int    // turns that wait for a goroutine, of the moment
	ReadBuffers  int    // bytes in the loops' read buffers
	MaxDetached  int    // the bound on Busy
	ClockSeconds float64
}

// Stats gathers the statistics of all loops. Safe from any goroutine.
func (g *Group) Stats() GroupStats {
	s := GroupStats{
		Faults:       g.faults.Load(),
		MaxDetached:  g.options.MaxDetached,
		ReadBuffers:  len(g.loops) * g.options.ReadBuffer,
		ClockSeconds: float64(g.clock()) / 1000,
	}
	s.Busy, s.Waiting = g.spares.load()
	for _, l := range g.loops {
		one := l.Stats()
		s.Loops = append(s.Loops, one)
		s.Add(one)
	}
	return s
}
