package main

import (
	"net"

	"github.com/troupe-go/troupe/bench/internal/blocking"
)

// serveNet is the Go programmer's usual way: a goroutine and a buffer for each
// connection.
func serveNet(addr string, _ int) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	announce(listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go echoNet(conn)
	}
}

// echoNet echoes until the peer closes. In blocking mode each read is taken as
// one message: the load generator sends these messages small and one at a time.
func echoNet(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, *bufferSize)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if *blockingMode {
			blocking.Run(buffer[:n])
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}
