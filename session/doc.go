// Package session gives each visitor of a web service one session, from the first request to logout.
package session
