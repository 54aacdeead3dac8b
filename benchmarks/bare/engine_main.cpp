// Counts the instructions of every step of one compiled model, on the emulated machine.
#include <cstdint>
#include <cstdio>

#include "compiled_model.h"

namespace {

constexpr std::uint32_t kMarks = 64;
std::uint32_t ticks[kMarks];
std::uint32_t marks;

volatile std::uint32_t* const kTimer = reinterpret_cast<volatile std::uint32_t*>(0x40000000);

std::int8_t input[vigil::model::compiled::kInputSize];
std::int8_t output[vigil::model::compiled::kOutputSize];

}  // namespace

// The generated source calls this after each step.
void bench_mark() {
    if (marks < kMarks) {
        ticks[marks++] = kTimer[1];  // counts down
    }
}

int main() {
    kTimer[2] = 0xFFFFFFFF;  // reload
    kTimer[1] = 0xFFFFFFFF;
    kTimer[0] = 1;  // enable
    std::FILE* in = std::fopen("inputs.bin", "rb");
    if (in == nullptr) {
        return 2;
    }
    std::uint32_t run = 0;
    while (std::fread(input, 1, sizeof input, in) == sizeof input) {
        marks = 0;
        bench_mark();
        bench_mark();  // between these two: what a mark itself costs
        vigil::model::compiled::infer(input, output);
        bench_mark();
        std::printf("%u", static_cast<unsigned>(run++));
        for (std::uint32_t i = 1; i < marks; ++i) {
            std::printf(" %u", static_cast<unsigned>(ticks[i - 1] - ticks[i]));
        }
        std::printf("\n");
    }
    return 0;
}
