package examples

import (
	"net"
	"strings"
	"syscall"
	"testing"
)

func TestUnixSocket(t *testing.T) {
	for _, name := range []string{"echo", "chat"} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir() + "/socket"
			server := launch(t, name, "-addr", "unix:"+path)
			server.listening(t, name)
			if server.address != path {
				t.Error("it listens on", server.address)
			}
			server.expect(t, "nc -U "+path)
			for _, connect := range []func() *peer{
				func() *peer { return dial(t, "unix", path) },
				func() *peer { return connectTool(t, "nc", "-U", path) },
			} {
				client := connect()
				client.send(t, "bye\n")
				client.expect(t, "bye")
				client.expectEnd(t)
			}
			server.shutDown(t)
		})
	}
}

// TestBadAddress: what cannot be listened at is told in one line.
func TestBadAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, name := range []string{"echo", "chat"} {
		for addr, want := range map[string]string{
			taken.Addr().String():     "address already in use",
			"no port":                 "no port",
			"127.0.0.1:99999":         "99999",
			"unix:/nowhere/to/be/got": "no such file or directory",
		} {
			p := launch(t, name, "-addr", addr)
			code := p.exit(t)
			message := p.stderr.String()
			if code != 1 || !strings.HasPrefix(message, name+": ") || !strings.Contains(message, want) ||
				strings.Count(message, "\n") != 1 || p.expectEnd(t) != "" {
				t.Errorf("%s -addr %s: exit code %d, stderr %q", name, addr, code, message)
			}
		}
		p := launch(t, name, "-nonsense")
		if code := p.exit(t); code != 2 || !strings.Contains(p.stderr.String(), "-addr") {
			t.Errorf("%s -nonsense: exit code %d, stderr %q", name, code, p.stderr.String())
		}
	}
}

func TestBadLimit(t *testing.T) {
	p := launch(t, "chat", "-login", "0s")
	if code := p.exit(t); code != 1 || !strings.HasPrefix(p.stderr.String(), "chat: -login 0s: ") {
		t.Errorf("exit code %d, stderr %q", code, p.stderr.String())
	}
}

func TestInterrupt(t *testing.T) {
	for _, name := range []string{"echo", "chat"} {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			p := start(t, name)
			client := connectSocket(t, p)
			p.signal(t, s)
			if code := p.exit(t); code != 0 {
				t.Errorf("%s, %v: exit code %d", name, s, code)
			}
			client.expectEnd(t)
		}
	}
}
