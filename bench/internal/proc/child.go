package proc

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Unpinned leaves a child on the processors of its parent.
const Unpinned = -1

// CPUs lists the processors this process may run on.
func CPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("affinity: %w", err)
	}
	var cpus []int
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// Child is a started process.
type Child struct {
	// Pid identifies the process.
	Pid int
	// Done is closed when the process has ended and was waited for.
	Done chan struct{}

	cmd *exec.Cmd
	err error
}

// Start starts cmd on processor cpu, or anywhere if cpu is Unpinned. A Go
// child on one processor sets GOMAXPROCS=1 by itself. The child is killed when
// this process dies.
//
// The whole life of the child passes on one goroutine that is locked to its
// thread, for two reasons: a child inherits the affinity of the thread that
// forks it, and PR_SET_PDEATHSIG (prctl(2)) fires when that thread ends, not
// when the process does. The thread is never unlocked, so the runtime ends it
// and its affinity with it once the child is gone.
func Start(cmd *exec.Cmd, cpu int) (*Child, error) {
	child := &Child{Done: make(chan struct{}), cmd: cmd}
	started := make(chan error, 1)
	go child.run(cpu, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return child, nil
}

func (c *Child) run(cpu int, started chan<- error) {
	runtime.LockOSThread()
	defer close(c.Done)
	if err := c.start(cpu); err != nil {
		started <- err
		return
	}
	c.Pid = c.cmd.Process.Pid
	started <- nil
	c.err = c.cmd.Wait()
}

func (c *Child) start(cpu int) error {
	if cpu != Unpinned {
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("pin to processor %d: %w", cpu, err)
		}
	}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c.cmd.Start()
}

// Err returns how the child ended: nil for exit code 0. Call it only after
// Done is closed.
func (c *Child) Err() error { return c.err }

// Signal sends a signal to the child; a child that has ended is no error.
func (c *Child) Signal(signal syscall.Signal) {
	_ = c.cmd.Process.Signal(signal)
}
