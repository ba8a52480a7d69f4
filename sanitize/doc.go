// Package sanitize makes harmless what leaves the application: HTML mail, rich text, plain lines, header values, file names, log lines.
package sanitize
