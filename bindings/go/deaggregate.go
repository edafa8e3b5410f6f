package kinesisaggregation

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"unicode/utf8"
)

// A Record is a Kinesis record, as GetRecords and Lambda events have it.
type Record struct {
	// PartitionKey is empty for a record that the stream stores without one.
	PartitionKey   string
	SequenceNumber string
	// Data are the bytes: base64 already decoded.
	Data []byte
}

// Options say how to read. The zero value reads everything.
type Options struct {
	// HashKeyRange is the shard's, START-END in decimal, both included: an aggregate with a user record outside is lost,
	// as in the KCL.
	HashKeyRange string
	// Salvage goes on after a bad user record of an aggregate, where the KCL stops. Each one is a loss.
	Salvage bool
	// SalvageDamaged opens damaged aggregates (wrong digest, cut short, malformed), which the KCL passes on as plain
	// records. There is always a loss, and any byte of the user records may be wrong: they are Damaged. Do not turn it on or
	// off while a checkpoint lies inside a damaged aggregate.
	SalvageDamaged bool
	// After skips what is at or below this position: SEQUENCE:SUB, or SEQUENCE for the end of that Kinesis record.
	After string
}

// A UserRecord is what an application put. A plain Kinesis record comes out as one, too.
type UserRecord struct {
	PartitionKey string
	// ExplicitHashKey is as it was written. Kinesis does not give that of a plain record back.
	ExplicitHashKey    string
	HasExplicitHashKey bool
	// Data are a part of the Kinesis record's.
	Data []byte
	// SubSequenceNumber is the place in the Kinesis record, counted from 0; lost user records count too.
	SubSequenceNumber int
	// Aggregated tells whether it came out of an aggregate.
	Aggregated bool
	// Damaged tells whether any byte of the key and the data may be wrong: only with Options.SalvageDamaged.
	Damaged bool
	// RecordIndex is the Kinesis record's place in the input.
	RecordIndex int
}

// A LossKind says why user records are lost.
type LossKind int

// The kinds of losses. There may be more in later versions.
const (
	// The hash key is outside the shard's range: the KCL silently drops the whole Kinesis record.
	OutOfRange LossKind = iota
	// A key index is beyond its table: the KCL gives up the rest of the Kinesis record.
	PartitionKeyIndex
	ExplicitHashKeyIndex
	// The explicit hash key is not an integer: the KCL gives up the rest.
	ExplicitHashKey
	// It is an integer that no shard owns: the KCL silently drops the whole Kinesis record.
	ExplicitHashKeyNumber
	// With Options.SalvageDamaged: the digest is wrong. No user record is missing, but any byte may be wrong.
	DigestMismatch
	// With Options.SalvageDamaged: it cannot be read from Offset on. How many user records are lost is unknown.
	Malformed
)

// A Loss is user records that the KCL would not deliver, in place of the first of them.
type Loss struct {
	Kind LossKind
	// RecordIndex is the Kinesis record's place in the input, SubSequenceNumber that of the user record that causes the
	// loss in the Kinesis record.
	RecordIndex, SubSequenceNumber int
	// Start and End are the sub-sequence numbers of all that is lost, End not included.
	Start, End int
	// Offset is where the causing user record starts, in bytes from the start of the Kinesis record's data.
	Offset int
	reason string
}

// Error says what is lost, and why. It shows no data and no keys.
func (l *Loss) Error() string {
	return fmt.Sprintf("user record %d of Kinesis record %d, at byte %d: %s", l.SubSequenceNumber, l.RecordIndex, l.Offset, l.reason)
}

// The numbers of a row, of a Kinesis record's line, and of a loss; what a row has in place of a partition key; and what a
// line has as the outcome of a damaged aggregate that was opened.
const (
	rowNumbers, lineNumbers, lossNumbers = 5, 5, 8
	plain, loss                          = ^uint32(0), ^uint32(1)
	damaged                              = 9
)

// A Reader reads Kinesis records. It may be used by many goroutines at once.
type Reader struct{ *library }

