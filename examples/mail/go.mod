module github.com/skans-go/skans/examples/mail

go 1.26.0

require github.com/skans-go/skans v0.0.0

replace github.com/skans-go/skans => ../..
