// The engine contract: int8 window in, int8 window out.
//
// Two libraries implement these functions, engine_tflm (TensorFlow Lite Micro's interpreter) and
// engine_compiled (the model turned into C++ ahead of time). An image links exactly one of them;
// swapping them changes no output byte. Neither allocates after begin(), and neither keeps a
// pointer to the caller's windows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil::engine {

enum class Status : std::uint8_t {
    ok = 0,
    bad_model = 1,         // length, CRC-32 or schema version of the model is wrong
    unknown_operator = 2,  // an operator that was not registered
    arena_too_small = 3,   // AllocateTensors() asked for more than the arena holds
    shape_mismatch = 4,    // input or output is not the int8 window that the manifest describes
    failed = 5,            // an operator reported an error while running
    not_begun = 6,         // run() before a begin() that returned ok
};

struct Facts {
    const char* name;           // "tflm" or "compiled"
    std::uint32_t model_bytes;  // flatbuffer in flash (tflm) or weights and tables (compiled)
    std::uint32_t arena_bytes;  // static working memory set aside
    std::uint32_t arena_used;   // of which used, known after begin()
};

// Checks the model (length and CRC-32 before anything parses it) and prepares to run. May be
// called again; allocates nothing from the heap.
Status begin();

// One inference. `input` and `output` have the lengths that the model was converted with
// (model::kInputSize, model::kOutputSize in the generated constants); any other length is
// shape_mismatch. They may be the same memory only if the engine has no use for the input after
// its first layer, which callers must not assume.
Status run(Span<const std::int8_t> input, Span<std::int8_t> output);

Facts facts();

// A word for a person.
const char* describe(Status status);

}  // namespace vigil::engine
