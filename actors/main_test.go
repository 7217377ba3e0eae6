package actors_test

import (
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/troupe-go/troupe/reactor"
	"go.uber.org/goleak"
)

// TestMain checks that all tests together leave no goroutine, no descriptor and no buffer behind.
func TestMain(m *testing.M) {
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil { // makes the runtime's own poller
		ln.Close()
	}
	before := openFDs()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(throttle); err != nil {
			fmt.Fprintln(os.Stderr, "left behind:", err)
			code = 1
		}
		if after := openFDs(); after > before {
			fmt.Fprintf(os.Stderr, "left behind: %d descriptors, %d at the start\n", after, before)
			code = 1
		}
		if n := reactor.LiveBuffers(); n != 0 {
			fmt.Fprintf(os.Stderr, "left behind: %d buffers\n", n)
			code = 1
		}
	}
	os.Exit(code)
}
