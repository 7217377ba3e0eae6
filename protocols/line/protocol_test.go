package line_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocols/line"
	"github.com/troupe-go/troupe/supervision"
)

// patience is how long a test waits for what must happen. It only matters when a test fails.
const patience = 20 * time.Second

// serve listens with f, connects, and gives the client's side.
func serve(t testing.TB, f actors.Factory, o actors.ListenOptions) net.Conn {
	t.Helper()
	s, err := actors.Start(actors.Options{Loops: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error("Shutdown:", err)
		}
	})
	ln, err := s.Listen("tcp", "127.0.0.1:0", f, o)
	if err != nil {
		t.Fatal(err)
	}
	return dial(t, ln.Addr().String())
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if string(got[:n]) != want {
		t.Fatalf("got %q, %v, want %q", got[:n], err, want)
	}
}

// expectEnd reads until the server closes.
func expectEnd(t testing.TB, c net.Conn, want string) {
	t.Helper()
	got, err := io.ReadAll(c)
	if err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q and the end", got, err, want)
	}
}

// handler is a line.Handler of functions. Those that are nil do what Base does.
type handler struct {
	line.Base
	onOpen   func(*actors.Conn)
	onLine   func(*actors.Conn, string)
	onClose  func(actors.Reason)
	onSwap   func(actors.Protocol)
	onHalf   func(*actors.Conn)
	blocking bool
}

func (h *handler) OnOpen(c *actors.Conn) {
	if h.onOpen != nil {
		h.onOpen(c)
	}
}

func (h *handler) OnLine(c *actors.Conn, text []byte) {
	if h.onLine != nil {
		h.onLine(c, string(text))
	}
}

func (h *handler) OnClose(_ *actors.Conn, r actors.Reason) {
	if h.onClose != nil {
		h.onClose(r)
	}
}

func (h *handler) OnSwap(_ *actors.Conn, next actors.Protocol) {
	if h.onSwap != nil {
		h.onSwap(next)
	}
}

func (h *handler) OnHalfClose(c *actors.Conn) {
	if h.onHalf != nil {
		h.onHalf(c)
	}
}

func (h *handler) Blocking() bool { return h.blocking }

func factory(h *handler) actors.Factory {
	return line.Factory(func() line.Handler { return h }, line.Options{MaxLine: 100})
}

// answer writes each line back, marked.
func answer(mark string) func(*actors.Conn, string) {
	return func(c *actors.Conn, text string) { c.WriteString(mark + text + "\r\n") }
}

// raw writes back what it gets, marked at its beginning.
type raw struct{ actors.Base }

func (raw) OnOpen(c *actors.Conn)               { c.WriteString("raw:") }
func (raw) OnData(c *actors.Conn, p []byte) int { c.Write(p); return len(p) }

func TestLinesAndPieces(t *testing.T) {
	c := serve(t, factory(&handler{onLine: answer("> ")}), actors.ListenOptions{})
	send(t, c, "one\r\ntwo\nthr")
	expect(t, c, "> one\r\n> two\r\n")
	send(t, c, "ee\r")
	send(t, c, "\n\n")
	expect(t, c, "> three\r\n> \r\n")
	send(t, c, "fo\xff\xfd\x01ur")
	expect(t, c, "\xff\xfc\x01") // although the line has not ended
	send(t, c, "\xff\xfd\x01\xff\xfb\x01\xff\xff\r\x00")
	expect(t, c, "\xff\xfe\x01> four\xff\r\n")
}

// TestSwapToRaw swaps in OnLine: the next protocol gets all that comes after that line, as it came.
func TestSwapToRaw(t *testing.T) {
	h := &handler{}
	h.onLine = func(c *actors.Conn, text string) {
		c.WriteString("> " + text + "\r\n")
		if text == "raw" {
			c.Swap(raw{})
		}
	}
	for _, rest := range []string{"", "a\nraw\n", "a\xff\xfd\x05\r\x00\xff\xff\n", "\xff\xfd\x05", "\xff", "unfinished"} {
		for _, first := range []string{"", "first\r\n", "\xff\xf1first\xff\xf1\r\n"} {
			c := serve(t, factory(h), actors.ListenOptions{})
			send(t, c, first+"raw\r\n"+rest)
			if first != "" {
				first = "> first\r\n"
			}
			expect(t, c, first+"> raw\r\nraw:"+rest)
			send(t, c, "more")
			expect(t, c, "more")
		}
	}
}

