package kinesisaggregation

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Both are built from bindings/wasm by bindings/go/build.
var (
	//go:embed read.wasm
	readWasm []byte
	//go:embed write.wasm
	writeWasm []byte
)

// maxInput is what is handed over at once, with room for more than the 10 MiB that a stream stores in a record.
const maxInput = 256 << 20

// A library is compiled WebAssembly. It may be used by many goroutines at once: each call has an instance of its own, which
// is kept for later calls.
type library struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule

	mu   sync.Mutex
	idle []*core
}

func compile(ctx context.Context, wasm []byte) (*library, error) {
	runtime := wazero.NewRuntime(ctx)
	compiled, err := runtime.CompileModule(ctx, wasm)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the library cannot be compiled: %w", err), runtime.Close(ctx))
	}
	return &library{runtime: runtime, compiled: compiled}, nil
}

func (l *library) close(ctx context.Context) error {
	return l.runtime.Close(ctx)
}

// core is one instance. Its requests and answers are tables of 32-bit numbers: see bindings/wasm/src/lib.rs.
type core struct {
	module    api.Module
	functions map[string]api.Function
}

func (l *library) take(ctx context.Context) (*core, error) {
	l.mu.Lock()
	if last := len(l.idle) - 1; last >= 0 {
		c := l.idle[last]
		l.idle = l.idle[:last]
		l.mu.Unlock()
		return c, nil
	}
	l.mu.Unlock()
	module, err := l.runtime.InstantiateModule(ctx, l.compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, fmt.Errorf("no instance of the library: %w", err)
	}
	return &core{module, map[string]api.Function{}}, nil
}

// with runs use on an instance that nobody else has, and keeps it unless it has failed.
func (l *library) with(ctx context.Context, use func(*core) error) error {
	c, err := l.take(ctx)
	if err != nil {
		return err
	}
	if err := use(c); err != nil {
		return errors.Join(err, c.module.Close(ctx))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, c)
	return nil
}

// ask sends a request to the export of this name.
func (c *core) ask(ctx context.Context, r *request, name string, arguments ...uint64) (*answer, error) {
	if err := c.send(ctx, r); err != nil {
		return nil, err
	}
	return c.answer(ctx, name, arguments...)
}

// call runs an export; the result is 0 for one that returns nothing.
func (c *core) call(ctx context.Context, name string, arguments ...uint64) (uint32, error) {
	function, ok := c.functions[name]
	if !ok {
		// Looking one up makes a stack for it.
		function = c.module.ExportedFunction(name)
		c.functions[name] = function
	}
	results, err := function.Call(ctx, arguments...)
	if err != nil {
		return 0, fmt.Errorf("the records need more memory than there is: %w", err)
	}
	if len(results) == 0 {
		return 0, nil
	}
	return uint32(results[0]), nil
}

// A request is numbers, then the texts and bytes that they point to.
type request struct {
	numbers []uint32
	parts   []string
	end     int
}

// newRequest makes one of exactly count numbers.
func newRequest(count int) *request {
	return &request{numbers: make([]uint32, 0, count), end: 4 * count}
}

func (r *request) number(n int) {
	r.numbers = append(r.numbers, uint32(n))
}

func (r *request) part(text string) {
	r.number(r.end)
	r.end += len(text)
	r.number(r.end)
	r.parts = append(r.parts, text)
}

// bytes is part without a copy: nothing is changed before the request is sent.
func (r *request) bytes(data []byte) {
	r.part(unsafe.String(unsafe.SliceData(data), len(data)))
}

func (c *core) send(ctx context.Context, r *request) error {
	if r.end > maxInput {
		return fmt.Errorf("%d bytes at once are more than %d", r.end, maxInput)
	}
	address, err := c.call(ctx, "input", uint64(r.end))
	if err != nil {
		return err
	}
	memory, ok := c.module.Memory().Read(address, uint32(r.end))
	if !ok || address == 0 {
		return fmt.Errorf("no memory for %d bytes", r.end)
	}
	for n, number := range r.numbers {
		binary.LittleEndian.PutUint32(memory[4*n:], number)
	}
	at := 4 * len(r.numbers)
	for _, part := range r.parts {
		at += copy(memory[at:], part)
	}
	return nil
}

// answer is what a call found, copied out of the instance's memory.
type answer struct {
	status                      uint32
	rows, records, keys, losses []uint32
	text, bytes                 []byte
}

// headerNumbers are the status, then address and length of each table.
const headerNumbers = 13

// nonsense is the status of a request that makes no sense: the text says why.
const nonsense = 1

// answer calls the export of this name.
func (c *core) answer(ctx context.Context, name string, arguments ...uint64) (*answer, error) {
	address, err := c.call(ctx, name, arguments...)
	if err != nil {
		return nil, err
	}
	header, err := c.numbers(address, headerNumbers)
	if err != nil {
		return nil, err
	}
	a := &answer{status: header[0]}
	for n, table := range []*[]uint32{&a.rows, &a.records, &a.keys, &a.losses} {
		if *table, err = c.numbers(header[1+2*n], header[2+2*n]); err != nil {
			return nil, err
		}
	}
	for n, table := range []*[]byte{&a.text, &a.bytes} {
		bytes, ok := c.module.Memory().Read(header[9+2*n], header[10+2*n])
		if !ok {
			return nil, errOutside
		}
		*table = append([]byte(nil), bytes...)
	}
	if a.status == nonsense {
		return nil, errors.New(string(a.text))
	}
	return a, nil
}

var errOutside = errors.New("the answer is outside the instance's memory")

func (c *core) numbers(address, count uint32) ([]uint32, error) {
	if count > 1<<29 {
		return nil, errOutside
	}
	bytes, ok := c.module.Memory().Read(address, count*4)
	if !ok {
		return nil, errOutside
	}
	numbers := make([]uint32, count)
	for n := range numbers {
		numbers[n] = binary.LittleEndian.Uint32(bytes[4*n:])
	}
	return numbers, nil
}
