//! Reads and writes the record format of the Amazon Kinesis Producer Library through a handful of
//! plain functions: what hosts in other languages load as WebAssembly.
//!
//! A host crosses the border once a batch. It asks for room with `input`, writes its request
//! there, calls one of the functions, and finds a table of numbers at the address it returns: see
//! [`Output`]. Positions in the table count from the start of what the host gave, so that it makes
//! views of its own memory; nothing has to be freed.
//!
//! Everything is kept for the next call, and both buffers are overwritten by it: copy what you need
//! before you call again. Memory grows to the largest batch and stays there.
//!
//! All numbers are 32 bits, little-endian. A text or a run of bytes in a request is two numbers, its
//! start and its end, from the start of the input. Nothing in a request can make these functions
//! panic; a request that makes no sense is answered with status 1 and a message.
//!
//! | request | numbers |
//! |---|---|
//! | `read` | flags (1: salvage; 2: judge nothing but indices, as AWS's readers do; 4: salvage damaged aggregates too), hash key range `START-END` (text), position to resume after `SEQUENCE:SUB` (text), count; then for each Kinesis record its data (bytes) and its sequence number (text, empty if there is none) |
//! | `aggregator` | flags (1: mixing shards, 2: by shard map, 4: outer key is the first one, 8: outer key is given), maximum size, maximum count, maximum size of a Kinesis record (each `FFFFFFFF` for the KPL's), outer key (text), count; then for each shard its id (text), hash key range `START-END` (text), and 1 if it is closed |
//! | `push`, `encode` | count; then for each user record its partition key (text), explicit hash key (text, empty if there is none), data (bytes) |
//! | `inspect` | what was found (bytes), the shards as `aws kinesis list-shards` prints them (bytes, empty if they are not known). The answer is JSON |
//! | `decompress` | the most bytes of each answer, count; then for each its data (bytes) |
#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod input;
#[cfg(feature = "inspect")]
mod inspect;
mod output;
#[cfg(feature = "write")]
#[path = "../../shared/packer.rs"]
mod packer;
#[cfg(feature = "read")]
mod read;
#[cfg(feature = "read")]
mod unjudged;
#[cfg(feature = "write")]
mod write;

#[cfg(feature = "write")]
use bytes::Bytes;
use input::Input;
pub use output::{LOSS, Output, PLAIN};
#[cfg(feature = "write")]
use write::Aggregators;

/// The state of this instance between calls.
#[derive(Default)]
pub struct Instance {
    input: Vec<u8>,
    output: Output,
    #[cfg(feature = "write")]
    aggregators: Aggregators,
}

impl Instance {
    /// Room for a request of `len` bytes; empty if there is no memory for it.
    pub fn input(&mut self, len: usize) -> &mut [u8] {
        let more = len.saturating_sub(self.input.len());
        if self.input.try_reserve_exact(more).is_err() {
            return &mut [];
        }
        if more > 0 {
            self.input.resize(len, 0);
        }
        self.input.get_mut(..len).unwrap_or_default()
    }

    /// Reads the Kinesis records of the request.
    #[cfg(feature = "read")]
    pub fn read(&mut self) -> &Output {
        self.output.clear();
        let answer = read::read(Input::new(&self.input), &mut self.output);
        self.output.settle(answer)
    }
}

#[cfg(feature = "inspect")]
impl Instance {
    /// Finds the Kinesis records in the request and explains them.
    pub fn inspect(&mut self) -> &Output {
        self.output.clear();
        let answer = inspect::inspect(Input::new(&self.input), &mut self.output);
        self.output.settle(answer)
    }

    /// Decompresses the data of the request.
    pub fn decompress(&mut self) -> &Output {
        self.output.clear();
        let answer = inspect::decompress(Input::new(&self.input), &mut self.output);
        self.output.settle(answer)
    }
}

#[cfg(feature = "write")]
impl Instance {
    /// Makes the aggregator that the request describes; its handle is the status, counted from 2.
    pub fn aggregator(&mut self) -> &Output {
        self.output.clear();
        let answer = self.aggregators.open(Input::new(&self.input));
        match answer {
            Ok(handle) => self.output.settle_with(handle),
            Err(why) => self.output.settle(Err(why)),
        }
    }