// TestSwapToLines swaps to another line protocol, which goes on where the first one was.
func TestSwapToLines(t *testing.T) {
	swapped := make(chan actors.Protocol, 1)
	h := &handler{onSwap: func(next actors.Protocol) { swapped <- next }}
	next := line.New(&handler{onLine: answer("2> "), onClose: func(actors.Reason) {}}, line.Options{})
	h.onLine = func(c *actors.Conn, text string) {
		c.WriteString("1> " + text + "\r\n")
		c.Swap(next)
	}
	c := serve(t, factory(h), actors.ListenOptions{})
	send(t, c, "\xff\xfd\x01nick\r\nhello\r\n\xff\xfd\x01\xff\xfd\x02w\xff\xfd\x03orld\r\n")
	expect(t, c, "\xff\xfc\x011> nick\r\n2> hello\r\n\xff\xfc\x02\xff\xfc\x032> world\r\n")
	if told := <-swapped; told != next {
		t.Error("OnSwap was told of", told)
	}
}

// TestSwapWithinLine swaps, from a timer, when a part of a line is there: it is the next protocol's, and what is
// answered in it stays answered.
func TestSwapWithinLine(t *testing.T) {
	swap := make(chan func(actors.Protocol), 1)
	h := &handler{onLine: answer("1> "), onOpen: func(c *actors.Conn) {
		swap <- func(next actors.Protocol) { c.Do(func(c *actors.Conn) { c.Swap(next) }, nil) }
	}}
	for name, test := range map[string]struct {
		next         actors.Protocol
		before, then string
	}{
		"lines": {line.New(&handler{onLine: answer("2> ")}, line.Options{}), "", "2> line\r\n"},
		"raw":   {raw{}, "raw:li\xff\xfd\x06ne", "\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, factory(h), actors.ListenOptions{})
			send(t, c, "li\xff\xfd\x06ne") // a timing mark, which is answered each time it is asked
			expect(t, c, "\xff\xfc\x06")
			(<-swap)(test.next)
			expect(t, c, test.before)
			send(t, c, "\r\n")
			expect(t, c, test.then)
		})
	}
}

func TestCloseInOnLine(t *testing.T) {
	reasons := make(chan actors.Reason, 1)
	h := &handler{onClose: func(r actors.Reason) { reasons <- r }}
	h.onLine = func(c *actors.Conn, text string) {
		c.WriteString("> " + text + "\r\n")
		if text == "bye" {
			c.Close()
		}
	}
	c := serve(t, factory(h), actors.ListenOptions{})
	send(t, c, "hello\r\nbye\r\nstill there?\r\n")
	expectEnd(t, c, "> hello\r\n> bye\r\n")
	if r := <-reasons; r.Code != actors.LocalClose {
		t.Error("closed for", r)
	}
}

// TestSuspendInOnLine: the next line comes after Resume, without the peer sending anything.
func TestSuspendInOnLine(t *testing.T) {
	suspended := make(chan *actors.Conn)
	h := &handler{}
	h.onLine = func(c *actors.Conn, text string) {
		c.WriteString("> " + text + "\r\n")
		if text == "wait" {
			c.Suspend()
			go func() { suspended <- c }()
		}
	}
	c := serve(t, factory(h), actors.ListenOptions{})
	send(t, c, "wait\r\nmore\r\nwait\r\n")
	expect(t, c, "> wait\r\n")
	server := <-suspended
	server.WriteString("resuming\r\n")
	expect(t, c, "resuming\r\n")
	server.Resume()
	expect(t, c, "> more\r\n> wait\r\n")
	(<-suspended).Resume()
}

