// Package upload takes files in: only listed types, of bounded size, whose content is what their name says.
//
// Usually package validate calls it: a field of type *[File] or []*[File] with the source file is all that a schema needs. A
// [Receiver] also serves on its own, for files that come another way.
//
// A file streams to a folder of its own under a random name, is checked there, and waits for the handler, which moves it to its place
// with [File.Keep]. What is not kept is removed when the handler returns; [Sweep] removes what a crash left, and should run every
// hour or so. Put the folder outside of everything that a web server serves.
//
// # Types
//
//	pdf                    begins and ends as one; served as a download
//	png jpg jpeg gif       decoded after a cap on pixels and frames, and encoded anew: metadata, text chunks and whatever
//	                       hangs on behind are gone; a photo is turned as its Exif orientation said
//	txt csv                UTF-8 without control characters
//	zip gz                 walked through within bounds; also tar inside gz
//	docx xlsx pptx         Office Open XML without macros
//	odt ods odp            OpenDocument without macros
//
// SVG and HTML are programs for a browser, and are not taken. WebP and HEIC have no decoder in the standard library.
//
// # Security model
//
// Trusted: the configuration, the folder (mode 0700, of this user), the scanner's verdict. Untrusted: the file, its name, its length.
//
// Promised: a refused file leaves nothing on the disk; a type is accepted only with its extension, its first bytes and its
// structure; the client's name is cleaned data and never part of a path; no file is executable; an image is decoded only when its header claims
// few enough pixels, and at most four files of the process are decoded or unpacked at a time; an archive is refused when it unpacks to more than
// 200 times its size (beyond 4 MiB), to too many bytes or entries, is nested more than once, has links, devices, encrypted
// entries or names that leave the folder, or can be read in two ways. A scanner that errs or panics refuses the file.
//
// Limits: the content of PDF and office documents is not judged; serve them as downloads. An image that was encoded anew may be up
// to twice Config.MaxBytes. The number of files that wait at once is bounded by the requests that the server takes, not here.
package upload
