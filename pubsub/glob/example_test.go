package glob_test

import (
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/pubsub/glob"
)

func ExampleMatch() {
	fmt.Println(glob.Match("news.*", "news.sport.chess"))
	fmt.Println(glob.Match("room.[0-9]?", "room.4b"))
	fmt.Println(glob.Match("room.[^0-9]?", "room.4b"))
	fmt.Println(glob.Match(`price\*`, "price*"))
	// Output:
	// true
	// true
	// false
	// true
}

func ExampleEscape() {
	fmt.Println(glob.Escape("what?[1]") + ".*")
	// Output: what\?\[1].*
}

func ExampleIsPattern() {
	fmt.Println(glob.IsPattern("news.sport"), glob.IsPattern("news.*"))
	// Output: false true
}

func ExampleIndex() {
	var subscribers glob.Index[[]string]
	subscribers.Set("news.*", []string{"ann", "bob"})
	subscribers.Set("*.chess", []string{"cy"})
	subscribers.Set("news.sport", []string{"di"})

	for _, name := range []string{"news.chess", "news.sport", "weather"} {
		fmt.Println(name, slices.Sorted(slices.Values(slices.Concat(subscribers.Match(name)...))))
	}
	// Output:
	// news.chess [ann bob cy]
	// news.sport [ann bob di]
	// weather []
}

func ExampleIndex_Set() {
	var x glob.Index[int]
	x.Set("news.*", 1)
	before := x.Match("news.a")
	old, replaced := x.Set("news.*", 2)
	fmt.Println(old, replaced, before, x.Match("news.a"))
	// Output: 1 true [1] [2]
}

func ExampleIndex_Delete() {
	var x glob.Index[int]
	x.Set("news.*", 1)
	fmt.Println(x.Delete("news.*"))
	fmt.Println(x.Delete("news.*"))
	fmt.Println(x.Match("news.a"), x.Len())
	// Output:
	// 1 true
	// 0 false
	// [] 0
}

func ExampleIndex_All() {
	var x glob.Index[int]
	x.Set("a*", 1)
	x.Set("b", 2)
	sum := 0
	for _, v := range x.All() {
		sum += v
	}
	fmt.Println(sum)
	// Output: 3
}

func ExampleNew() {
	x := glob.New[int](glob.Options{
		MaxStates: 1000,
		MaxCached: -1, // names seldom come twice
	})
	x.Set("news.*", 1)
	x.Match("news.a")
	fmt.Println(x.Stats().Patterns, x.Stats().Cached, x.Stats().Misses)
	// Output: 1 0 1
}
