package upload_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/skans-go/skans/validate/upload"
)

func ExampleReceiver_Receive() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	r, err := upload.New(upload.Config{Dir: dir, Types: []string{"txt", "png"}, MaxBytes: 1 << 20})
	if err != nil {
		panic(err)
	}
	f, err := r.Receive(context.Background(), `..\..\notes.txt`, strings.NewReader("hello"))
	fmt.Println(f.Name(), f.Type(), f.Size(), err)

	_, err = r.Receive(context.Background(), "cat.png", strings.NewReader("<script>"))
	var refused *upload.Error
	fmt.Println(errors.As(err, &refused), refused.Code)
	// Output:
	// notes.txt text/plain; charset=utf-8 5 <nil>
	// true content
}
