// Package glob matches names with patterns exactly as Redis's PSUBSCRIBE does: one pattern with [Match], and many at
// once with an [Index].
//
// # Grammar
//
// Names and patterns are bytes, the whole name has to match, letters have their case, and nothing separates parts of a
// name.
//
//	?        one byte
//	*        any run of bytes, an empty one too
//	[abc]    one of these bytes
//	[a-z]    one byte of the range; [z-a] is the same
//	[^a-z]   one byte, but none of these
//	\x       the byte x itself, in classes too
//
// Where that leaves a choice, Redis has made it:
//
//   - No pattern but the empty one matches the empty name, not even "*".
//   - A class that is not terminated ends with the pattern: "[ab" is "[ab]".
//   - A ] at once ends a class: "[]" matches nothing, and "[^]" any byte.
//   - A range takes the ] it ends with: "[a-]" has the bytes from ] to a, and is not terminated. A range may end with a
//     backslash, which then escapes nothing, but not begin with an escaped byte: "[\a-z]" has a, - and z.
//   - Ranges are of signed bytes, as in C on amd64: 0x80 to 0xff come before 0. "[a-\xff]" is 0xff and 0 to a. A Redis on
//     a processor where C's char is unsigned may differ, but only in ranges from below 0x80 to above.
//   - A backslash at the end is itself.
//   - A pattern with more than a thousand runs of stars that something follows matches nothing. Redis does so since
//     CVE-2024-31228 was mended.
//
// # Index
//
// An Index has one value for each pattern. [Index.Match] takes no lock, and waits neither for [Index.Set] and
// [Index.Delete] nor for other Matches; what Set and Delete did is seen by each Match that begins after they returned.
//
// Patterns that match one name only are in a trie of their own, where names are looked up. All others share a trie of
// their parts, which a nondeterministic automaton goes through with the name. From what it does, a deterministic one
// is built as names come, and its results are cached by name. Set and Delete copy the nodes on the way to the pattern
// and leave the rest of the tries to both; they empty the cache and, unless the pattern matches one name only, drop the
// deterministic automaton.
//
// # Costs
//
// With 10,000 patterns of many kinds, on one core of a server, a name whose result is cached takes some 15 ns, a new
// one 0.3 µs, and without the deterministic automaton 0.6 µs. A Set takes 2 µs, and with 100,000 patterns 6 µs. A
// pattern takes some 250 to 800 bytes of the heap.
//
// # Bounds
//
// A Match of a new name takes as many steps, of a few nanoseconds, as the name has bytes times the places in the trie
// that they lead to at once. Those are at most about as many as the patterns have bytes, and seldom more than ten. The
// worst are a star and many question marks: with one such pattern of 1,000 bytes, a name of 65,536 bytes takes 0.4 s the
// first times, and 0.2 ms once the deterministic automaton knows the way. A thousand stars, or ten thousand patterns of
// three stars, take about 1 ms. It is never exponential, but with many patterns like the first it adds up: who takes
// patterns from strangers has to bound how long and how many they are. A Match's memory is 24 bytes for each place.
//
// The memory of the deterministic automaton and of the cache is bounded by [Options]. An automaton that reaches a bound
// is thrown away if it was worth building, and else kept as it is for a while; where it does not know the way, the
// nondeterministic one goes on. What one Match may add to it is bounded too.
//
// A node has as many ways on as patterns differ there, and for classes they are tried one by one: a thousand patterns
// that begin with different classes are a thousand tests of the first byte. A Set copies those ways.
package glob
