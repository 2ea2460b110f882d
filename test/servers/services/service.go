// SPDX-License-Identifier: Apache-2.0

// The service of traffic.ts with net/http, as one writes it. Usage: service PORT
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
)

func text(r *http.Request) string {
	size, err := strconv.Atoi(path.Base(r.URL.Path))
	if err != nil {
		return ""
	}
	return strings.Repeat("0123456789", size/10+1)[:size]
}

func main() {
	http.HandleFunc("/items/", func(w http.ResponseWriter, r *http.Request) {
		body := text(r)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		io.WriteString(w, body)
	})
	http.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "ordered %d\n", got)
	})
	http.HandleFunc("/streamed/", func(w http.ResponseWriter, r *http.Request) {
		body := text(r)
		for part := 0; part < 3; part++ {
			io.WriteString(w, body[part*len(body)/3:(part+1)*len(body)/3])
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