    /// Adds the user records of the request to an aggregator, and closes all if `flush`.
    pub fn push(&mut self, handle: u32, flush: bool) -> &Output {
        self.output.clear();
        // Lent to the user records, which are slices of it: they have gone when it comes back.
        let request = Bytes::from(std::mem::take(&mut self.input));
        let answer = self
            .aggregators
            .push(handle, &request, flush, &mut self.output);
        self.input = request.into();
        self.output.settle(answer)
    }

    /// Writes the user records of the request into one frame, whatever their keys.
    pub fn encode(&mut self) -> &Output {
        self.output.clear();
        let answer = write::encode(Input::new(&self.input), &mut self.output);
        self.output.settle(answer)
    }

    /// The number of user records, and of bytes, that an aggregator holds.
    pub fn buffered(&self, handle: u32) -> (usize, usize) {
        self.aggregators.buffered(handle)
    }

    /// Frees an aggregator, with what it holds.
    pub fn close(&mut self, handle: u32) {
        self.aggregators.close(handle);
    }
}

/// Where the host finds something: WebAssembly's addresses have 32 bits.
fn address<T>(of: *const T) -> u32 {
    u32::try_from(of.addr()).unwrap_or_default()
}

/// The exports. Their names are all that is unsafe about them: they take the place of any other
/// symbol of that name. In a program for the host, `read` and `close` would be taken for libc's.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "names without mangling")]
mod exports {
    use std::cell::RefCell;

    use super::{Instance, address};

    thread_local! {
        static INSTANCE: RefCell<Instance> = RefCell::default();
    }

    fn with<T: Default>(f: impl FnOnce(&mut Instance) -> T) -> T {
        // Nothing here calls back into the host, so it is never borrowed twice.
        INSTANCE
            .with(|instance| instance.try_borrow_mut().map(|mut it| f(&mut it)))
            .unwrap_or_default()
    }

    // SAFETY: of this one and those below: WebAssembly without WASI has no libc, and neither the
    // standard library nor a dependency defines or calls a symbol of these names.
    #[unsafe(no_mangle)]
    extern "C" fn input(len: u32) -> u32 {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        with(|instance| match instance.input(len) {
            [] if len > 0 => 0,
            room => address(room.as_ptr()),
        })
    }

    #[cfg(feature = "read")]
    #[unsafe(no_mangle)]
    extern "C" fn read() -> u32 {
        with(|instance| address(instance.read().header().as_ptr()))
    }

    #[cfg(feature = "inspect")]
    #[unsafe(no_mangle)]
    extern "C" fn inspect() -> u32 {
        with(|instance| address(instance.inspect().header().as_ptr()))
    }

    #[cfg(feature = "inspect")]
    #[unsafe(no_mangle)]
    extern "C" fn decompress() -> u32 {
        with(|instance| address(instance.decompress().header().as_ptr()))
    }

    #[cfg(feature = "write")]
    #[unsafe(no_mangle)]
    extern "C" fn aggregator() -> u32 {
        with(|instance| address(instance.aggregator().header().as_ptr()))
    }

    #[cfg(feature = "write")]
    #[unsafe(no_mangle)]
    extern "C" fn push(handle: u32, flush: u32) -> u32 {
        with(|instance| address(instance.push(handle, flush != 0).header().as_ptr()))
    }

    #[cfg(feature = "write")]
    #[unsafe(no_mangle)]
    extern "C" fn encode() -> u32 {
        with(|instance| address(instance.encode().header().as_ptr()))
    }

    #[cfg(feature = "write")]
    #[unsafe(no_mangle)]
    extern "C" fn buffered_count(handle: u32) -> u32 {
        with(|instance| u32::try_from(instance.buffered(handle).0).unwrap_or(u32::MAX))
    }

    #[cfg(feature = "write")]
    #[unsafe(no_mangle)]
    extern "C" fn buffered_size(handle: u32) -> u32 {
        with(|instance| u32::try_from(instance.buffered(handle).1).unwrap_or(u32::MAX))
    }

    #[cfg(feature = "write")]
    #[unsafe(no_mangle)]
    extern "C" fn close(handle: u32) {
        with(|instance| instance.close(handle));
    }
}
