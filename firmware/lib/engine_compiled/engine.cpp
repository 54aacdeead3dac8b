// The engine contract, implemented by the model's generated source.
#include "engine.h"

#include "compiled_model.h"

namespace vigil::engine {

// The converter has checked the model, so nothing can fail here.
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
            return "the window's size differs from the model's";
        default:
            return "failed";
    }
}

}  // namespace vigil::engine
