package transport

import (
	"crypto/tls"
	"slices"
)

// suites are the TLS 1.2 cipher suites with forward secrecy and authenticated encryption. TLS 1.3 has no others.
// Mozilla's "intermediate" recommendation, without the finite-field ones that crypto/tls does not have.
func suites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// curves are the key exchanges. The first is a hybrid: whoever records today cannot decrypt with a quantum computer later.
func curves() []tls.CurveID {
	return []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384}
}

// outdatedSuites are what a browser of 2012 can do. The key exchange stays ECDHE: with RSA key exchange the server would
// decrypt for strangers with the key of its certificate, which has broken the sessions of modern browsers too (DROWN,
// ROBOT).
func outdatedSuites() []uint16 {
	return append(suites(),
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA)
}

// TLSConfig returns a new configuration: TLS 1.2 and 1.3, suites with forward secrecy and authenticated encryption,
// key exchange by X25519 with ML-KEM-768, X25519, P-256 or P-384. The caller adds the certificate: Certificates, GetCertificate, or the files of
// http.Server.ListenAndServeTLS.
//
// With Config.OutdatedPage it also lets older clients connect, for which [Transport.Handler] has that page alone: serve
// nothing with such a configuration that is not inside Handler.
func (t *Transport) TLSConfig() *tls.Config {
	config := &tls.Config{
		MinVersion:       tls.VersionTLS12,
		CipherSuites:     suites(),
		CurvePreferences: curves(),
		NextProtos:       []string{"h2", "http/1.1"},
	}
	if t.outdated != "" {
		config.MinVersion = tls.VersionTLS10
		config.CipherSuites = outdatedSuites()
	}
	return config
}

// weak reports whether TLSConfig without the outdated page would not have agreed to the connection: because of that page, or
// because the host serves with a configuration of its own. What a test made up has no version or suite and passes.
func weak(state *tls.ConnectionState) bool {
	switch {
	case state.Version == 0, state.Version >= tls.VersionTLS13:
		return false
	case state.Version < tls.VersionTLS12:
		return true
	}
	return state.CipherSuite != 0 && !slices.Contains(suites(), state.CipherSuite)
}
