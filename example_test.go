package skans_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/skans-go/skans"
)

func Example() {
	// In a service: skans.OpenKeyringFile("keys").
	keys, err := skans.NewKeyring(skans.GenerateKey("2026-11"), skans.GenerateKey("2026-10"))
	if err != nil {
		log.Fatal(err)
	}
	link := keys.MAC("example.unsubscribe", "anna")
	fmt.Println(keys.VerifyMAC(link, "example.unsubscribe", "anna"))
	fmt.Println(keys.VerifyMAC(link, "example.unsubscribe", "bo"))
	fmt.Println(keys.VerifyMAC(link, "example.login", "anna"))
	// Output:
	// true
	// false
	// false
}

func ExampleKeyring_Seal() {
	keys, err := skans.NewKeyring(skans.GenerateKey("2026-11"))
	if err != nil {
		log.Fatal(err)
	}
	sealed := keys.Seal([]byte("4711"), "example.pin", "anna")
	pin, err := keys.Open(sealed, "example.pin", "anna")
	fmt.Println(string(pin), err)
	_, err = keys.Open(sealed, "example.pin", "bo")
	fmt.Println(errors.Is(err, skans.ErrTampered))
	// Output:
	// 4711 <nil>
	// true
}

func ExampleSecret() {
	s := skans.NewSecret("hunter2")
	fmt.Printf("%v %x %q\n", s, s, []skans.Secret{s})
	fmt.Println(len(s.Reveal()))
	// Output:
	// [secret] [secret] [[secret]]
	// 7
}

func ExampleVault() {
	keys, err := skans.NewKeyring(skans.GenerateKey("2026-11"))
	if err != nil {
		log.Fatal(err)
	}
	vault, err := skans.NewVault(skans.VaultConfig{Keys: keys}) // give it a Store, or what it sealed ends with the process
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	at := skans.At{Subject: "u-4711", Table: "message", Column: "body", Row: "42"}
	sealed, err := vault.Seal(ctx, at, []byte("Dear Sir or Madam"))
	if err != nil {
		log.Fatal(err)
	}
	plain, err := vault.Open(ctx, at, sealed)
	fmt.Println(string(plain), err)
	receipt, err := vault.Erase(ctx, "u-4711")
	fmt.Println(receipt.Subject, err)
	_, err = vault.Open(ctx, at, sealed)
	fmt.Println(errors.Is(err, skans.ErrErased))
	// Output:
	// Dear Sir or Madam <nil>
	// u-4711 <nil>
	// true
}
