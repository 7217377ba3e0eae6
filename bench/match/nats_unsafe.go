package match

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/nats-io/nats-server/v2/server"
)

// sublist inserts what only NATS itself can name: its subscriptions are of a
// type that is not exported, and so are the fields of what Match finds.
type sublist struct {
	inserting, removing reflect.Value
	last                reflect.Value // of the inserted ones
}

var errForeign = errors.New("match: NATS's subscriptions are not what they were in v2.15")

// openSublist fails if the types are not those that this file is written for.
func openSublist(list *server.Sublist) (*sublist, error) {
	s := &sublist{inserting: reflect.ValueOf(list.Insert), removing: reflect.ValueOf(list.Remove)}
	subject, found := s.inserting.Type().In(0).Elem().FieldByName("subject")
	found = found && subject.Type == reflect.TypeFor[[]byte]()
	result := reflect.TypeFor[server.SublistResult]().Field(0)
	if !found || result.Name != "psubs" || result.Type.Kind() != reflect.Slice || result.Type.Elem().Kind() != reflect.Pointer {
		return nil, errForeign
	}
	return s, nil
}

func (s *sublist) insert(subject string) error {
	s.last = reflect.New(s.inserting.Type().In(0).Elem())
	field := s.last.Elem().FieldByName("subject").Addr().UnsafePointer()
	*(*[]byte)(field) = []byte(subject)
	return call(s.inserting, s.last)
}

func (s *sublist) removeLast() error { return call(s.removing, s.last) }

func call(f, argument reflect.Value) error {
	err, _ := f.Call([]reflect.Value{argument})[0].Interface().(error)
	return err
}

// subscribers is how many plain subscriptions there are in what was found.
func subscribers(found *server.SublistResult) int {
	return len(*(*[]unsafe.Pointer)(unsafe.Pointer(found)))
}
