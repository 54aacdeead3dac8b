// Runs every network of the table on windows of exactly its size, under sanitizers, which detect
// reads and writes outside the constants, the arena and both windows. Prints each network's number
// first, so that the last line names the one that failed.
#include <cstdio>
#include <vector>

#include "networks_runner.h"

int main() {
    for (std::uint32_t i = 0; i < kNetworkCount; ++i) {
        std::printf("%u\n", i);
        std::fflush(stdout);
        const Network& network = kNetworks[i];
        for (int pattern = 0; pattern < 4; ++pattern) {
            std::vector<std::int8_t> input(network.input_size);
            std::vector<std::int8_t> output(network.output_size);
            for (std::size_t k = 0; k < input.size(); ++k) {
                const int values[] = {-128, 127, k % 2 == 0 ? -128 : 127, static_cast<int>(k * 37)};
                input[k] = static_cast<std::int8_t>(values[pattern]);
            }
            network.infer(input.data(), output.data());
        }
    }
    return 0;
}
