// Runs every network of the table on the windows in inputs.bin and writes outputs.bin.
#include "networks_runner.h"

#include <cstdio>

namespace {

// Guard bytes around the output detect a kernel that writes past its end.
constexpr std::uint32_t kLargest = 1 << 14;
constexpr std::int8_t kGuard = 0x5A;
std::int8_t input[kLargest];
std::int8_t output[kLargest + 2];  // at an odd address, as callers need not align it

}  // namespace

int main() {
    std::FILE* in = std::fopen("inputs.bin", "rb");
    std::FILE* out = std::fopen("outputs.bin", "wb");
    if (in == nullptr || out == nullptr) {
        return 2;
    }
    for (std::uint32_t i = 0; i < kNetworkCount; ++i) {
        const Network& network = kNetworks[i];
        std::uint32_t windows = 0;
        if (std::fread(&windows, sizeof windows, 1, in) != 1 || network.input_size > kLargest ||
            network.output_size > kLargest) {
            return 3;
        }
#if defined(__SANITIZE_ADDRESS__)
        // At the buffer's end, where the sanitizer detects a read past it.
        std::int8_t* const window = input + kLargest - network.input_size;
#else
        std::int8_t* const window = input;
#endif
        for (std::uint32_t w = 0; w < windows; ++w) {
            if (std::fread(window, 1, network.input_size, in) != network.input_size) {
                return 4;
            }
            output[0] = output[network.output_size + 1] = kGuard;
            network.infer(window, output + 1);
            if (output[0] != kGuard || output[network.output_size + 1] != kGuard) {
                return 5;
            }
            if (std::fwrite(output + 1, 1, network.output_size, out) != network.output_size) {
                return 6;
            }
        }
    }
    return std::fclose(out);
}
