package main

import (
	"context"

	"github.com/cloudwego/netpoll"
)

// serveNetpoll echoes with cloudwego/netpoll as its guide recommends: an event
// loop with an OnRequest handler that uses the no-copy Reader and Writer.
func serveNetpoll(addr string, loops int) error {
	if err := netpoll.Configure(netpoll.Config{PollerNum: loops}); err != nil {
		return err
	}
	listener, err := netpoll.CreateListener("tcp", addr)
	if err != nil {
		return err
	}
	events, err := netpoll.NewEventLoop(echoNetpoll)
	if err != nil {
		return err
	}
	announce(listener.Addr())
	return events.Serve(listener)
}

// echoNetpoll writes back all that has arrived. The bytes stay in the reader's
// buffer until Release, which therefore follows Flush.
func echoNetpoll(_ context.Context, conn netpoll.Connection) error {
	reader, writer := conn.Reader(), conn.Writer()
	defer reader.Release()
	message, err := reader.Next(reader.Len())
	if err != nil {
		return err
	}
	if _, err := writer.WriteBinary(message); err != nil {
		return err
	}
	return writer.Flush()
}
