// Package glob matches names with patterns exactly as Redis does, one by one and many at once.
package glob
