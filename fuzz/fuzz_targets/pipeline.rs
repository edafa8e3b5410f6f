//! The producer's pipeline in the simulation of the ordinary tests, whose script the fuzzer's bytes
//! are: settings, what is put and when, splits and merges, and every fault of the stream.
#![no_main]

#[path = "../../producer/tests/it/laws.rs"]
mod laws;
#[path = "../../producer/tests/it/model_kcl.rs"]
mod model_kcl;
#[path = "../../producer/tests/it/model_stream.rs"]
mod model_stream;
#[path = "../../producer/tests/it/random.rs"]
mod random;
// The tests of these two are not for here, nor is what only they use.
#[allow(dead_code)]
#[path = "../../producer/tests/it/script.rs"]
mod script;
#[allow(dead_code)]
#[path = "../../producer/tests/it/sim.rs"]
mod sim;

use random::Random;
use script::Script;

libfuzzer_sys::fuzz_target!(|choices: &[u8]| {
    let mut run = sim::run(Script::of(0, Random::of_choices(choices)));
    laws::check(&mut run);
    assert!(run.broken.is_empty(), "{:#?}", run.broken);
});
