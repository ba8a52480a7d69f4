-- Keys of the people whose letters are kept, wrapped, and the marks of those who were erased.
create table subject_key (
	subject text primary key,
	id      text not null,
	wrapped blob, -- null when erased
	erased  integer not null default 0 -- microseconds since 1970; 0 while the key lives
) strict, without rowid;
