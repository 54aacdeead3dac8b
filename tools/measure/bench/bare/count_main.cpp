// Runs the model on the windows of inputs.bin, writes outputs.bin, and prints the ticks of SysTick
// that each inference takes. Every Cortex-M in QEMU has that timer, of 24 bits, counting down.
#include <cstdint>
#include <cstdio>

#include "compiled_model.h"

namespace {

namespace model = vigil::model::compiled;

std::int8_t input[model::kInputSize];
std::int8_t output[model::kOutputSize];

constexpr std::uint32_t kWrap = 0xFFFFFF;

volatile std::uint32_t& systick(std::uint32_t offset) {
    return *reinterpret_cast<volatile std::uint32_t*>(0xE000E010U + offset);
}

}  // namespace

int main() {
    systick(4) = kWrap;
    systick(8) = 0;
    systick(0) = 5;  // on, at the processor's clock, without interrupt
    std::FILE* in = std::fopen("inputs.bin", "rb");
    std::FILE* out = std::fopen("outputs.bin", "wb");
    if (in == nullptr || out == nullptr) {
        return 2;
    }
    while (std::fread(input, 1, sizeof input, in) == sizeof input) {
        const std::uint32_t start = systick(8);
        model::infer(input, output);
        const std::uint32_t end = systick(8);
        std::printf("%lu\n", static_cast<unsigned long>((start - end) & kWrap));
        if (std::fwrite(output, 1, sizeof output, out) != sizeof output) {
            return 3;
        }
    }
    return std::fclose(out);
}
