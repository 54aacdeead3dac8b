// Runs the model on the windows of inputs.bin, and writes outputs.bin and the ticks that each
// inference takes, ticks.bin.
#include <cstdint>
#include <cstdio>

#include "compiled_model.h"

namespace {

namespace model = vigil::model::compiled;

std::int8_t input[model::kInputSize];
std::int8_t output[model::kOutputSize];

#if defined(__riscv)
// With -icount, QEMU counts nanoseconds in mcycle.
void start_clock() {}
std::uint32_t clock_now() {
    std::uint32_t now;
    asm volatile("csrr %0, mcycle" : "=r"(now));
    return now;
}
std::uint32_t ticks(std::uint32_t start, std::uint32_t end) {
    return end - start;
}
#else
// SysTick, which every Cortex-M in QEMU has: 24 bits, counting down.
constexpr std::uint32_t kWrap = 0xFFFFFF;

volatile std::uint32_t& systick(std::uint32_t offset) {
    return *reinterpret_cast<volatile std::uint32_t*>(0xE000E010U + offset);
}
void start_clock() {
    systick(4) = kWrap;
    systick(8) = 0;
    systick(0) = 5;  // on, at the processor's clock, without interrupt
}
std::uint32_t clock_now() {
    return systick(8);
}
std::uint32_t ticks(std::uint32_t start, std::uint32_t end) {
    return (start - end) & kWrap;
}
#endif

}  // namespace

int main() {
    start_clock();
    std::FILE* in = std::fopen("inputs.bin", "rb");
    std::FILE* out = std::fopen("outputs.bin", "wb");
    std::FILE* counts = std::fopen("ticks.bin", "wb");
    if (in == nullptr || out == nullptr || counts == nullptr) {
        return 2;
    }
    while (std::fread(input, 1, sizeof input, in) == sizeof input) {
        const std::uint32_t start = clock_now();
        model::infer(input, output);
        const std::uint32_t count = ticks(start, clock_now());
        if (std::fwrite(output, 1, sizeof output, out) != sizeof output ||
            std::fwrite(&count, 1, sizeof count, counts) != sizeof count) {
            return 3;
        }
    }
    return std::fclose(counts) + std::fclose(out);
}
