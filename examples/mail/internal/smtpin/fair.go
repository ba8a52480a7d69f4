package smtpin

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	connectionsEach = 10               // of one IPv4 address or IPv6 /64, so that nobody takes all of them
	connectionLife  = 30 * time.Minute // whatever the client says to keep it
)

// fair is a listener that gives each network its share and ends connections that live too long.
type fair struct {
	net.Listener
	mu   sync.Mutex
	open map[netip.Prefix]int
}

func newFair(l net.Listener) *fair { return &fair{Listener: l, open: map[netip.Prefix]int{}} }

// Accept turns away a client whose network has its share already, and waits for the next.
func (f *fair) Accept() (net.Conn, error) {
	for {
		conn, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := network(conn.RemoteAddr())
		if f.take(from) {
			c := &fairConn{Conn: conn, done: sync.OnceFunc(func() { f.give(from) })}
			c.end = time.AfterFunc(connectionLife, func() { _ = c.Close() })
			return c, nil
		}
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write([]byte("421 4.7.0 Too many connections from your network\r\n"))
		_ = conn.Close()
	}
}

func (f *fair) take(from netip.Prefix) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[from] >= connectionsEach {
		return false
	}
	f.open[from]++
	return true
}

func (f *fair) give(from netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[from]--; f.open[from] == 0 {
		delete(f.open, from)
	}
}

// fairConn gives its share back when it is closed.
type fairConn struct {
	net.Conn
	end  *time.Timer
	done func()
}

func (c *fairConn) Close() error {
	c.end.Stop()
	c.done()
	return c.Conn.Close()
}

func network(addr net.Addr) netip.Prefix {
	parsed, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := parsed.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}
	prefix, _ := ip.Prefix(bits)
	return prefix
}
