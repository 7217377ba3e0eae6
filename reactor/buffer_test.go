package reactor

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// noBufferLeak fails the test if it ends with more or fewer live buffers than it began with.
func noBufferLeak(t *testing.T) {
	t.Helper()
	before := LiveBuffers()
	t.Cleanup(func() {
		if after := LiveBuffers(); after != before {
			t.Errorf("%d live buffers at the end, %d at the beginning", after, before)
		}
	})
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if recover() == nil {
			t.Errorf("%s did not panic", what)
		}
	}()
	f()
}

func TestGetBufferSizes(t *testing.T) {
	noBufferLeak(t)
	for _, c := range []struct{ size, room int }{
		{-1, 64}, {0, 64}, {1, 64}, {64, 64}, {65, 128}, {512, 512},
		{513, 1024}, {1024, 1024}, {1025, 2048}, {5000, 8192},
		{32<<10 + 1, 64 << 10}, {64 << 10, 64 << 10},
		{64<<10 + 1, 64<<10 + 1}, {1 << 20, 1 << 20},
	} {
		b := GetBuffer(c.size)
		if len(b.Bytes()) != 0 || b.Room() != c.room {
			t.Errorf("GetBuffer(%d): %d bytes, room for %d; want 0, %d", c.size, len(b.Bytes()), b.Room(), c.room)
		}
		b.Release()
	}
}

func TestBufferAppend(t *testing.T) {
	noBufferLeak(t)
	for _, size := range []int{512, 100_000} {
		b := GetBuffer(size)
		chunk := bytes.Repeat([]byte("troupe "), size/10)
		var want []byte
		for b.Room() > 0 {
			n := b.Append(chunk)
			if n != min(len(chunk), size-len(want)) {
				t.Fatalf("appended %d bytes", n)
			}
			want = append(want, chunk[:n]...)
		}
		if n := b.Append(chunk); n != 0 {
			t.Errorf("appended %d bytes to a full buffer", n)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Error("the bytes differ from what was appended")
		}
		b.Release()
	}
}

// An outbound queue goes on appending to a buffer while loops write what was appended before.
func TestBufferAppendBehindReaders(t *testing.T) {
	noBufferLeak(t)
	var all sync.WaitGroup
	b := GetBuffer(512)
	for c := byte(0); b.Room() > 0; c++ {
		b.Append([]byte{c})
		contents := b.Retain().Bytes()
		all.Go(func() {
			defer b.Release()
			for i, got := range contents {
				if got != byte(i) {
					t.Errorf("byte %d of %d reads %d", i, len(contents), got)
				}
			}
		})
	}
	all.Wait()
	b.Release()
}

func TestBufferRewind(t *testing.T) {
	noBufferLeak(t)
	b := CopyBuffer([]byte("first"))
	b.Retain()
	if b.rewind() || string(b.Bytes()) != "first" {
		t.Errorf("rewound to %q while shared", b.Bytes())
	}
	b.Release()
	if !b.rewind() || len(b.Bytes()) != 0 || b.Room() != 64 {
		t.Errorf("%d bytes, room for %d after rewind; want 0, 64", len(b.Bytes()), b.Room())
	}
	b.Append([]byte("second"))
	if string(b.Bytes()) != "second" {
		t.Errorf("contents %q after rewind and Append", b.Bytes())
	}
	b.Release()
	if b.rewind() {
		t.Error("rewound a released buffer")
	}
}

func TestBufferIsEmptyAfterReuse(t *testing.T) {
	noBufferLeak(t)
	for range 100 {
		b := GetBuffer(700)
		if len(b.Bytes()) != 0 || b.Room() != 1024 {
			t.Fatalf("%d bytes, room for %d; want 0, 1024", len(b.Bytes()), b.Room())
		}
		b.Append([]byte("left behind"))
		b.Release()
	}
}

func TestCopyBuffer(t *testing.T) {
	noBufferLeak(t)
	for _, size := range []int{0, 1, 512, 513, 64 << 10, 64<<10 + 1} {
		p := bytes.Repeat([]byte{'x'}, size)
		b := CopyBuffer(p)
		clear(p)
		if !bytes.Equal(b.Bytes(), bytes.Repeat([]byte{'x'}, size)) {
			t.Errorf("CopyBuffer of %d bytes: not a copy", size)
		}
		b.Release()
	}
}

