package main

import (
	"github.com/skans-go/skans"
	"github.com/skans-go/skans/validate"
	"github.com/skans-go/skans/validate/upload"
)

// What each handler takes from a request; nothing else comes in. Where a field is not declared here, a handler cannot
// see it.

// none is the input of a handler that takes none.
type none struct{}

type signInPageForm struct {
	Next string `in:"query next" rule:"line,max=300" opt:""`
}

type signInForm struct {
	Name     string       `in:"form name" rule:"line,max=254"`
	Password skans.Secret `in:"form password" rule:"secret,max=1024"`
	Captcha  string       `in:"form altcha" rule:"line,max=2048" opt:""` // throttle.CaptchaField
	Next     string       `in:"form next" rule:"line,max=300" opt:""`
}

type codeForm struct {
	Code skans.Secret `in:"form code" rule:"secret,max=64"`
	Next string       `in:"form next" rule:"line,max=300" opt:""`
}

type activatePageForm struct {
	Key string `in:"query key" rule:"token,max=200" opt:""`
}

type activateForm struct {
	Key      skans.Secret `in:"form key" rule:"secret,max=200"`
	Name     string       `in:"form name" rule:"line,max=254" opt:""` // for the browser's password manager; not used
	Password skans.Secret `in:"form password" rule:"secret,max=1024"`
	Again    skans.Secret `in:"form again" rule:"secret,max=1024"`
}

type forgotForm struct {
	Email string `in:"form email" rule:"line,max=254"` // whatever it is: an answer to its form would be an answer
}

type notMeForm struct {
	Person string `in:"path person" rule:"slug,max=40"`
	Key    string `in:"query key" rule:"token,max=100" opt:""` // for the policy
}

type passwordForm struct {
	Current  skans.Secret `in:"form current" rule:"secret,max=1024"`
	Password skans.Secret `in:"form password" rule:"secret,max=1024"`
	Again    skans.Secret `in:"form again" rule:"secret,max=1024"`
}

type confirmForm struct {
	Code skans.Secret `in:"form code" rule:"secret,max=64"`
}

type personForm struct {
	Person string `in:"path person" rule:"slug,max=40"`
}

type stateForm struct {
	Person string `in:"path person" rule:"slug,max=40"`
	State  string `in:"form state" rule:"oneof=disabled|enabled"`
}

type deviceForm struct {
	ID string `in:"path id" rule:"identifier,max=40"`
}

type boxForm struct {
	Box string `in:"path box" rule:"slug,max=40"`
}

type inboxForm struct {
	Box    string `in:"path box" rule:"slug,max=40"`
	Status string `in:"query status" rule:"oneof=open|closed" opt:""`
	Page   int    `in:"query page" rule:"min=0,max=10000" opt:"0"`
}

type conversationForm struct {
	Box    string `in:"path box" rule:"slug,max=40"`
	ID     string `in:"path id" rule:"slug,max=40"`
	Remote string `in:"query remote" rule:"oneof=show" opt:""`
	Page   int    `in:"query page" rule:"min=0,max=10000" opt:"0"`
}

type replyForm struct {
	Box  string `in:"path box" rule:"slug,max=40"`
	ID   string `in:"path id" rule:"slug,max=40"`
	Text string `in:"form text" rule:"text,max=50000"`

	Files []*upload.File `in:"file files" rule:"pdf|png|jpg|txt,max=5MB,count=3" opt:""`
}

// maxFiles bounds what the files of one answer have together, after pictures were encoded anew: the letter that carries
// them must stay below what other servers take.
const maxFiles = 15 << 20

// Check refuses files that are too large together.
func (f replyForm) Check() error {
	total := int64(0)
	for _, file := range f.Files {
		total += file.Size()
	}
	if total > maxFiles {
		return &validate.Conflict{Names: []string{"files"}, Message: "The files are too large together; send them in several answers."}
	}
	return nil
}

// CheckRules says what Check holds.
func (f replyForm) CheckRules() []string {
	return []string{"the files of an answer have at most 15 MiB together"}
}

type statusForm struct {
	Box    string `in:"path box" rule:"slug,max=40"`
	ID     string `in:"path id" rule:"slug,max=40"`
	Status string `in:"form status" rule:"oneof=open|closed"`
}

type assignForm struct {
	Box string `in:"path box" rule:"slug,max=40"`
	ID  string `in:"path id" rule:"slug,max=40"`
}

// An EventFilter narrows the events of an audit page and of its export.
type EventFilter struct {
	Class  string         `in:"query class" rule:"login,max=40" opt:""`
	Event  string         `in:"query event" rule:"login,max=60" opt:""`   // a name, or its beginning up to a dot
	Person string         `in:"query person" rule:"login,max=254" opt:""` // what they sign in with, or their id
	From   *validate.Date `in:"query from" opt:""`
	Until  *validate.Date `in:"query until" opt:""` // this day too
}

type mailAuditForm struct {
	Box string `in:"path box" rule:"slug,max=40"`
	EventFilter
}

type adminExportForm struct {
	Format string `in:"query format" rule:"oneof=ndjson|ocsf|cef"`
	EventFilter
}

type mailExportForm struct {
	Box    string `in:"path box" rule:"slug,max=40"`
	Format string `in:"query format" rule:"oneof=ndjson|ocsf|cef"`
	EventFilter
}

type eraseForm struct {
	Box     string `in:"path box" rule:"slug,max=40"`
	ID      string `in:"path id" rule:"slug,max=40"`
	Confirm string `in:"form confirm" rule:"oneof=erase"` // typed, because there is no way back
}

type attachmentForm struct {
	Box string `in:"path box" rule:"slug,max=40"`
	ID  string `in:"path id" rule:"slug,max=40"`
	N   int    `in:"path n" rule:"min=0,max=1000"`
}

type assetForm struct {
	File string `in:"path file" rule:"oneof=pico.css|app.css|live.js|altcha.js"`
}
