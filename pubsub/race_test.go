//go:build race

package pubsub

// raceDetector: memory and time are not what they are without it.
const raceDetector = true
