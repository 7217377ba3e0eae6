package actors_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
)

type echo struct{ actors.Base }

func (echo) OnData(c *actors.Conn, p []byte) int { c.Write(p); return len(p) }

func TestEcho(t *testing.T) {
	s, err := actors.Start(actors.Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := s.Listen("tcp", "127.0.0.1:0", actors.Shared(echo{}), actors.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"hello", "world", string(make([]byte, 300000))} {
			go c.Write([]byte(text))
			p := make([]byte, len(text))
			c.SetDeadline(time.Now().Add(3 * time.Second))
			if _, err := io.ReadFull(c, p); err != nil || string(p) != text {
				t.Fatal(err, string(p[:5]))
			}
		}
		c.Close()
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
}
