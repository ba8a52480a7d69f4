package transport

import (
	"net/http"
	"time"
)

// Server returns a server for HTTPS at addr (":443", "localhost:8443") with [Transport.TLSConfig] and
// [Transport.Handler] around handler. Start it with ListenAndServeTLS, or with Serve on a TLS listener.
//
// It waits 10 s for the headers of a request, 2 minutes for the next request on a connection, reads at most 64 KiB of
// headers and hands "OPTIONS *" to the handler instead of answering by itself. An answer may take as long as it likes, so
// that downloads and server-sent events work, but the client may not: a write or flush that it does not take within 30 s
// fails, and so does a read of the body that has waited for 30 s more than its bytes are worth at 1 KiB/s. A handler
// that sets deadlines with http.ResponseController finds them replaced. The number of connections is not bounded
// here; that is for the listener or the operating system.
func (t *Transport) Server(addr string, handler http.Handler) *http.Server {
	server := bounded(addr, paced(t.Handler(handler)))
	server.TLSConfig = t.TLSConfig()
	server.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 100}
	return server
}

// PlainServer returns a server for plain HTTP at addr (":80"). It sends a person who opens a page to https and refuses
// everything else. A certificate authority that asks over HTTP is answered in front of it:
// plain.Handler = manager.HTTPHandler(plain.Handler), with golang.org/x/crypto/acme/autocert.
func (t *Transport) PlainServer(addr string) *http.Server {
	server := bounded(addr, t.Handler(http.NotFoundHandler()))
	server.ReadTimeout = headerTimeout // there is no body that it would read
	server.WriteTimeout = headerTimeout
	return server
}

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

func bounded(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:                         addr,
		Handler:                      handler,
		ReadHeaderTimeout:            headerTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
	}
}
