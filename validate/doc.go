// Package validate turns a request into one typed value, or into one error that names the field.
package validate
