// The engine contract, kept by the model's own generated source.
#include "engine.h"

#include "compiled_model.h"

namespace vigil::engine {

// Everything was checked when the source was generated; there is nothing left that can fail.
Status begin() {
    return Status::ok;
}

Status run(Span<const std::int8_t> input, Span<std::int8_t> output) {
    if (input.size() != model::compiled::kInputSize ||
        output.size() != model::compiled::kOutputSize) {
        return Status::shape_mismatch;
    }
    model::compiled::infer(input.data(), output.data());
    return Status::ok;
}

Facts facts() {
    return {"compiled", model::compiled::kConstantBytes, model::compiled::kArenaBytes,
            model::compiled::kArenaBytes};
}

const char* describe(Status status) {
    switch (status) {
        case Status::ok:
            return "ok";
        case Status::shape_mismatch:
            return "window of another size than the model's";
        default:
            return "failed";
    }
}

}  // namespace vigil::engine
