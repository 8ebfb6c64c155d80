package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// An opinion is what a witness answered to a checkpoint.
type opinion struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
	Size   int64  `json:"size"`
}

// submit asks a witness to cosign the checkpoint of a log, with a proof that it continues what had this size.
func submit(log source, key note.Verifier, witness string, old int64) (opinion, error) {
	signed, err := log.read("checkpoint")
	if err != nil {
		return opinion{}, err
	}
	tree, err := openCheckpoint(signed, key)
	if err != nil {
		return opinion{}, err
	}
	var proof tlog.TreeProof
	if 0 < old && old < tree.N {
		if proof, err = tlog.ProveTree(tree.N, old, tlog.TileHashReader(tree, tiles{log})); err != nil {
			return opinion{}, err
		}
	}
	body := fmt.Sprintf("old %d\n", old)
	for _, hash := range proof {
		body += hash.String() + "\n"
	}
	response, err := http.Post(witness+"/add-checkpoint", "text/plain", strings.NewReader(body+"\n"+string(signed)))
	if err != nil {
		return opinion{}, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return opinion{Status: response.StatusCode, Body: string(answer), Size: tree.N}, err
}
