package audit

// Events that a log, or what it gives a host, records by itself.
const (
	// EventSuppressed says that events of a class with OnFailure Alert were dropped. Attributes: class, count.
	EventSuppressed = "audit.suppressed"
	// EventClock says that somebody vouched for a clock that had moved. Attributes: clock.
	EventClock = "audit.clock"
	// EventAggregate is what is left of a deleted segment of a class with Aggregate: day, segment, and groups of event,
	// method, path, status, count; rest counts what went beyond 1000 different ones.
	EventAggregate = "statistics.requests"
	// EventHistorySealed is one batch of field history under a root. Attributes: batch, count, root, first, last, ids
	// (of the rows, as runs: "5-7,9").
	EventHistorySealed = "history.sealed"
	// EventRequest is one request in [Access]. Attributes: method, path, status, bytes, duration, addr, agent.
	EventRequest = "usage.request"
	// EventNotFound is one request that was answered with 404. Attributes as [EventRequest].
	EventNotFound = "notfound.request"
	// EventPanic is a panic that [Recover] caught. Attributes: ref, reason, method, path, stack.
	EventPanic = "panic"
)
