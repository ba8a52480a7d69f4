package vaulttest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/vaulttest"
)

// broken is a store with one fault.
type broken struct {
	skans.KeyStore
	mu      sync.Mutex
	load    func(b *broken, ctx context.Context, subject string) (skans.SubjectKey, error)
	create  func(b *broken, ctx context.Context, key skans.SubjectKey) (skans.SubjectKey, error)
	replace func(b *broken, ctx context.Context, subject string, old, wrapped []byte) (bool, error)
	erase   func(b *broken, ctx context.Context, subject string, at time.Time) (skans.SubjectKey, error)
	list    func(b *broken, ctx context.Context, after string, limit int) ([]skans.SubjectKey, error)
	kept    map[string]skans.SubjectKey
}

func (b *broken) Load(ctx context.Context, subject string) (skans.SubjectKey, error) {
	if b.load != nil {
		return b.load(b, ctx, subject)
	}
	return b.KeyStore.Load(ctx, subject)
}

func (b *broken) Create(ctx context.Context, key skans.SubjectKey) (skans.SubjectKey, error) {
	if b.create != nil {
		return b.create(b, ctx, key)
	}
	return b.KeyStore.Create(ctx, key)
}

func (b *broken) Replace(ctx context.Context, subject string, old, wrapped []byte) (bool, error) {
	if b.replace != nil {
		return b.replace(b, ctx, subject, old, wrapped)
	}
	return b.KeyStore.Replace(ctx, subject, old, wrapped)
}

func (b *broken) Erase(ctx context.Context, subject string, at time.Time) (skans.SubjectKey, error) {
	if b.erase != nil {
		return b.erase(b, ctx, subject, at)
	}
	return b.KeyStore.Erase(ctx, subject, at)
}

func (b *broken) List(ctx context.Context, after string, limit int) ([]skans.SubjectKey, error) {
	if b.list != nil {
		return b.list(b, ctx, after, limit)
	}
	return b.KeyStore.List(ctx, after, limit)
}

// all lists the whole store.
func (b *broken) all(ctx context.Context) []skans.SubjectKey {
	page, _ := b.KeyStore.List(ctx, "", 1<<20)
	return page
}

// rebuild makes the store hold exactly these records.
func (b *broken) rebuild(ctx context.Context, records []skans.SubjectKey) {
	fresh := skans.NewMemoryKeyStore()
	for _, k := range records {
		_, _ = fresh.Create(ctx, k)
	}
	b.KeyStore = fresh
}

// put writes whatever was there before.
func (b *broken) put(ctx context.Context, key skans.SubjectKey) {
	records := slices.DeleteFunc(b.all(ctx), func(k skans.SubjectKey) bool { return k.Subject == key.Subject })
	b.rebuild(ctx, append(records, key))
}

