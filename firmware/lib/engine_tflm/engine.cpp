// The engine contract, implemented by TensorFlow Lite Micro's interpreter.
#include "engine.h"

#include <cstring>
#include <new>

#include "constants.h"
#include "crc32.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "tflm_model.h"

namespace vigil::engine {
namespace {

// Static storage for placement new, so that nothing is on the heap.
alignas(16) std::uint8_t arena[model::kArenaBytes];
alignas(model::OpResolver) std::uint8_t resolver_storage[sizeof(model::OpResolver)];
alignas(tflite::MicroInterpreter) std::uint8_t
    interpreter_storage[sizeof(tflite::MicroInterpreter)];

tflite::MicroInterpreter* interpreter = nullptr;
bool ready = false;

// TensorFlow Lite Micro does not verify offsets, so a damaged flatbuffer must not reach it.
bool model_is_whole() {
    return link::crc32(0, Span<const std::uint8_t>(model::kModel)) == model::kModelCrc32;
}

bool all_registered(const tflite::Model& model, const model::OpResolver& resolver) {
    for (const tflite::OperatorCode* code : *model.operator_codes()) {
        const auto op = static_cast<tflite::BuiltinOperator>(
            code->builtin_code() > code->deprecated_builtin_code()
                ? code->builtin_code()
                : static_cast<tflite::BuiltinOperator>(code->deprecated_builtin_code()));
        if (resolver.FindOp(op) == nullptr) {
            return false;
        }
    }
    return true;
}

bool is_window(const TfLiteTensor* tensor, std::uint32_t size) {
    return tensor != nullptr && tensor->type == kTfLiteInt8 && tensor->bytes == size;
}

}  // namespace

Status begin() {
    ready = false;
    if (interpreter != nullptr) {
        interpreter->~MicroInterpreter();
        interpreter = nullptr;
    }
    if (!model_is_whole()) {
        return Status::bad_model;
    }
    const tflite::Model* model = tflite::GetModel(model::kModel);
    if (model->version() != TFLITE_SCHEMA_VERSION) {
        return Status::bad_model;
    }
    auto* resolver = new (resolver_storage) model::OpResolver();
    if (model::register_operators(*resolver) != kTfLiteOk || !all_registered(*model, *resolver)) {
        return Status::unknown_operator;
    }
    interpreter =
        new (interpreter_storage) tflite::MicroInterpreter(model, *resolver, arena, sizeof arena);
    if (interpreter->AllocateTensors() != kTfLiteOk) {
        return Status::arena_too_small;
    }
    if (!is_window(interpreter->input(0), model::kInputSize) ||
        !is_window(interpreter->output(0), model::kOutputSize)) {
        return Status::shape_mismatch;
    }
    ready = true;
    return Status::ok;
}

Status run(Span<const std::int8_t> input, Span<std::int8_t> output) {
    if (!ready) {
        return Status::not_begun;
    }
    if (input.size() != model::kInputSize || output.size() != model::kOutputSize) {
        return Status::shape_mismatch;
    }
    // The interpreter keeps recurrent state between calls; every window starts with a state of
    // zero.
    if (interpreter->Reset() != kTfLiteOk) {
        return Status::failed;
    }
    std::memcpy(interpreter->input(0)->data.int8, input.data(), input.size());
    if (interpreter->Invoke() != kTfLiteOk) {
        return Status::failed;
    }
    std::memcpy(output.data(), interpreter->output(0)->data.int8, output.size());
    return Status::ok;
}

Facts facts() {
    const auto used =
        ready ? static_cast<std::uint32_t>(interpreter->arena_used_bytes()) : std::uint32_t{0};
    return {"tflm", model::kModelBytes, model::kArenaBytes, used};
}

const char* describe(Status status) {
    switch (status) {
        case Status::ok:
            return "ok";
        case Status::bad_model:
            return "the model is damaged or has another schema version";
        case Status::unknown_operator:
            return "an operator is not registered";
        case Status::arena_too_small:
            return "the tensors do not fit the arena";
        case Status::shape_mismatch:
            return "the window's size differs from the model's";
        case Status::not_begun:
            return "the engine has not begun";
        default:
            return "failed";
    }
}

}  // namespace vigil::engine
