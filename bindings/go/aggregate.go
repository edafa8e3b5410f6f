package kinesisaggregation

import (
	"context"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// A PutRecord is a user record as an application puts it.
type PutRecord struct {
	// PartitionKey has 1 to 256 characters.
	PartitionKey string
	// ExplicitHashKey decides the shard in place of the partition key: 0 to 2^128-1 in decimal, or empty.
	ExplicitHashKey string
	Data            []byte
}

// A Shard is one of a stream's, as ListShards describes it.
type Shard struct {
	ID string
	// HashKeyRange is START-END in decimal, both included.
	HashKeyRange string
	// Closed is set if the shard has an ending sequence number.
	Closed bool
}

// AggregateOptions say which user records share an aggregate, and how large it may be. By the zero value those of one hash
// key do, which no split or merge can tear apart.
type AggregateOptions struct {
	// Shards are all of the stream's: user records share an aggregate if one open shard owns them all.
	Shards []Shard
	// MixingShards lets an aggregate hold any user records. The KCL drops such an aggregate whole, and silently, unless
	// the stream has one shard for ever.
	MixingShards bool
	// MaxSize is the most bytes of an aggregate; 0 means 51200, as in the KPL.
	MaxSize int
	// MaxCount is the most user records of an aggregate; 0 means 2^32-1, as in the KPL.
	MaxCount int
	// MaxRecordSize is the most bytes of a Kinesis record, its key included; 0 means 1 MiB. At most 10 MiB.
	MaxRecordSize int
	// OuterKey is the partition key of aggregates; empty means "a", as in the KPL.
	OuterKey string
	// OuterKeyFirst takes that of the first user record in its place.
	OuterKeyFirst bool
}

// A KinesisRecord is to be put, with its explicit hash key.
type KinesisRecord struct {
	PartitionKey, ExplicitHashKey string
	Data                          []byte
	// UserRecords is how many it holds.
	UserRecords int
}

// A Refusal says why a user record cannot be put. It shows no data and no keys.
type Refusal struct {
	// Index is the user record's place in the input.
	Index  int
	Reason string
}

// A Writer packs user records. It may be used by many goroutines at once.
type Writer struct{ *library }

// NewWriter compiles the library.
func NewWriter(ctx context.Context) (*Writer, error) {
	library, err := compile(ctx, writeWasm)
	if err != nil {
		return nil, err
	}
	return &Writer{library}, nil
}

// Close frees everything. What was written stays valid.
func (w *Writer) Close(ctx context.Context) error {
	return w.close(ctx)
}

// Aggregate packs user records into Kinesis records, as the KPL does. Those that cannot be put are refused; the others are
// packed as if they had not been there.
//
// It fails for options or shards that make no sense, and for user records of more than 256 MiB together.
func (w *Writer) Aggregate(ctx context.Context, records []PutRecord, options AggregateOptions) ([]KinesisRecord, []Refusal, error) {
	settings, err := aggregatorRequest(options)
	if err != nil {
		return nil, nil, err
	}
	places, refusals := puttable(records)
	var a *answer
	err = w.with(ctx, func(c *core) error {
		made, err := c.ask(ctx, settings, "aggregator")
		if err != nil {
			return err
		}
		handle := uint64(made.status)
		if a, err = c.ask(ctx, pushRequest(records, places), "push", handle, 1); err != nil {
			return err
		}
		_, err = c.call(ctx, "close", handle)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for at := 0; at < len(a.losses); at += 3 {
		reason := string(a.text[a.losses[at+1]:a.losses[at+2]])
		refusals = append(refusals, Refusal{places[a.losses[at]], reason})
	}
	slices.SortFunc(refusals, func(one, two Refusal) int { return one.Index - two.Index })
	return a.kinesisRecords(), refusals, nil
}

// The flags of an aggregator, and the core's word for the KPL's own setting.
const (
	mixingShards, byShardMap, outerKeyFirst, outerKeyGiven = 1, 2, 4, 8
	kplsOwn                                                = -1
)

func aggregatorRequest(options AggregateOptions) (*request, error) {
	flags := 0
	if options.MixingShards {
		flags |= mixingShards
	}
	if options.Shards != nil {
		flags |= byShardMap
	}
	if options.OuterKeyFirst {
		flags |= outerKeyFirst
	}
	if options.OuterKey != "" {
		flags |= outerKeyGiven
	}
	if flags&mixingShards != 0 && flags&byShardMap != 0 {
		return nil, fmt.Errorf("either Shards or MixingShards")
	}
	if flags&outerKeyFirst != 0 && flags&outerKeyGiven != 0 {
		return nil, fmt.Errorf("either OuterKey or OuterKeyFirst")
	}
	request := newRequest(7 + 5*len(options.Shards))
	request.number(flags)
	for _, size := range []int{options.MaxSize, options.MaxCount, options.MaxRecordSize} {
		switch {
		case size == 0:
			request.number(kplsOwn)
		case size < 0 || uint64(size) >= math.MaxUint32:
			return nil, fmt.Errorf("%d is no size", size)
		default:
			request.number(size)
		}
	}
	request.part(options.OuterKey)
	request.number(len(options.Shards))
	for _, shard := range options.Shards {
		request.part(shard.ID)
		request.part(shard.HashKeyRange)
		if shard.Closed {
			request.number(1)
		} else {
			request.number(0)
		}
	}
	return request, nil
}

// puttable gives the places of the records whose texts are UTF-8, and refuses the others: the core takes none of a request
// that holds one.
func puttable(records []PutRecord) (places []int, refusals []Refusal) {
	for index, record := range records {
		switch {
		case !utf8.ValidString(record.PartitionKey):
			refusals = append(refusals, Refusal{index, "its partition key is not UTF-8"})
		case !utf8.ValidString(record.ExplicitHashKey):
			refusals = append(refusals, Refusal{index, "its explicit hash key is not UTF-8"})
		default:
			places = append(places, index)
		}
	}
	return places, refusals
}

func pushRequest(records []PutRecord, places []int) *request {
	request := newRequest(1 + 6*len(places))
	request.number(len(places))
	for _, place := range places {
		record := records[place]
		request.part(record.PartitionKey)
		request.part(record.ExplicitHashKey)
		request.bytes(record.Data)
	}
	return request
}

func (a *answer) kinesisRecords() []KinesisRecord {
	records := make([]KinesisRecord, 0, len(a.records)/lineNumbers)
	start := uint32(0)
	for at := 0; at < len(a.records); at += lineNumbers {
		line := a.records[at : at+lineNumbers]
		keyStart, keyEnd, hashKeyEnd, end := line[0], line[1], line[2], line[3]
		records = append(records, KinesisRecord{
			PartitionKey:    string(a.text[keyStart:keyEnd]),
			ExplicitHashKey: string(a.text[keyEnd:hashKeyEnd]),
			Data:            a.bytes[start:end:end],
			UserRecords:     int(line[4]),
		})
		start = end
	}
	return records
}
