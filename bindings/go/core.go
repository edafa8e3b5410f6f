package kinesisaggregation

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Built from bindings/wasm by bindings/go/build.
//
//go:embed read.wasm
var readWasm []byte

// maxInput is what is handed over at once, with room for more than the 10 MiB that a stream stores in a record.
const maxInput = 256 << 20

// A Reader reads Kinesis records. It may be used by many goroutines at once: each call has an instance of its own, which
// is kept for later calls.
type Reader struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule

	mu   sync.Mutex
	idle []*core
}

// NewReader compiles the library.
func NewReader(ctx context.Context) (*Reader, error) {
	runtime := wazero.NewRuntime(ctx)
	compiled, err := runtime.CompileModule(ctx, readWasm)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the library cannot be compiled: %w", err), runtime.Close(ctx))
	}
	return &Reader{runtime: runtime, compiled: compiled}, nil
}

// Close frees everything. What was read stays valid.
func (r *Reader) Close(ctx context.Context) error {
	return r.runtime.Close(ctx)
}

// core is one instance. Its requests and answers are tables of 32-bit numbers: see bindings/wasm/src/lib.rs.
type core struct {
	memory      api.Memory
	input, read api.Function
}

func (r *Reader) take(ctx context.Context) (*core, error) {
	r.mu.Lock()
	if last := len(r.idle) - 1; last >= 0 {
		c := r.idle[last]
		r.idle = r.idle[:last]
		r.mu.Unlock()
		return c, nil
	}
	r.mu.Unlock()
	module, err := r.runtime.InstantiateModule(ctx, r.compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, fmt.Errorf("no instance of the library: %w", err)
	}
	return &core{module.Memory(), module.ExportedFunction("input"), module.ExportedFunction("read")}, nil
}

// give keeps an instance. One that has failed is not given back.
func (r *Reader) give(c *core) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, c)
}

// request gives the memory for a request.
func (c *core) request(ctx context.Context, length int) ([]byte, error) {
	if length > maxInput {
		return nil, fmt.Errorf("%d bytes at once are more than %d", length, maxInput)
	}
	results, err := c.input.Call(ctx, uint64(length))
	if err != nil {
		return nil, fmt.Errorf("the records need more memory than there is: %w", err)
	}
	memory, ok := c.memory.Read(uint32(results[0]), uint32(length))
	if !ok || results[0] == 0 {
		return nil, fmt.Errorf("no memory for %d bytes", length)
	}
	return memory, nil
}

// answer is what a call found, copied out of the instance's memory.
type answer struct {
	rows, records, keys, losses []uint32
	text, bytes                 []byte
}

// headerNumbers are the status, then address and length of each table.
const headerNumbers = 13

func (c *core) answer(ctx context.Context) (*answer, error) {
	results, err := c.read.Call(ctx)
	if err != nil {
		return nil, fmt.Errorf("the records need more memory than there is: %w", err)
	}
	header, err := c.numbers(uint32(results[0]), headerNumbers)
	if err != nil {
		return nil, err
	}
	a := new(answer)
	for n, table := range []*[]uint32{&a.rows, &a.records, &a.keys, &a.losses} {
		if *table, err = c.numbers(header[1+2*n], header[2+2*n]); err != nil {
			return nil, err
		}
	}
	for n, table := range []*[]byte{&a.text, &a.bytes} {
		bytes, ok := c.memory.Read(header[9+2*n], header[10+2*n])
		if !ok {
			return nil, errOutside
		}
		*table = append([]byte(nil), bytes...)
	}
	if header[0] != 0 {
		return nil, errors.New(string(a.text))
	}
	return a, nil
}

var errOutside = errors.New("the answer is outside the instance's memory")

func (c *core) numbers(address, count uint32) ([]uint32, error) {
	if count > 1<<29 {
		return nil, errOutside
	}
	bytes, ok := c.memory.Read(address, count*4)
	if !ok {
		return nil, errOutside
	}
	numbers := make([]uint32, count)
	for n := range numbers {
		numbers[n] = binary.LittleEndian.Uint32(bytes[4*n:])
	}
	return numbers, nil
}
