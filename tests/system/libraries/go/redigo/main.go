// Redigo with its pool, as one who writes his own sessions uses it: a string each, and JSON in it.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"os"
	"sort"
	"time"

	"github.com/gomodule/redigo/redis"

	"sojourn/steps"
)

type session map[string]string

type sessions struct{ pool *redis.Pool }

func newID() string {
	bytes := make([]byte, 16)
	rand.Read(bytes)
	return hex.EncodeToString(bytes)
}

func (s sessions) do(command string, words ...interface{}) (interface{}, error) {
	connection := s.pool.Get()
	defer connection.Close()
	return connection.Do(command, words...)
}

func (s sessions) load(id string) (session, error) {
	text, err := redis.Bytes(s.do("GET", "s:"+id))
	if err == redis.ErrNil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found session
	err = json.Unmarshal(text, &found)
	return found, err
}

func (s sessions) login(words []string) (interface{}, error) {
	id := newID()
	text, _ := json.Marshal(session{"user": words[0]})
	_, err := redis.String(s.do("SET", "s:"+id, text, "EX", words[1], "NX"))
	return id, err
}

func (s sessions) read(words []string) (interface{}, error) { return s.load(words[0]) }

func (s sessions) write(words []string) (interface{}, error) {
	found, err := s.load(words[0])
	if err != nil {
		return nil, err
	}
	found[words[1]] = words[2]
	text, _ := json.Marshal(found)
	said, err := redis.String(s.do("SET", "s:"+words[0], text, "KEEPTTL", "XX"))
	return said == "OK", err
}

func (s sessions) touch(words []string) (interface{}, error) {
	return redis.Bool(s.do("EXPIRE", "s:"+words[0], 1000))
}

func (s sessions) regenerate(words []string) (interface{}, error) {
	id := newID()
	_, err := s.do("RENAME", "s:"+words[0], "s:"+id)
	return id, err
}

// A pipeline: all are sent before the first reply is read.
func (s sessions) logout(words []string) (interface{}, error) {
	connection := s.pool.Get()
	defer connection.Close()
	for _, command := range []string{"MULTI", "UNLINK", "EXISTS", "EXEC"} {
		key := []interface{}{"s:" + words[0]}
		if command == "MULTI" || command == "EXEC" {
			key = nil
		}
		if err := connection.Send(command, key...); err != nil {
			return nil, err
		}
	}
	replies, err := redis.Values(connection.Do(""))
	if err != nil {
		return nil, err
	}
	counts, err := redis.Ints(replies[3], nil)
	return err == nil && counts[0] == 1 && counts[1] == 0, err
}

func (s sessions) count(words []string) (interface{}, error) {
	users := []string{}
	for cursor := 0; ; {
		reply, err := redis.Values(s.do("SCAN", cursor, "MATCH", "s:*"))
		if err != nil {
			return nil, err
		}
		var keys []string
		if _, err := redis.Scan(reply, &cursor, &keys); err != nil {
			return nil, err
		}
		for _, key := range keys {
			if found, err := s.load(key[2:]); err == nil && found != nil {
				users = append(users, found["user"])
			}
		}
		if cursor == 0 {
			sort.Strings(users)
			return users, nil
		}
	}
}

func main() {
	address := os.Args[1] + ":" + os.Args[2]
	s := sessions{&redis.Pool{
		MaxIdle: 3,
		Dial:    func() (redis.Conn, error) { return redis.Dial("tcp", address, redis.DialDatabase(2)) },
		TestOnBorrow: func(connection redis.Conn, _ time.Time) error {
			_, err := connection.Do("PING")
			return err
		},
	}}
	steps.Answer(map[string]steps.Step{
		"login": s.login, "read": s.read, "write": s.write, "touch": s.touch,
		"regenerate": s.regenerate, "logout": s.logout, "count": s.count,
	})
}
