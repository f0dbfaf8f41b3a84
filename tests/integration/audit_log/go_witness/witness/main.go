// A witness: transparency-dev's own, behind its own HTTP handler. It knows the logs that it is given
// and cosigns with an Ed25519 and an ML-DSA-44 key. Prints its verifier keys and its address, then serves.
//
// usage: witness -name witness.example/w1 -keys file [-listen 127.0.0.1:0] <log vkey>...
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

var (
	name   = flag.String("name", "", "name of the witness")
	keys   = flag.String("keys", "", "file with its keys, made at first use")
	listen = flag.String("listen", "127.0.0.1:0", "address")
)

func main() {
	flag.Parse()
	ctx := context.Background()
	var signers []note.Signer
	for _, pair := range load() {
		signer, err := signerOf(pair[0])
		check(err)
		signers = append(signers, signer)
		fmt.Println("vkey", pair[1])
	}
	logs := map[string]note.Verifier{}
	for _, vkey := range flag.Args() {
		verifier, err := note.NewVerifier(vkey)
		check(err)
		logs[verifier.Name()] = verifier
	}
	w, err := witness.New(ctx, witness.Opts{
		Persistence: inmemory.New(),
		Signers:     signers,
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			verifier, known := logs[origin]
			return verifier, known, nil
		},
	})
	check(err)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	listener, err := net.Listen("tcp", *listen)
	check(err)
	fmt.Println("url", "http://"+listener.Addr().String())
	check(http.Serve(listener, mux))
}

// load gives signer and verifier key of each kind, which it makes and keeps where they do not exist yet.
func load() [][2]string {
	if _, err := os.Stat(*keys); err != nil {
		skey, vkey, err := note.GenerateKey(rand.Reader, *name)
		check(err)
		vkey, err = f_note.VKeyToCosignatureV1(vkey)
		check(err)
		pq, pqVkey, err := f_note.GenerateMLDSAKey(*name)
		check(err)
		check(os.WriteFile(*keys, []byte(strings.Join([]string{skey, vkey, pq, pqVkey}, "\n")), 0o600))
	}
	text, err := os.ReadFile(*keys)
	check(err)
	lines := strings.Split(string(text), "\n")
	return [][2]string{{lines[0], lines[1]}, {lines[2], lines[3]}}
}

func signerOf(skey string) (note.Signer, error) {
	if signer, err := f_note.NewMLDSASigner(skey); err == nil {
		return signer, nil
	}
	return f_note.NewSignerForCosignatureV1(skey)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
