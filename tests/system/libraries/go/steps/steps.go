// Package steps answers the steps of ../../README.md: a line of words each on standard input, a
// line of JSON each on standard output.
package steps

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
)

// Step is given its words and says what it saw.
type Step func(words []string) (interface{}, error)

// Answer answers until standard input ends.
func Answer(steps map[string]Step) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		seen, err := steps[words[0]](words[1:])
		if err != nil {
			log.Fatalf("%s: %v", lines.Text(), err)
		}
		text, err := json.Marshal(seen)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(text))
	}
}
