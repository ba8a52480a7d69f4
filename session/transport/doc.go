// Package transport lets a request reach a service only over HTTPS, only under the names that the service has, and with
// one answer to who sent it.
//
// # Recommended use
//
//	t, err := transport.New(transport.Config{
//		Hosts:      []string{"mail.example"},
//		OnInsecure: sessions.EndExposed,
//		Audit:      log.Record,
//	})
//	server := t.Server(":443", handler)             // HTTPS
//	plain := t.PlainServer(":80")                   // sends people over to HTTPS, refuses the rest
//	go func() { _ = plain.ListenAndServe() }()
//	err = server.ListenAndServeTLS("cert.pem", "key.pem")
//
// [Transport.Server] puts [Transport.Handler] around the handler. A host that builds its own http.Server uses
// [Transport.TLSConfig] and [Transport.Handler]. For development give the port too: Hosts: {"localhost:8443"}.
//
// # Security model
//
// Trusted: the peers in Config.Proxies, and what they say in X-Forwarded-For, X-Forwarded-Proto and Forwarded about the
// hop in front of them. Untrusted: everybody else and every other byte of the request; forwarding headers of a stranger
// are removed before the handler sees the request, whatever its own code would have believed.
//
// Promised: a handler inside runs only for a request that travelled over TLS 1.2 or newer with forward secrecy and
// authenticated encryption (or through a trusted proxy that says https), and whose Host is on the list, so that links
// built from it are ours. A request in clear never reaches the handler and never gets a cookie: a page that a person
// opens is sent on to https, anything else is refused, because a client that is quietly redirected goes on sending its
// secrets in clear. Credentials that came in clear are reported to Config.OnInsecure. [Transport.ClientAddr] is the
// right-most address that was not written by a stranger.
//
// Limits: a proxy must replace or append to the forwarding headers and pass Host on unchanged; one that forwards what a
// stranger wrote, and writes nothing itself, is believed. Proxies must drop the one of X-Forwarded-For and Forwarded
// that they do not write: when the two disagree, the address is unknown. A peer on a Unix socket has no address and is
// no proxy. A health check that asks by address is refused like any other unknown host, unless the address is listed in
// Hosts with its port. The length of what is transferred is visible to whoever watches the network.
//
// # Events
//
//   - "transport.insecure" ([EventInsecure]): a request in clear was refused, or carried credentials. Attributes addr,
//     agent, reason ("credentials", "method", "not a navigation", "proxy says no scheme"), outcome ("refused",
//     "redirected"), ref (of the page, when refused).
//   - "transport.host" ([EventHost]): the Host is not ours, or no host. Attributes addr, agent, reason ("unknown",
//     "malformed", "target"), ref.
//   - "transport.outdated" ([EventOutdated]): a connection below TLS 1.2, or without forward secrecy or authenticated
//     encryption. Attributes addr, agent, reason (version and cipher suite), ref (not with
//     Config.OutdatedPage).
package transport