// NewReader compiles the library.
func NewReader(ctx context.Context) (*Reader, error) {
	library, err := compile(ctx, readWasm)
	if err != nil {
		return nil, err
	}
	return &Reader{library}, nil
}

// Close frees everything. What was read stays valid.
func (r *Reader) Close(ctx context.Context) error {
	return r.close(ctx)
}

// Deaggregate reads a page of GetRecords, or any other set of Kinesis records. The user records and losses come in order,
// and are made one at a time.
//
// It fails for options that make no sense, and for records of more than 256 MiB together.
func (r *Reader) Deaggregate(ctx context.Context, records []Record, options Options) (iter.Seq2[UserRecord, *Loss], error) {
	var a *answer
	err := r.with(ctx, func(c *core) (err error) {
		a, err = c.ask(ctx, readRequest(records, options), "read")
		return err
	})
	if err != nil {
		return nil, err
	}
	return func(yield func(UserRecord, *Loss) bool) { a.each(records, yield) }, nil
}

// The flags of a request to read.
const (
	salvage        = 1
	salvageDamaged = 4
)

func readRequest(records []Record, options Options) *request {
	request := newRequest(6 + 4*len(records))
	flags := 0
	if options.Salvage {
		flags |= salvage
	}
	if options.SalvageDamaged {
		flags |= salvageDamaged
	}
	request.number(flags)
	request.part(options.HashKeyRange)
	request.part(options.After)
	request.number(len(records))
	for _, record := range records {
		request.bytes(record.Data)
		if options.After == "" {
			request.part("")
		} else {
			request.part(record.SequenceNumber)
		}
	}
	return request
}

// each makes the user records from the tables.
func (a *answer) each(records []Record, yield func(UserRecord, *Loss) bool) {
	row, keyStart, textStart := 0, 0, 0
	for index, record := range records {
		line := a.records[index*lineNumbers:]
		rowEnd, keyEnd, textEnd := int(line[2]), int(line[3]), int(line[4])
		keys := split(string(a.text[textStart:textEnd]), a.keys[keyStart:keyEnd])
		for ; row < rowEnd; row += rowNumbers {
			numbers := a.rows[row : row+rowNumbers]
			if numbers[2] == loss {
				if !yield(UserRecord{}, a.loss(int(numbers[0]), index)) {
					return
				}
				continue
			}
			user := UserRecord{
				PartitionKey:      record.PartitionKey,
				Data:              record.Data,
				SubSequenceNumber: int(numbers[4]),
				RecordIndex:       index,
			}
			if numbers[2] != plain {
				user.Aggregated, user.Damaged = true, line[0] == damaged
				user.PartitionKey = keys[numbers[2]]
				user.Data = record.Data[numbers[0]:numbers[1]:numbers[1]]
				if numbers[3] != 0 {
					user.ExplicitHashKey, user.HasExplicitHashKey = keys[numbers[3]-1], true
				}
			}
			if !yield(user, nil) {
				return
			}
		}
		keyStart, textStart = keyEnd, textEnd
	}
}

// split cuts a text at ends that are counted in UTF-16 units, as JavaScript has them.
func split(text string, ends []uint32) []string {
	keys := make([]string, len(ends))
	at, units := 0, uint32(0)
	for n, end := range ends {
		start := at
		for units < end {
			character, size := utf8.DecodeRuneInString(text[at:])
			at += size
			units++
			if character > 0xFFFF {
				units++
			}
		}
		keys[n] = text[start:at]
	}
	return keys
}

func (a *answer) loss(at, index int) *Loss {
	numbers := a.losses[at*lossNumbers:]
	return &Loss{
		Kind:              LossKind(numbers[0]),
		RecordIndex:       index,
		SubSequenceNumber: int(numbers[2]),
		Start:             int(numbers[3]),
		End:               int(numbers[4]),
		Offset:            int(numbers[5]),
		reason:            string(a.bytes[numbers[6]:numbers[7]]),
	}
}

// Position is the text of a position for Options.After.
func Position(sequenceNumber string, subSequenceNumber int) string {
	return sequenceNumber + ":" + strconv.Itoa(subSequenceNumber)
}
