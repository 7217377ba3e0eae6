package load_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/bench/load"
)

// room is a server that fans out messages of 64 bytes. tamper, if set, makes
// what subscriber number n, counted from 0, gets in place of a message.
type room struct {
	tamper func(n int, message []byte) []byte
	// disconnect closes subscribers that are behind, who lose messages otherwise.
	disconnect bool

	mu      sync.Mutex
	joined  int
	members map[net.Conn]chan []byte
}

func (r *room) handle(conn net.Conn) {
	command := make([]byte, 1)
	number, queue := -1, make(chan []byte, 256)
	var writing sync.WaitGroup
	defer writing.Wait()
	defer close(queue)
	defer r.leave(conn)
	for {
		if _, err := io.ReadFull(conn, command); err != nil {
			return
		}
		switch command[0] {
		case 'P':
			conn.Write(command)
			r.publishAll(conn)
			return
		case 'U':
			r.leave(conn)
		case 'S':
			r.mu.Lock()
			if number < 0 {
				number = r.joined
				r.joined++
				writing.Go(func() { r.write(conn, number, queue) })
			}
			r.offer(conn, queue, []byte{'S'})
			r.members[conn] = queue
			r.mu.Unlock()
		}
	}
}

func (r *room) leave(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, conn)
}

func (r *room) publishAll(conn net.Conn) {
	for {
		message := make([]byte, 64)
		if _, err := io.ReadFull(conn, message); err != nil {
			return
		}
		r.mu.Lock()
		for conn, queue := range r.members {
			r.offer(conn, queue, message)
		}
		r.mu.Unlock()
	}
}

func (r *room) offer(conn net.Conn, queue chan []byte, message []byte) {
	select {
	case queue <- message:
	default:
		if r.disconnect {
			conn.Close()
		}
	}
}

func (r *room) write(conn net.Conn, number int, queue chan []byte) {
	for message := range queue {
		if r.tamper != nil && len(message) > 1 {
			message = r.tamper(number, message)
		}
		if _, err := conn.Write(message); err != nil {
			return
		}
	}
}

func (r *room) open(t *testing.T) string {
	r.members = make(map[net.Conn]chan []byte)
	return serve(t, r.handle)
}

func TestFanout(t *testing.T) {
	for _, test := range []struct {
		name         string
		conns, depth int
	}{{"one", 1, 1}, {"many", 300, 1}, {"pipelined", 50, 16}} {
		t.Run(test.name, func(t *testing.T) {
			report, err := load.Fanout(t.Context(), load.Config{
				Addr: new(room).open(t), Conns: test.conns, Depth: test.depth, Verify: true,
				Warmup: 20 * time.Millisecond, Duration: 200 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			if report.Ops < int64(test.conns*test.depth) {
				t.Errorf("%d deliveries to %d subscribers", report.Ops, test.conns)
			}
			checkLatency(t, report.Latency)
		})
	}
}

func TestWrongFanoutFails(t *testing.T) {
	nothing := func(int, []byte) []byte { return nil }
	for _, test := range []struct {
		name   string
		tamper func(n int, message []byte) []byte
	}{
		{"twice", func(_ int, m []byte) []byte { return append(m[:64:64], m...) }},
		{"wrong byte", func(_ int, m []byte) []byte {
			m = append([]byte(nil), m...)
			m[33]++
			return m
		}},
		{"the last one always", func() func(int, []byte) []byte {
			var last []byte
			return func(_ int, m []byte) []byte {
				if last == nil {
					last = m
				}
				return last
			}
		}()},
		{"nothing", nothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tamper := func(n int, message []byte) []byte {
				if n == 2 {
					return test.tamper(n, message)
				}
				return message
			}
			_, err := load.Fanout(t.Context(), load.Config{
				Addr: (&room{tamper: tamper}).open(t), Conns: 4, Verify: true, Duration: 200 * time.Millisecond,
			})
			if err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestStalled(t *testing.T) {
	for _, disconnect := range []bool{false, true} {
		report, err := load.Stalled(t.Context(), load.Config{
			Addr: (&room{disconnect: disconnect}).open(t), Conns: 8, Rate: 500, Verify: true,
			Duration: 300 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		stalled := report.Stalled
		if stalled.Closed != disconnect {
			t.Errorf("closed %v by a server that disconnects: %v", stalled.Closed, disconnect)
		}
		if published := int64(load.StalledFill / 64); stalled.Got == 0 || stalled.Got >= published {
			t.Errorf("the stalled subscriber got %d of more than %d messages", stalled.Got, published)
		}
		// 8 deliveries of 500 messages/s in at least 300 ms of each sort
		for _, ops := range []int64{report.Ops, stalled.CalmOps} {
			if ops < 800 || ops > 4000 {
				t.Errorf("%d deliveries in %v, %d in calm", report.Ops, report.Window, stalled.CalmOps)
			}
		}
		checkLatency(t, report.Latency)
		checkLatency(t, stalled.Calm)
	}
}

// A server may drop messages for the stalled subscriber, but only whole ones.
func TestTornMessageFails(t *testing.T) {
	torn := false
	room := &room{tamper: func(n int, message []byte) []byte {
		if n == 1 && !torn { // who joins after the witness
			torn = true
			return message[:32]
		}
		return message
	}}
	_, err := load.Stalled(t.Context(), load.Config{Addr: room.open(t), Conns: 2, Rate: 500, Duration: 100 * time.Millisecond})
	if err == nil {
		t.Error("no error")
	}
}

func TestFanoutConfigIsChecked(t *testing.T) {
	if _, err := load.Fanout(t.Context(), load.Config{Addr: "127.0.0.1:1"}); err == nil {
		t.Error("no error for Fanout without subscribers")
	}
	for _, config := range []load.Config{{Rate: 1}, {Conns: 1}, {Conns: 1, Rate: 1, Depth: 2}} {
		config.Addr = "127.0.0.1:1"
		if _, err := load.Stalled(t.Context(), config); err == nil {
			t.Errorf("no error for Stalled with %+v", config)
		}
	}
}
