// Package headers sets the response headers that keep a browser from being turned against the application.
package headers
