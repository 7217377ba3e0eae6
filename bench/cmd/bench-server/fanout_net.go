package main

import (
	"bufio"
	"io"
	"net"
	"sync"
)

// netQueue is how many messages wait for one subscriber; further ones are
// dropped. In Go it is usual to bound queues by number.
const netQueue = 256

// netHub knows who has subscribed.
type netHub struct {
	mu          sync.RWMutex
	subscribers map[*netSubscriber]struct{}
}

// netSubscriber is a queue and the goroutine that writes what is in it.
type netSubscriber struct {
	conn  net.Conn
	queue chan []byte
}

// serveNetFanout is the Go programmer's usual way: a goroutine that reads for
// each connection, and for each subscriber a channel and a goroutine that
// writes.
func serveNetFanout(addr string, _ int) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	hub := &netHub{subscribers: make(map[*netSubscriber]struct{})}
	announce(listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go hub.serve(conn)
	}
}

// serve follows the commands of one connection until it closes.
func (h *netHub) serve(conn net.Conn) {
	defer conn.Close()
	subscriber := &netSubscriber{conn: conn}
	defer h.finish(subscriber)
	command := make([]byte, 1)
	for {
		if _, err := io.ReadFull(conn, command); err != nil {
			return
		}
		switch command[0] {
		case subscribe:
			h.subscribe(subscriber)
		case unsubscribe:
			h.unsubscribe(subscriber)
		case publish:
			if _, err := conn.Write([]byte{publish}); err != nil {
				return
			}
			h.publishAll(conn)
			return
		default:
			return
		}
	}
}

// subscribe has the answer take its place in the queue, since the subscriber
// may be stalled, and its commands are read all the same.
func (h *netHub) subscribe(s *netSubscriber) {
	if s.queue == nil {
		s.queue = make(chan []byte, netQueue)
		go s.write()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.offer([]byte{subscribe})
	h.subscribers[s] = struct{}{}
}

func (h *netHub) unsubscribe(s *netSubscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subscribers, s)
}

// finish ends the writing goroutine of a subscriber that has gone.
func (h *netHub) finish(s *netSubscriber) {
	h.unsubscribe(s)
	if s.queue != nil {
		close(s.queue)
	}
}

// publishAll publishes what a connection sends. Each message has memory of its
// own, since the subscribers share it for as long as they need.
func (h *netHub) publishAll(conn net.Conn) {
	reader := bufio.NewReader(conn)
	for {
		message := make([]byte, *fanoutSize)
		if _, err := io.ReadFull(reader, message); err != nil {
			return
		}
		h.publish(message)
	}
}

func (h *netHub) publish(message []byte) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for s := range h.subscribers {
		s.offer(message)
	}
}

func (s *netSubscriber) offer(message []byte) {
	select {
	case s.queue <- message:
	default:
	}
}

// write writes what is in the queue, by one system call if it fits the buffer.
func (s *netSubscriber) write() {
	writer := bufio.NewWriter(s.conn)
	for message := range s.queue {
		_, err := writer.Write(message)
		if err == nil && len(s.queue) == 0 {
			err = writer.Flush()
		}
		if err != nil {
			s.conn.Close() // which ends the reading goroutine
			return
		}
	}
}
