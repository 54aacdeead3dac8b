// The engine contract: an int8 window in, an int8 window out (docs/engine.md).
//
// Two libraries implement these functions: engine_tflm (TensorFlow Lite Micro's interpreter) and
// engine_compiled (the model as C++, generated ahead of time). An image links exactly one of them;
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
    unknown_operator = 2,  // an operator is not registered
    arena_too_small = 3,   // AllocateTensors() needs more than the arena
    shape_mismatch = 4,    // input or output differs from the int8 window in the manifest
    failed = 5,            // an operator reported an error while running
    not_begun = 6,         // run() before begin() has returned ok
};

struct Facts {
    const char* name;           // "tflm" or "compiled"
    std::uint32_t model_bytes;  // flatbuffer in flash (tflm) or weights and tables (compiled)
    std::uint32_t arena_bytes;  // static working memory
    std::uint32_t arena_used;   // the part in use, known after begin()
};
static_assert(sizeof(void*) != 4 || sizeof(Facts) == 16, "tools/measure/bench reads four words");

// Checks the model (its CRC-32 before anything parses it) and prepares to run. May be called again;
// allocates nothing from the heap.
Status begin();

// Computes one window. `input` and `output` have the model's lengths (model::kInputSize,
// model::kOutputSize in the generated constants); any other length is shape_mismatch. They must not
// overlap.
Status run(Span<const std::int8_t> input, Span<std::int8_t> output);

Facts facts();

// The status as text for a message.
const char* describe(Status status);

}  // namespace vigil::engine
