-- The mailbox database. Message bodies, attachments and raw messages are sealed under their customer before they come here.
create table mailbox (
	id      text primary key, -- short name in addresses: /m/{id}
	address text not null unique,
	name    text not null
) strict;

create table person (
	id       text primary key,
	name     text not null unique, -- what they sign in with: an e-mail address in lower case
	display  text not null,
	password text not null default '', -- sealed; empty until activated
	backend  integer not null default 0, -- may use the internal pages at all, whatever roles they hold
	system   integer not null default 0, -- system administrator
	disabled integer not null default 0,
	created  integer not null
) strict;

create table member (
	id      text primary key, -- mailbox/person
	mailbox text not null references mailbox (id),
	person  text not null references person (id),
	role    text not null,
	unique (mailbox, person)
) strict;

create table customer (
	id      text primary key, -- under which what they wrote and got is sealed; says nothing about them
	mailbox text not null references mailbox (id),
	digest  blob not null unique -- keyed, of the mailbox and the address
) strict;

create table conversation (
	id       text primary key,
	mailbox  text not null references mailbox (id),
	subject  text not null,
	customer text not null, -- the address that wrote first
	customer_id text not null, -- and its id, which stays when they are erased
	status   text not null default 'open',
	assignee text not null default '',
	updated  integer not null
) strict;
create index conversation_by_mailbox on conversation (mailbox, updated desc);

create table message (
	id           text primary key,
	conversation text not null references conversation (id),
	mailbox      text not null references mailbox (id),
	customer     text not null, -- id of who wrote or gets it
	outgoing     integer not null,
	digest       blob, -- keyed digest of the bytes that arrived, so that one retried delivery is one message
	message_id   text not null,
	sender       text not null,
	sender_name  text not null,
	recipient    text not null,
	subject      text not null,
	sent         integer not null,
	received     integer not null,
	problem      text not null, -- why it could not be read fully; empty if it could
	text_body    blob not null,
	html_body    blob not null,
	raw          blob not null,
	unique (mailbox, digest)
) strict;
create index message_by_conversation on message (conversation, received);
create index message_by_customer on message (customer);
create index message_by_message_id on message (mailbox, message_id);

create table attachment (
	message text not null references message (id),
	n       integer not null,
	name    text not null,
	type    text not null,
	cid     text not null,
	size    integer not null,
	data    blob not null,
	primary key (message, n)
) strict, without rowid;

create table outbox (
	id      text primary key, -- of the answer, or of the letter
	message text references message (id), -- an answer that is to go out; null for a letter of the program's own
	letter  blob, -- that letter, sealed; gone with its row when it was sent, because it may hold a link
	written integer not null default 0, -- 1: sent; 2: given up
	tries   integer not null default 0,
	due     integer not null default 0 -- not before this time, after a try that failed
) strict;
create index outbox_by_due on outbox (written, due);
