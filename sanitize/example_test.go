package sanitize_test

import (
	"fmt"

	"github.com/skans-go/skans/sanitize"
)

func ExampleNewMail() {
	pictures := map[string][]byte{} // by Content-ID
	mail := sanitize.NewMail(sanitize.Mail{
		IDPrefix: "m42-",
		CID:      func(id string) (string, bool) { return sanitize.DataPicture(pictures[id], 1<<20) },
	})
	h, report, err := mail.Wash(`<p onclick="steal()">Hej <img src="https://tracker.example/1.gif?reader=anna" alt="Anna">!` +
		` <a href="https://evil.example/">www.bank.example</a>`)
	fmt.Println(h)
	fmt.Println(report.Blocked, report.Hosts, report.Removed, report.Deceptive, err)
	// Output:
	// <p>Hej <img alt="Anna">! <a href="https://evil.example/" rel="noopener noreferrer nofollow" target="_blank">www.bank.example</a></p>
	// 1 [tracker.example] 1 [www.bank.example -> evil.example] <nil>
}

func ExampleNewComment() {
	h, _, _ := sanitize.NewComment(sanitize.Comment{}).Wash(`<b>Bra!<script>alert(1)</script><i style="position:fixed">Verkligen</b>`)
	fmt.Println(h)
	// Output: <b>Bra!<i>Verkligen</i></b>
}

func ExampleFilename() {
	fmt.Println(sanitize.Filename(`..\..\CON.txt`))
	fmt.Println(sanitize.Filename("faktura\u202efdp.exe"))
	// Output:
	// _CON.txt
	// fakturafdp.exe
}

func ExampleLog() {
	fmt.Println(sanitize.Log("anna\n2026-05-09 admin signed in"))
	// Output: anna\n2026-05-09 admin signed in
}

func ExampleTextFromHTML() {
	fmt.Println(sanitize.TextFromHTML(`<p>Hej <b>Anna</b>,</p><ul><li>ritning<li>avgift</ul>`))
	// Output:
	// Hej Anna,
	//
	// - ritning
	// - avgift
}