func TestNewBuffer(t *testing.T) {
	noBufferLeak(t)
	p := []byte("mine, yours")
	released := 0
	b := NewBuffer(p[:4], func() { released++ })
	if &b.Bytes()[0] != &p[0] {
		t.Error("NewBuffer copied")
	}
	if n := b.Append([]byte("!")); n != 0 || string(p) != "mine, yours" {
		t.Error("Append wrote behind the bytes it was given")
	}
	b.Retain().Release()
	if released != 0 {
		t.Error("released with a reference left")
	}
	b.Release()
	if released != 1 {
		t.Errorf("released %d times, want once", released)
	}
	NewBuffer(nil, nil).Release()
}

func TestBufferMisuse(t *testing.T) {
	noBufferLeak(t)
	for name, create := range map[string]func() *Buffer{
		"owned":    func() *Buffer { return NewBuffer([]byte("p"), nil) },
		"unpooled": func() *Buffer { return GetBuffer(1 << 20) },
		"pooled":   func() *Buffer { return GetBuffer(1) },
	} {
		t.Run(name, func(t *testing.T) {
			b := create()
			b.Retain().Release()
			b.Release()
			for range 2 { // the second time round nothing may have come back to life
				mustPanic(t, "Retain after the last Release", func() { b.Retain() })
				mustPanic(t, "Bytes after the last Release", func() { b.Bytes() })
				mustPanic(t, "Append after the last Release", func() { b.Append(nil) })
				mustPanic(t, "Release after the last Release", func() { b.Release() })
			}
		})
	}
}

func TestLiveBuffers(t *testing.T) {
	noBufferLeak(t)
	before := LiveBuffers()
	all := []*Buffer{NewBuffer(nil, nil), GetBuffer(1), GetBuffer(1 << 20), CopyBuffer([]byte("x"))}
	for i, b := range all {
		if got, want := LiveBuffers()-before, int64(len(all)-i); got != want {
			t.Errorf("%d live buffers, want %d", got, want)
		}
		b.Retain()
		b.Release()
		b.Release()
	}
}

// Many goroutines share, read and drop buffers; each buffer must be given back once, after all are done with it.
func TestBufferConcurrentRelease(t *testing.T) {
	noBufferLeak(t)
	const rounds, readers = 500, 8
	for round := range rounds {
		var (
			reading, released atomic.Int32
			all               sync.WaitGroup
		)
		text := fmt.Sprintf("message %d", round)
		owned := NewBuffer([]byte(text), func() {
			released.Add(1)
			if n := reading.Load(); n != 0 {
				t.Errorf("released with %d readers left", n)
			}
		})
		pooled := CopyBuffer([]byte(text))
		for range readers {
			reading.Add(1)
			owned.Retain()
			pooled.Retain()
			all.Go(func() {
				again := owned.Retain()
				if string(owned.Bytes()) != text || string(pooled.Bytes()) != text {
					t.Errorf("read %q and %q, want %q", owned.Bytes(), pooled.Bytes(), text)
				}
				pooled.Release()
				again.Release()
				reading.Add(-1)
				owned.Release()
			})
		}
		owned.Release()
		pooled.Release()
		all.Wait()
		if n := released.Load(); n != 1 {
			t.Fatalf("released %d times, want once", n)
		}
	}
}

// Buffers that go from hand to hand through the pools must never be in two hands at once.
func TestBufferPoolsConcurrently(t *testing.T) {
	noBufferLeak(t)
	var all sync.WaitGroup
	for g := range byte(8) {
		all.Go(func() {
			mark := bytes.Repeat([]byte{g}, 600)
			for range 2000 {
				b := CopyBuffer(mark)
				if !bytes.Equal(b.Bytes(), mark) {
					t.Error("someone else wrote to the buffer")
				}
				b.Release()
			}
		})
	}
	all.Wait()
}

func TestBufferAllocatesNothing(t *testing.T) {
	for _, size := range []int{1, 512, 4096, 64 << 10} {
		p := make([]byte, size)
		allocs := testing.AllocsPerRun(1000, func() {
			b := CopyBuffer(p)
			b.Retain().Release()
			b.Release()
		})
		if allocs != 0 {
			t.Errorf("%d bytes: %v allocations, want none", size, allocs)
		}
	}
}

func BenchmarkBufferGetRelease(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		GetBuffer(4096).Release()
	}
}

func BenchmarkBufferGetReleaseParallel(b *testing.B) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			GetBuffer(4096).Release()
		}
	})
}

func BenchmarkBufferCopy1K(b *testing.B) {
	p := make([]byte, 1024)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		CopyBuffer(p).Release()
	}
}

func BenchmarkBufferRetainRelease(b *testing.B) {
	buffer := GetBuffer(1)
	defer buffer.Release()
	b.ReportAllocs()
	for b.Loop() {
		buffer.Retain().Release()
	}
}

func BenchmarkBufferOwned(b *testing.B) {
	p := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		NewBuffer(p, nil).Release()
	}
}
