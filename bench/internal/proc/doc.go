// Package proc holds what the benchmark needs from Linux about processes:
// their CPU time and memory, the limit of open files, and children that are
// pinned to a processor and die with their parent.
package proc