func TestTooLong(t *testing.T) {
	for _, text := range []string{strings.Repeat("x", 101) + "\r\nmore\r\n", strings.Repeat("x", 200)} {
		reasons := make(chan actors.Reason, 1)
		c := serve(t, factory(&handler{onLine: answer("> "), onClose: func(r actors.Reason) { reasons <- r }}), actors.ListenOptions{})
		send(t, c, "ok\r\n"+text)
		expectEnd(t, c, "> ok\r\n")
		if r := <-reasons; r.Code != actors.ProtocolError || !errors.Is(r.Err, line.ErrTooLong) {
			t.Error("closed for", r)
		}
	}
}

func TestFinalToken(t *testing.T) {
	split := func(data []byte, _ bool) (int, []byte, error) {
		advance, text, err := line.ScanLines(data, false)
		if string(text) == "." {
			return advance, text, bufio.ErrFinalToken
		}
		return advance, text, err
	}
	h := &handler{onLine: answer("> ")}
	c := serve(t, line.Factory(func() line.Handler { return h }, line.Options{Split: split}), actors.ListenOptions{})
	send(t, c, "text\n.\nmore\n")
	expectEnd(t, c, "> text\r\n> .\r\n")
}

// TestHalfClose also has the callbacks run beside the loop, by Blocking.
func TestHalfClose(t *testing.T) {
	h := &handler{onLine: answer("> "), blocking: true}
	h.onHalf = func(c *actors.Conn) { c.WriteString("goodbye\r\n"); c.Close() }
	o := actors.ListenOptions{ConnOptions: actors.ConnOptions{HalfClose: actors.KeepOnHalfClose}}
	c := serve(t, factory(h), o)
	send(t, c, "hello\r\nunfinished")
	c.(*net.TCPConn).CloseWrite()
	expectEnd(t, c, "> hello\r\ngoodbye\r\n")
}

func TestNilHandler(t *testing.T) {
	if line.New(nil, line.Options{}) != nil {
		t.Error("no handler, but a protocol")
	}
	c := serve(t, line.Factory(func() line.Handler { return nil }, line.Options{}), actors.ListenOptions{})
	expectEnd(t, c, "")
}

// TestPanicInOnLine resumes after a panic: what came with the line is lost, and the next lines are whole.
func TestPanicInOnLine(t *testing.T) {
	h := &handler{}
	h.onLine = func(c *actors.Conn, text string) {
		if text == "panic" {
			c.WriteString("ouch\r\n")
			panic("as asked")
		}
		c.WriteString("> " + text + "\r\n")
	}
	o := actors.ListenOptions{}
	o.Supervision.Decide = supervision.Always(supervision.Resume)
	c := serve(t, factory(h), o)
	send(t, c, "hello\r\npanic\r\n")
	expect(t, c, "> hello\r\nouch\r\n")
	send(t, c, "\xff\xfd\x01again\r\n")
	expect(t, c, "\xff\xfc\x01> again\r\n")
}

// TestWholeAllocations counts what a line costs from the socket to the socket, in both of its ends.
func TestWholeAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c := serve(t, line.Factory(func() line.Handler { return echo{} }, line.Options{}), actors.ListenOptions{})
	for name, text := range map[string]string{
		"plain":  strings.Repeat("hello, world\n", 100),
		"telnet": strings.Repeat("hello,\xff\xf1 world\xff\xff\r\x00", 99) + "unfinished \xff\xf1\n",
	} {
		in := []byte(text)
		echoed := len(strings.NewReplacer("\xff\xf1", "", "\xff\xff", "\xff", "\r\x00", "\n").Replace(text))
		out := make([]byte, echoed)
		n := testing.AllocsPerRun(200, func() {
			half := len(in) - 8
			c.Write(in[:half])
			c.Write(in[half:])
			if _, err := io.ReadFull(c, out); err != nil {
				t.Fatal(err)
			}
		})
		if n > 2 { // of 100 lines: timers of others, a pool that the collector emptied
			t.Errorf("%s: %v allocations for 100 lines", name, n)
		}
	}
}

type echo struct{ line.Base }

var newline = []byte{'\n'}

func (echo) OnLine(c *actors.Conn, text []byte) {
	c.Write(text)
	c.Write(newline)
}
