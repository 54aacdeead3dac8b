// Prints the quotient of each pair of numbers on standard input.
#include <cinttypes>
#include <cstdio>

#include "quotient.h"

int main() {
    std::uint64_t value = 0;
    std::uint32_t divisor = 0;
    while (std::scanf("%" SCNu64 " %" SCNu32, &value, &divisor) == 2) {
        std::printf("%" PRIu64 "\n", vigil::quotient(value, divisor));
    }
}
