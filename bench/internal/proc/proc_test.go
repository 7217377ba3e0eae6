package proc_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/bench/internal/proc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCPUCountsWork(t *testing.T) {
	before, err := proc.CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(50 * time.Millisecond); time.Now().Before(deadline); {
	}
	after, err := proc.CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after-before < 5*time.Millisecond {
		t.Errorf("50 ms of spinning counted as %v", after-before)
	}
}

func TestRSSGrowsWithTouchedMemory(t *testing.T) {
	before, err := proc.RSS(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const size = 32 << 20
	touched := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		touched[i] = 1
	}
	after, err := proc.RSS(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after-before < size/2 {
		t.Errorf("rss grew by %d after touching %d bytes", after-before, len(touched))
	}
}

func TestChildIsPinnedAndReports(t *testing.T) {
	cpus, err := proc.CPUs()
	if err != nil {
		t.Fatal(err)
	}
	last := cpus[len(cpus)-1]
	var out bytes.Buffer
	cmd := exec.Command("grep", "Cpus_allowed_list", "/proc/self/status")
	cmd.Stdout = &out
	child, err := proc.Start(cmd, last)
	if err != nil {
		t.Fatal(err)
	}
	<-child.Done
	if err := child.Err(); err != nil {
		t.Fatal(err)
	}
	var got int
	if _, err := fmt.Sscanf(out.String(), "Cpus_allowed_list: %d", &got); err != nil || got != last {
		t.Errorf("child ran on %d, want processor %d (%v)", got, last, err)
	}
}

func TestSignalEndsChild(t *testing.T) {
	child, err := proc.Start(exec.Command("sleep", "60"), proc.Unpinned)
	if err != nil {
		t.Fatal(err)
	}
	child.Signal(syscall.SIGKILL)
	<-child.Done
	if child.Err() == nil {
		t.Error("a killed child reported success")
	}
}

func TestStartFails(t *testing.T) {
	if _, err := proc.Start(exec.Command("/nonexistent"), proc.Unpinned); err == nil {
		t.Error("no error for a program that does not exist")
	}
}
