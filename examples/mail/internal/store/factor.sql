-- Second factors. Secrets are sealed and recovery codes are keyed hashes before they come here.
create table factor (
	person         text primary key,
	active         text not null default '',
	active_sealed  blob not null default x'',
	last_step      integer not null default 0,
	pending        text not null default '',
	pending_sealed blob not null default x''
) strict;

create table recovery (
	person text not null references factor (person) on delete cascade,
	hash   blob not null,
	primary key (person, hash)
) strict, without rowid;
