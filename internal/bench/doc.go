// Package bench holds no code: its tests measure this library beside what a team would otherwise put together from other
// modules, the same work on both sides, in one run. It is a module of its own, so that the library requires none of them.
//
// Every topic has a test that shows both sides to do the same work: they let in and refuse the same requests, keep and
// drop the same things. Plain go test runs those and is quick. The benchmarks, and the table made from them:
//
//	cd internal/bench
//	go test -run '^$' -bench . -skip Million -benchtime 300ms -count 3 . github.com/skans-go/skans/totp > /tmp/bench.txt
//	go test -run '^$' -bench Million -benchtime 1x . >> /tmp/bench.txt
//	go run ./ratios < /tmp/bench.txt
//
// # How to read the figures
//
// A line that ends in the name of a side ("Session/scs") is that side alone, with its allocations. A line that ends in
// "vs-" and a name runs this library and that one in turns, some calls of each, and reports the median of this library's
// time over the other's: what else the machine does meets both alike. A ratio of 0.1 is a tenth of the time.
package bench
