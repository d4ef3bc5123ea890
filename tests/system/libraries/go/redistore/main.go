// boj/redistore, which gorilla/sessions and gin-contrib/sessions keep sessions in.
package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"

	"github.com/gorilla/sessions"
	"github.com/boj/redistore"

	"sojourn/steps"
)

const name = "sid"

var store *redistore.RediStore

// load finds the session of a cookie, or a new one.
func load(cookie string) (*http.Request, *sessions.Session, error) {
	request := httptest.NewRequest("GET", "/", nil)
	if cookie != "" {
		request.Header.Set("Cookie", cookie)
	}
	session, err := store.Get(request, name)
	return request, session, err
}

// save says what the browser's cookie is from now on.
func save(request *http.Request, session *sessions.Session) (string, error) {
	response := httptest.NewRecorder()
	err := session.Save(request, response)
	for _, cookie := range response.Result().Cookies() {
		return cookie.Name + "=" + cookie.Value, err
	}
	return "", err
}

func login(words []string) (interface{}, error) {
	request, session, err := load("")
	if err != nil {
		return nil, err
	}
	session.Values["user"] = words[0]
	session.Options.MaxAge, _ = strconv.Atoi(words[1])
	return save(request, session)
}

func read(words []string) (interface{}, error) {
	_, session, err := load(words[0])
	if err != nil || session.IsNew {
		return nil, err
	}
	seen := map[string]interface{}{}
	for key, value := range session.Values {
		seen[key.(string)] = value
	}
	return seen, nil
}

func write(words []string) (interface{}, error) {
	request, session, err := load(words[0])
	if err != nil {
		return nil, err
	}
	session.Values[words[1]] = words[2]
	_, err = save(request, session)
	return err == nil, err
}

func touch(words []string) (interface{}, error) {
	request, session, err := load(words[0])
	if err != nil {
		return nil, err
	}
	_, err = save(request, session)
	return err == nil, err
}

// The old session ends, and what was in it goes on under a new id.
func regenerate(words []string) (interface{}, error) {
	request, old, err := load(words[0])
	if err != nil {
		return nil, err
	}
	newRequest, session, err := load("")
	if err != nil {
		return nil, err
	}
	for key, value := range old.Values {
		session.Values[key] = value
	}
	old.Options.MaxAge = -1
	if _, err := save(request, old); err != nil {
		return nil, err
	}
	return save(newRequest, session)
}

func logout(words []string) (interface{}, error) {
	request, session, err := load(words[0])
	if err != nil {
		return nil, err
	}
	session.Options.MaxAge = -1
	_, err = save(request, session)
	return err == nil, err
}

func main() {
	var err error
	store, err = redistore.NewRediStore(3, "tcp", os.Args[1]+":"+os.Args[2], "", []byte("the same for all"))
	if err != nil {
		panic(err)
	}
	store.SetMaxAge(1000)
	steps.Answer(map[string]steps.Step{
		"login": login, "read": read, "write": write, "touch": touch,
		"regenerate": regenerate, "logout": logout,
	})
}
