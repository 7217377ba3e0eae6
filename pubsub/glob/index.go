package glob

import (
	"iter"
	"strings"
	"sync"
	"sync/atomic"
)

// An Index knows which of many patterns match a name. The zero value is empty, has the default bounds, and is ready to
// use. All methods may be called from any number of goroutines at the same time. It must not be copied.
type Index[V any] struct {
	options  Options
	current  atomic.Pointer[snapshot[V]] // nil as long as nothing was set
	writer   sync.Mutex                  // serialises Set and Delete
	editor   editor[V]                   // the writer's
	machines machines[V]
	counts   counts
}

// A snapshot is all patterns at one time. Matches use the current one from begin to end, so they see each Set and
// Delete wholly or not at all, and wait for none.
type snapshot[V any] struct {
	exact    *node[V] // the patterns that match one name only
	globs    *node[V] // all others
	patterns int
	nodes    int
	bytes    int
	dfa      *dfa[V]   // of globs
	cache    *cache[V] // of the names matched with this snapshot
}

// New returns an empty Index.
func New[V any](options Options) *Index[V] { return &Index[V]{options: options} }

// Set gives the pattern a value, and returns the one it had. Every Match that begins after it returned knows it.
//
// Patterns are what they are spelt: a and \a are two, although they match the same name.
func (x *Index[V]) Set(pattern string, v V) (old V, replaced bool) {
	parts := compile(pattern)
	x.writer.Lock()
	defer x.writer.Unlock()
	s := x.next()
	root := s.trie(parts)
	*root, old, replaced = x.editor.set(*root, parts, leaf[V]{strings.Clone(pattern), v})
	if !replaced {
		s.patterns++
	}
	x.publish(s)
	return old, replaced
}

// Delete removes the pattern, and returns the value it had. No Match that begins after it returned knows it.
func (x *Index[V]) Delete(pattern string) (old V, deleted bool) {
	parts := compile(pattern)
	x.writer.Lock()
	defer x.writer.Unlock()
	if x.current.Load() == nil {
		return old, false
	}
	s := x.next()
	root := s.trie(parts)
	if *root, old, deleted = x.editor.remove(*root, parts, pattern); deleted {
		s.patterns--
		x.publish(s)
	}
	return old, deleted
}

// next returns a copy of the current snapshot to be changed and published.
func (x *Index[V]) next() *snapshot[V] {
	s := &snapshot[V]{}
	if current := x.current.Load(); current != nil {
		*s = *current
	} else {
		x.options = x.options.withDefaults()
		s.exact, s.globs = x.editor.fresh(&node[V]{}), x.editor.fresh(&node[V]{})
	}
	return s
}

// publish makes a changed snapshot the current one. What was learnt of names is of the old one only, but the automaton
// holds as long as its trie.
func (x *Index[V]) publish(s *snapshot[V]) {
	s.nodes, s.bytes = x.editor.nodes, x.editor.bytes
	if s.dfa == nil || s.dfa.root != s.globs {
		s.dfa = newDFA(s.globs, x)
	}
	s.cache = newCache[V](x.options)
	x.current.Store(s)
}

// trie is where a pattern of the parts belongs.
func (s *snapshot[V]) trie(parts []part) **node[V] {
	if isLiteral(parts) {
		return &s.exact
	}
	return &s.globs
}

// Get returns the pattern's value.
func (x *Index[V]) Get(pattern string) (v V, ok bool) {
	s := x.current.Load()
	if s == nil {
		return v, false
	}
	parts := compile(pattern)
	n := (*s.trie(parts)).find(parts)
	if n == nil {
		return v, false
	}
	i := n.leafOf(pattern)
	if i < 0 {
		return v, false
	}
	return n.leaves[i].value, true
}

// Len is the number of patterns.
func (x *Index[V]) Len() int {
	if s := x.current.Load(); s != nil {
		return s.patterns
	}
	return 0
}

// All iterates over the patterns and their values as they are when it begins, in no particular order.
func (x *Index[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		if s := x.current.Load(); s != nil && s.exact.each(yield) {
			s.globs.each(yield)
		}
	}
}

// Match returns the values of all patterns that match the name, in no particular order; nil when there are none.
// Others share the slice: it must not be changed. The name is not kept. Match takes no locks and waits for nobody.
func (x *Index[V]) Match(name string) []V {
	s := x.current.Load()
	if s == nil {
		return nil
	}
	if len(name) > maxCachedName {
		x.counts.miss(0)
		return s.match(name)
	}
	hash := hashOf(name)
	if values, ok := s.cache.get(hash, name); ok {
		x.counts.hit(hash)
		return values
	}
	x.counts.miss(hash)
	values := s.match(name)
	s.cache.put(hash, name, values)
	return values
}

// match finds the values without the cache.
func (s *snapshot[V]) match(name string) (values []V) {
	exact := s.exact.findName(name)
	if name != "" { // to Redis not even "*" matches the empty name
		values = s.dfa.match(name)
	}
	if exact == nil || len(exact.leaves) == 0 {
		return values
	}
	all := make([]V, 0, len(values)+len(exact.leaves))
	return appendValues(append(all, values...), exact)
}
