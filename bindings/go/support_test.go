package kinesisaggregation

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

var ctx = context.Background()

func newReader(t testing.TB) *Reader { return opened(t, NewReader) }

func newWriter(t testing.TB) *Writer { return opened(t, NewWriter) }

// opened is closed after the test.
func opened[T interface{ Close(context.Context) error }](t testing.TB, open func(context.Context) (T, error)) T {
	t.Helper()
	it, err := open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { it.Close(ctx) })
	return it
}

// A vector is what was put into the real KPL, and the Kinesis records that came of it.
type vector struct {
	Name string
	Put  []struct {
		PartitionKey string `json:"partition_key"`
		Data         hexBytes
		Refused      any
	}
	KinesisRecords []struct {
		PartitionKey    string    `json:"partition_key"`
		ExplicitHashKey string    `json:"explicit_hash_key"`
		HashRange       [2]string `json:"hash_range"`
		Data            hexBytes
	} `json:"kinesis_records"`
}

// vectors reads files of them. It leaves out the one whose data are an aggregate of the user's own, which consumers open.
func vectors(t testing.TB, files ...string) []vector {
	t.Helper()
	var all []vector
	for _, file := range files {
		text, err := os.ReadFile("../../tests/vectors/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var some []vector
		if err := json.Unmarshal(text, &some); err != nil {
			t.Fatal(err)
		}
		for _, v := range some {
			if v.Name != "data_is_aggregate_lone" {
				all = append(all, v)
			}
		}
	}
	return all
}

type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}
