// Package upload takes files in: only listed types, of bounded size, whose content is what their name says.
package upload
