// Runs the model on the windows of inputs.bin, and writes to stack.bin the most bytes of stack that
// an inference used.
#include <cstdint>
#include <cstdio>

#include "compiled_model.h"

namespace {

namespace model = vigil::model::compiled;

constexpr std::uint32_t kPaint = 0xA5A5A5A5U;
constexpr std::uint32_t kWords = 1024;

std::int8_t input[model::kInputSize];
std::int8_t output[model::kOutputSize];

// Bytes below the stack pointer of this function, which calls nothing else meanwhile.
[[gnu::noinline]] std::uint32_t used_by_inference() {
    volatile std::uint32_t* top;
#if defined(__riscv)
    asm volatile("mv %0, sp" : "=r"(top));
#else
    asm volatile("mov %0, sp" : "=r"(top));
#endif
    for (std::uint32_t word = 1; word <= kWords; ++word) {
        *(top - word) = kPaint;
    }
    model::infer(input, output);
    std::uint32_t words = kWords;
    while (words > 0 && *(top - words) == kPaint) {
        --words;
    }
    return words * sizeof(std::uint32_t);
}

}  // namespace

int main() {
    std::FILE* in = std::fopen("inputs.bin", "rb");
    std::FILE* out = std::fopen("stack.bin", "wb");
    if (in == nullptr || out == nullptr) {
        return 2;
    }
    std::uint32_t most = 0;
    while (std::fread(input, 1, sizeof input, in) == sizeof input) {
        const std::uint32_t used = used_by_inference();
        most = used > most ? used : most;
    }
    if (std::fwrite(&most, 1, sizeof most, out) != sizeof most) {
        return 3;
    }
    return std::fclose(out);
}