func faults() map[string]func() *broken {
	background := context.WithoutCancel
	return map[string]func() *broken{
		"create overwrites": func() *broken {
			return &broken{create: func(b *broken, ctx context.Context, key skans.SubjectKey) (skans.SubjectKey, error) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.put(ctx, key)
				return key, ctx.Err()
			}}
		},
		"create revives the erased": func() *broken {
			return &broken{create: func(b *broken, ctx context.Context, key skans.SubjectKey) (skans.SubjectKey, error) {
				standing, err := b.KeyStore.Create(ctx, key)
				if err == nil && !standing.Erased.IsZero() {
					b.mu.Lock()
					defer b.mu.Unlock()
					b.put(ctx, key)
					return key, nil
				}
				return standing, err
			}}
		},
		"create looks first and writes later": func() *broken {
			return &broken{create: func(b *broken, ctx context.Context, key skans.SubjectKey) (skans.SubjectKey, error) {
				b.mu.Lock()
				standing, err := b.KeyStore.Load(ctx, key.Subject)
				b.mu.Unlock()
				if err == nil || ctx.Err() != nil {
					return standing, ctx.Err()
				}
				for range 100 {
					runtime.Gosched()
				}
				b.mu.Lock()
				defer b.mu.Unlock()
				b.put(ctx, key)
				return key, nil
			}}
		},
		"replace does not compare": func() *broken {
			return &broken{replace: func(b *broken, ctx context.Context, subject string, _, wrapped []byte) (bool, error) {
				b.mu.Lock()
				defer b.mu.Unlock()
				standing, err := b.KeyStore.Load(ctx, subject)
				if err != nil || !standing.Erased.IsZero() {
					return false, ctx.Err()
				}
				return b.KeyStore.Replace(ctx, subject, standing.Wrapped, wrapped)
			}}
		},
		"replace revives the erased": func() *broken {
			return &broken{replace: func(b *broken, ctx context.Context, subject string, old, wrapped []byte) (bool, error) {
				b.mu.Lock()
				defer b.mu.Unlock()
				standing, err := b.KeyStore.Load(ctx, subject)
				if err == nil && !standing.Erased.IsZero() {
					b.put(ctx, skans.SubjectKey{Subject: subject, ID: standing.ID, Wrapped: wrapped})
					return true, nil
				}
				return b.KeyStore.Replace(ctx, subject, old, wrapped)
			}}
		},
		"erase keeps the key": func() *broken {
			return &broken{
				load: func(b *broken, ctx context.Context, subject string) (skans.SubjectKey, error) {
					b.mu.Lock()
					defer b.mu.Unlock()
					key, err := b.KeyStore.Load(ctx, subject)
					if !key.Erased.IsZero() {
						key.Wrapped = b.kept[subject].Wrapped
					}
					return key, err
				},
				erase: func(b *broken, ctx context.Context, subject string, at time.Time) (skans.SubjectKey, error) {
					b.mu.Lock()
					defer b.mu.Unlock()
					if key, err := b.KeyStore.Load(ctx, subject); err == nil && key.Erased.IsZero() {
						b.kept[subject] = key
					}
					return b.KeyStore.Erase(ctx, subject, at)
				},
			}
		},
		"erase deletes the mark too": func() *broken {
			return &broken{erase: func(b *broken, ctx context.Context, subject string, at time.Time) (skans.SubjectKey, error) {
				b.mu.Lock()
				defer b.mu.Unlock()
				mark, err := b.KeyStore.Erase(ctx, subject, at)
				if err == nil {
					b.rebuild(ctx, slices.DeleteFunc(b.all(ctx), func(k skans.SubjectKey) bool { return k.Subject == subject }))
				}
				return mark, err
			}}
		},
		"erase moves the time": func() *broken {
			return &broken{erase: func(b *broken, ctx context.Context, subject string, at time.Time) (skans.SubjectKey, error) {
				mark, err := b.KeyStore.Erase(ctx, subject, at)
				mark.Erased = at
				return mark, err
			}}
		},
		"erase of the unknown marks nothing": func() *broken {
			return &broken{erase: func(b *broken, ctx context.Context, subject string, at time.Time) (skans.SubjectKey, error) {
				if _, err := b.KeyStore.Load(ctx, subject); errors.Is(err, skans.ErrUnknownKey) {
					return skans.SubjectKey{Subject: subject, Erased: at}, nil
				}
				return b.KeyStore.Erase(ctx, subject, at)
			}}
		},
		"times in whole seconds": func() *broken {
			return &broken{erase: func(b *broken, ctx context.Context, subject string, at time.Time) (skans.SubjectKey, error) {
				return b.KeyStore.Erase(ctx, subject, at.Truncate(time.Second))
			}}
		},
		"letter case is one": func() *broken {
			return &broken{
				load: func(b *broken, ctx context.Context, subject string) (skans.SubjectKey, error) {
					return b.KeyStore.Load(ctx, strings.ToLower(subject))
				},
				create: func(b *broken, ctx context.Context, key skans.SubjectKey) (skans.SubjectKey, error) {
					key.Subject = strings.ToLower(key.Subject)
					return b.KeyStore.Create(ctx, key)
				},
			}
		},
		"absence is no error": func() *broken {
			return &broken{load: func(b *broken, ctx context.Context, subject string) (skans.SubjectKey, error) {
				key, err := b.KeyStore.Load(ctx, subject)
				if errors.Is(err, skans.ErrUnknownKey) {
					return skans.SubjectKey{}, nil
				}
				return key, err
			}}
		},
		"list has no order": func() *broken {
			return &broken{list: func(b *broken, ctx context.Context, after string, limit int) ([]skans.SubjectKey, error) {
				page, err := b.KeyStore.List(ctx, after, limit)
				slices.Reverse(page)
				return page, err
			}}
		},
		"list leaves the erased out": func() *broken {
			return &broken{list: func(b *broken, ctx context.Context, after string, limit int) ([]skans.SubjectKey, error) {
				page, err := b.KeyStore.List(ctx, after, limit)
				return slices.DeleteFunc(page, func(k skans.SubjectKey) bool { return !k.Erased.IsZero() }), err
			}}
		},
		"list has no limit": func() *broken {
			return &broken{list: func(b *broken, ctx context.Context, after string, _ int) ([]skans.SubjectKey, error) {
				return b.KeyStore.List(ctx, after, 1<<20)
			}}
		},
		"list begins with after": func() *broken {
			return &broken{list: func(b *broken, ctx context.Context, after string, limit int) ([]skans.SubjectKey, error) {
				page, err := b.KeyStore.List(ctx, "", 1<<20)
				page = slices.DeleteFunc(page, func(k skans.SubjectKey) bool { return k.Subject < after })
				return page[:min(limit, len(page))], err
			}}
		},
		"an ended context is not heeded": func() *broken {
			return &broken{create: func(b *broken, ctx context.Context, key skans.SubjectKey) (skans.SubjectKey, error) {
				return b.KeyStore.Create(background(ctx), key)
			}}
		},
		"bytes are shared": func() *broken {
			return &broken{load: func(b *broken, ctx context.Context, subject string) (skans.SubjectKey, error) {
				b.mu.Lock()
				defer b.mu.Unlock()
				key, err := b.KeyStore.Load(ctx, subject)
				if err != nil || !key.Erased.IsZero() {
					return key, err
				}
				if kept, ok := b.kept[subject]; ok {
					return kept, nil
				}
				b.kept[subject] = key
				return key, nil
			}}
		},
	}
}

const fault = "SKANS_VAULTTEST_FAULT"

// TestFault runs the suite on the store with the fault that the environment names, in a process of its own.
func TestFault(t *testing.T) {
	make, ok := faults()[os.Getenv(fault)]
	if !ok {
		t.Skip("run by TestSuiteFindsFaults")
	}
	vaulttest.TestStore(t, func(*testing.T) skans.KeyStore {
		b := make()
		b.KeyStore, b.kept = skans.NewMemoryKeyStore(), map[string]skans.SubjectKey{}
		return b
	})
}

func TestSuiteFindsFaults(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	for name := range faults() {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			command := exec.CommandContext(ctx, program, "-test.run=^TestFault$")
			command.Env = append(os.Environ(), fault+"="+name)
			out, err := command.CombinedOutput()
			_, failed := errors.AsType[*exec.ExitError](err)
			require.True(t, failed, "the suite did not notice: %s", out)
			require.Contains(t, string(out), "--- FAIL: TestFault/")
		})
	}
}
