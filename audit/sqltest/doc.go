// Package sqltest runs the field history of package audit against the databases that it knows: SQLite always,
// PostgreSQL where SKANS_TEST_POSTGRES names a server, MariaDB where SKANS_TEST_MARIADB does. It has a module of its
// own so that no user of the library gets the drivers.
package sqltest
